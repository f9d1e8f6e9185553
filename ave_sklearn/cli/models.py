"""Models of the command line: pipelines of an extractor and a localizer, made, saved and loaded."""

from ave_sklearn.cli.arguments import shows_progress
from ave_sklearn.cli.terminal import say


def make_localizer(args):
    """Return an estimator with the parameters of --set."""
    from ave_sklearn.localizers import EventLocalizer, WeakEventLocalizer
    from ave_sklearn.localizers._psp import PSPLocalizer, WeakPSPLocalizer

    if args.network is None:
        localizer = WeakPSPLocalizer() if args.weak else PSPLocalizer()
    else:
        localizer = (WeakEventLocalizer if args.weak else EventLocalizer)(network=args.network)
    localizer.set_params(verbose=shows_progress(args))
    given = dict(args.set)
    check_names("--set", given, localizer)
    if args.random_state is not None:
        given = {"random_state": args.random_state, **given}
    say("detail", localizer.set_params(**given))
    return localizer


def check_names(option, names, localizer):
    """Refuse names that are no parameters of an estimator; `option` is where they come from."""
    known = localizer.get_params()
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"{option} {unknown[0]}: {type(localizer).__name__} has the parameters {', '.join(known)}.")


def save_model(extractor, localizer, file):
    """Save the extractor of features and the localizer that was fitted to them as one pipeline, whole or not at all.

    What cannot be written there at the end is saved elsewhere; see `rescued`.
    """
    import joblib
    from sklearn.pipeline import Pipeline

    from ave_sklearn.cli.rescue import rescued

    model = Pipeline([("extract", extractor), ("localize", localizer)])
    rescued(file, lambda path: joblib.dump(model, path))


def load_model(file):
    """Load a pipeline of `save_model`; the message of each error names the file, and says what it is instead."""
    import joblib
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    from ave_sklearn._files import reading
    from ave_sklearn.cli.file_kinds import other_than_pickle

    if kind := other_than_pickle(file):
        raise _no_model(file, f"it is {kind}")
    try:
        with reading(file, "a model", parsing=True):  # an unpickler may raise anything about a file that is no pickle
            model = joblib.load(file)
            other = _other_than_model(model)
    except (ValueError, ImportError) as error:  # a damaged name of a class is an ImportError
        cause = str(error).removeprefix(f"{file} cannot be read as a model: ")  # of `reading`
        raise _no_model(file, f"it is cut off, damaged or of another program ({cause})") from error
    if other:
        raise _no_model(file, f"it holds {other}")
    with reading(file, "a fitted model"):
        try:
            check_is_fitted(model.named_steps["localize"])
        except NotFittedError as error:
            raise _no_model(file, "its localizer was never fitted") from error
    say("detail", f"read {file}: {model.named_steps['extract']}, {model.named_steps['localize']}")
    return model


def _other_than_model(model):
    """Say what a loaded object is if it is no pipeline of `save_model`; else return None."""
    from sklearn.pipeline import Pipeline

    if not isinstance(model, Pipeline):
        without = " without the extractor of its features" if hasattr(model, "predict_events") else ""
        return f"an object of the type {type(model).__name__}{without}"
    steps = dict(model.steps)
    if hasattr(steps.get("extract"), "transform") and hasattr(steps.get("localize"), "predict_events"):
        return None
    return f"a Pipeline of the steps {', '.join(map(repr, steps))}; wanted 'extract' and 'localize'"


def _no_model(file, reason):
    return ValueError(f"{file} is no model of 'ave-sklearn fit': {reason}.")


def grid_of(extractor):
    """Return the grid of an extractor's features."""
    from ave_sklearn._targets.grid import check_grid

    return check_grid(extractor.segment_seconds, extractor.hop_seconds)


def note_code(extractor, command="predict"):
    """Say which code an extractor imports when it is at work, by a command, beside the package's own."""
    from ave_sklearn.extraction._presets import is_reference

    for name in ("visual", "audio"):
        given = getattr(extractor, name, None)
        if is_reference(given):
            say("note", f"--{name} {given}: 'ave-sklearn {command}' imports and runs that code")
