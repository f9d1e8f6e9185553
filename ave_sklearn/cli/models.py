"""Models of the command line: pipelines of an extractor and a localizer, made, saved and loaded."""

from ave_sklearn.cli.terminal import say


def make_localizer(args):
    """Return an estimator with the parameters of --set."""
    from ave_sklearn.localizers import EventLocalizer, WeakEventLocalizer
    from ave_sklearn.localizers._psp import PSPLocalizer, WeakPSPLocalizer

    if args.network is None:
        localizer = WeakPSPLocalizer() if args.weak else PSPLocalizer()
    else:
        localizer = (WeakEventLocalizer if args.weak else EventLocalizer)(network=args.network)
    localizer.set_params(verbose=int(not args.quiet))
    given = dict(args.set)
    check_names("--set", given, localizer)
    if args.random_state is not None:
        given = {"random_state": args.random_state, **given}
    return localizer.set_params(**given)


def check_names(option, names, localizer):
    """Refuse names that are no parameters of an estimator; `option` is where they come from."""
    known = localizer.get_params()
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"{option} {unknown[0]}: {type(localizer).__name__} has the parameters {', '.join(known)}.")


def save_model(extractor, localizer, file):
    """Save the extractor of features and the localizer that was fitted to them as one pipeline, whole or not at all."""
    import joblib
    from sklearn.pipeline import Pipeline

    from ave_sklearn._files import whole_file

    with whole_file(file) as temporary:
        joblib.dump(Pipeline([("extract", extractor), ("localize", localizer)]), temporary)


def load_model(file):
    """Load a pipeline of `save_model`; the message of each error names the file."""
    import joblib
    from sklearn.pipeline import Pipeline
    from sklearn.utils.validation import check_is_fitted

    from ave_sklearn._files import reading

    try:
        with reading(file, "a model", parsing=True):  # an unpickler may raise anything about a file that is no pickle
            model = joblib.load(file)
            steps = dict(model.steps) if isinstance(model, Pipeline) else {}
    except ImportError as error:  # a damaged name of a class looks the same
        raise ValueError(f"{file} cannot be read as a model: {error}") from error
    if not (hasattr(steps.get("extract"), "transform") and hasattr(steps.get("localize"), "predict_events")):
        raise ValueError(f"{file} holds a {type(model).__name__}, not a model of 'ave-sklearn fit'.")
    with reading(file, "a fitted model"):
        check_is_fitted(steps["localize"])
    return model


def grid_of(extractor):
    """Return the grid of an extractor's features."""
    from ave_sklearn._targets.grid import check_grid

    return check_grid(extractor.segment_seconds, extractor.hop_seconds)


def note_code(extractor, args):
    """Say which code an extractor imports when it is at work, beside the package's own."""
    from ave_sklearn.extraction._presets import is_reference

    for name in ("visual", "audio"):
        given = getattr(extractor, name, None)
        if is_reference(given) and not args.quiet:
            say("note", f"{name}={given!r}: 'ave-sklearn predict' imports and runs that code")
