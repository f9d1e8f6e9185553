"""Comparison of how features were extracted: the parameters and networks that they depend on, and no others."""

import filecmp
import ntpath
import os

from ave_sklearn._checks import plain
from ave_sklearn._targets.grid import check_grid
from ave_sklearn._user_warnings import warn_user
from ave_sklearn.extraction._hash import digest_file, digest_network
from ave_sklearn.extraction._presets import resolve_preprocessing
from ave_sklearn.extraction._weights import takes_users_weights

NOT_KEPT = {"n_jobs", "memory", "verbose", "on_error", "batch_size", "device", "weights_dir"}  # not about the result
WHICH_CLIPS = ("max_damage", "short")  # these tell which clips are used, not what their features are


def recipe_of(extractor, names):
    """Return what the features of an extractor depend on.

    Parameters
    ----------
    extractor : VideoFeatureExtractor
        Or one that has some of its parameters.
    names : iterable of str
        The parameters that are about the result.

    Returns
    -------
    recipe : dict of str to str, int, float or None
        Two ways to say the same are one: hop_seconds of None and the length of a segment, preprocessing of "auto" and
        what it stands for. ``weights`` are left out where no network takes them, and so is whatever is no plain value,
        as a network that is no text. ``networks`` is a dict of the digests that are known.
    """
    recipe = {name: plain(getattr(extractor, name)) for name in sorted(names) if hasattr(extractor, name)}
    grid = check_grid(extractor.segment_seconds, extractor.hop_seconds)
    recipe |= {"segment_seconds": grid.segment_seconds, "hop_seconds": grid.hop_seconds}
    visual, audio = recipe.get("visual"), recipe.get("audio")
    if "preprocessing" in recipe:
        recipe["preprocessing"] = resolve_preprocessing(recipe["preprocessing"], visual)
    if not (takes_users_weights(visual) or takes_users_weights(audio)):
        recipe.pop("weights", None)
    if isinstance(recipe.get("pca_params"), os.PathLike):
        recipe["pca_params"] = os.fspath(recipe["pca_params"])
    recipe = {name: value for name, value in recipe.items() if isinstance(value, str | int | float | None)}
    return recipe | {"networks": getattr(extractor, "networks_", {})}


def differences(one, other, *, leave_out=()):
    """Return in what two recipes differ, as a list of (name, value in one, value in other); what one lacks is equal."""
    names = [name for name in one if name in other and name not in {"networks", *leave_out}]
    found = [(name, one[name], other[name]) for name in names if not _is_same(name, one[name], other[name])]
    for name, digest in one["networks"].items():
        its = other["networks"].get(name, digest)
        if its != digest and name not in {name for name, *_ in found}:  # another network has another digest
            found.append((f"the digest of the weights or the code of {name}", digest, its))
    return found


def say_differences(found, one, other):
    """Write what `differences` found between what messages call `one` and `other`."""
    return "; ".join(f"{name} is {its!r} in {one} and {others!r} in {other}" for name, its, others in found)


def _is_same(name, one, other):
    """Whether two values of a parameter are the same; a PCA may lie elsewhere on another machine."""
    if name != "pca_params" or one is None or other is None or one == other:
        return one == other
    if os.path.isfile(one) and os.path.isfile(other):
        return filecmp.cmp(one, other, shallow=False)
    return ntpath.basename(one) == ntpath.basename(other)  # which knows the paths of all systems


# ---------------------------------------------------------------- networks
def in_words(extractor, recipe, networks):
    """Return what the features of an extractor depend on in values of JSON: parameters, and digests of the networks.

    Parameters
    ----------
    extractor : VideoFeatureExtractor
    recipe : Recipe
    networks : iterable of Network
        Both of them.

    Returns
    -------
    words : dict
        ``parameters`` and ``networks``, by their names.
    """
    params = extractor.get_params(deep=False) | {"hop_seconds": recipe.grid.hop_seconds}
    params |= {"preprocessing": recipe.preprocessing}
    kept = {name: value for name, value in params.items() if name not in {*NOT_KEPT, "pca_params"}}
    words = {name: type(value).__name__ if callable(value) else value for name, value in kept.items()}
    digests = _digests(extractor, networks, {"visual", "audio", "pca_params"})
    if callable(recipe.preprocessing):
        digests["preprocessing"] = digest_network(recipe.preprocessing, recipe.preprocessing, None)
    return {"parameters": words, "networks": digests}


def _digests(extractor, networks, names):
    """Return the digests of those networks, and of the file of the PCA, that are among the names."""
    used = [own for own in networks if own.argument in names]
    digests = {own.argument: digest_network(getattr(extractor, own.argument), own.given, own.file) for own in used}
    if extractor.pca_params is not None and "pca_params" in names:
        digests["pca_params"] = digest_file(extractor.pca_params)
    return digests


def keep_digests(extractor, digests):
    """Keep the digests of networks as ``networks_``, and whose they are: parameters may be set to others later."""
    extractor.networks_ = digests
    extractor._digested = {name: _named(extractor, name) for name in digests}


def _named(extractor, argument):
    """Return what names the network of an argument, or the file of its PCA."""
    given = getattr(extractor, argument)
    return given, extractor.weights if takes_users_weights(given) else None


def warn_of_other_networks(extractor, networks):
    """Warn of networks that are others by the same names than those of which an extractor keeps the digests."""
    kept, named = getattr(extractor, "networks_", {}), getattr(extractor, "_digested", {})
    known = {name for name in kept if named.get(name) == _named(extractor, name)}
    others = [
        f"{name}={getattr(extractor, name)!r} (digest {kept[name]}, now {digest})"
        for name, digest in _digests(extractor, networks, known).items()
        if digest != kept[name]
    ]
    if others:
        warn_user(
            f"the features will not be such as the model was fitted to, and its predictions may be wrong: other "
            f"weights or code of {'; '.join(others)}. Put the old ones back, or extract its features again and fit "
            "it to them."
        )
