"""Weights that the authors released: read without running code, and renamed to this package's networks."""

import os
from collections.abc import Mapping
from contextlib import contextmanager

import numpy as np
import torch

from ave_sklearn._checkpoints import check_kind, check_shape, float_weights, open_checkpoint, shown, summary
from ave_sklearn._targets.encoding import Targets, sorted_classes
from ave_sklearn._targets.labels import background_code
from ave_sklearn.nn import NETWORKS

N_SEGMENTS = 10  # of the videos that the authors trained on
RELEASED_PARAMS = {"variant": "released", "hidden_size": 256, "standardize": False, "feature_dropout": 0.0}

SHARED_NAMES = {
    "attention.affine_audio": "encoder.attention.audio",
    "attention.affine_video": "encoder.attention.visual",
    "attention.affine_v": "encoder.attention.visual_key",
    "attention.affine_g": "encoder.attention.audio_key",
    "attention.affine_h": "encoder.attention.score",
    "lstm_a_v.lstm_audio": "encoder.audio_lstm.lstm",
    "lstm_a_v.lstm_video": "encoder.visual_lstm.lstm",
    "psp.v_L2": "psp.w1_v",
    "psp.a_L1": "psp.w1_a",
    "psp.v_L1": "psp.w2_v",
    "psp.a_L2": "psp.w2_a",
    "psp.layer_norm": "fusion.norm",
}
FULL_NAMES = {
    **SHARED_NAMES,
    "fa.0": "encoder.audio_input.0",
    "fa.1": "encoder.audio_input.1",
    "fv.0": "encoder.visual_input.0",
    "fv.1": "encoder.visual_input.1",
    "psp.v_fc": "fusion.w3_v",
    "psp.a_fc": "fusion.w3_a",
    "L1": "head.hidden",
    "L2": "head.output",
}
WEAK_NAMES = {
    **SHARED_NAMES,
    "linear_v": "encoder.visual_input",
    "L1": "head.scores.hidden",
    "L2": "head.scores.output",
    "W3": "head.weighting",
}


def open_released(checkpoint):
    """Return a context that yields the tensors of a checkpoint by name; its errors name the file, or the argument."""
    if isinstance(checkpoint, Mapping):
        return naming_argument(checkpoint)
    if isinstance(checkpoint, str | bytes | os.PathLike):
        return open_checkpoint(checkpoint, "the authors' weights of PSP")
    raise TypeError(f"checkpoint is a {type(checkpoint).__name__}; wanted a path or a dict of tensors.")


@contextmanager
def naming_argument(tensors):
    """Yield `tensors`, and let a ValueError of the block name the argument that they are."""
    try:
        yield tensors
    except ValueError as error:
        raise ValueError(f"checkpoint cannot be read as the authors' weights of PSP: {error}") from error


def rename(state_dict, names):
    """Return the entries of the authors' `state_dict` under this package's names; unused weights are dropped.

    Returns
    -------
    renamed : dict
    theirs : dict of str
        The authors' names, by this package's.

    Raises
    ------
    ValueError
        Naming weights that are missing.
    """
    if any(type(key) is not str for key in state_dict):
        raise ValueError(f"its keys are {summary(state_dict)}; wanted names of weights")
    renamed, theirs, missing = {}, {}, []
    state_dict = {key.removeprefix("module."): value for key, value in state_dict.items()}
    for prefix, ours in names.items():
        found = {key: value for key, value in state_dict.items() if key.startswith(prefix + ".")}
        if not found:
            missing.append(prefix)
        for key, value in found.items():
            name = ours + key.removeprefix(prefix)
            renamed[name], theirs[name] = value, key
    if missing:
        raise ValueError(f"it lacks the weights {missing}; it holds {summary(state_dict)}{within(state_dict)}")
    return renamed, theirs


def within(state_dict):
    """Return a hint where one of the values is a dict of its own, as in checkpoints of a training."""
    inner = [key for key, value in state_dict.items() if isinstance(value, Mapping) and value]
    return f"; save or pass one of the dicts in it, such as {shown(inner[0])!r}, by itself" if inner else ""


def sort_classes(weights, order, head):
    """Reorder the class columns of the authors' weights by `order`, in place of their own order."""
    weights[f"{head}.weight"] = weights[f"{head}.weight"][order]
    if "head.weighting.weight" in weights:
        weights["head.weighting.weight"] = weights["head.weighting.weight"][:, order]
    return {name: value.numpy() for name, value in weights.items()}


def square_map(n_regions):
    """Return (H, W) of a square map of `n_regions` regions."""
    side = int(np.sqrt(n_regions))
    return side, n_regions // side


def layout_of_weights(weights):
    """Return the layout of the videos that released `weights`, by this package's names, were trained on."""
    audio = weights.get("encoder.audio_input.0.weight", weights["encoder.attention.audio.weight"])
    visual, regions = (weights[f"encoder.attention.{name}.weight"] for name in ("visual", "audio_key"))
    return {
        "n_audio_features": audio.shape[1],
        "n_visual_features": visual.shape[1],
        "map_size": square_map(regions.shape[0]),
        "n_segments": N_SEGMENTS,
    }


def released_shapes(layout, n_classes, supervision):
    """Return the shapes of the weights of the released network, by this package's names."""
    widths = layout["n_audio_features"], layout["n_visual_features"]
    params = {"supervision": supervision, "variant": "released", "hidden_size": RELEASED_PARAMS["hidden_size"]}
    with torch.device("meta"):
        network = NETWORKS["psp"](*widths, n_classes, int(np.prod(layout["map_size"])), **params)
    return {name: value.shape for name, value in network.state_dict().items()}


def check_weights(weights, theirs, names):
    """Return the layout that weights, by this package's names, are of; ValueError if they are of another network.

    Parameters
    ----------
    weights : dict
        By this package's names, not read yet.
    theirs, names
        As :func:`rename` returns and takes them.
    """
    supervision = "weak" if names is WEAK_NAMES else "full"
    any_layout = {"n_audio_features": 1, "n_visual_features": 1, "map_size": (1, 1)}
    wanted = released_shapes(any_layout, 2, supervision)
    back = {ours: prefix for prefix, ours in names.items()}
    for name in wanted.keys() - weights.keys():
        ours = next(ours for ours in names.values() if name.startswith(ours + "."))
        raise ValueError(f"it lacks the weights {back[ours]}{name.removeprefix(ours)}")
    if more := [shown(theirs[name]) for name in weights if name not in wanted]:
        raise ValueError(f"its layers have the weights {more[:5]} too, which the released network has not")
    for name, value in weights.items():
        check_kind(theirs[name], value)
        if len(value.shape) != len(wanted[name]) or 0 in value.shape:
            raise ValueError(f"{theirs[name]} must have {len(wanted[name])} axes, got shape {tuple(value.shape)}")
    layout = layout_of_weights(weights)
    n_classes = weights[f"{names['L2']}.weight"].shape[0]
    for name, shape in released_shapes(layout, n_classes, supervision).items():
        check_shape(theirs[name], weights[name], shape)
    return layout


def read_weights(checkpoint, names):
    """Read the weights of a checkpoint.

    Returns
    -------
    layout : dict
    weights : dict of Tensor
        Of float32, by this package's names.
    """
    with open_released(checkpoint) as tensors:
        weights, theirs = rename(tensors, names)
        layout = check_weights(weights, theirs, names)
        read = float_weights({theirs[name]: value for name, value in weights.items()})
        return layout, {name: read[theirs[name]] for name in weights}


def read_released(checkpoint, names, classes, background, tau):
    """Read a checkpoint of the authors.

    Parameters
    ----------
    checkpoint : str, path or dict of tensors
    names : dict
        From the authors' names to this package's: `FULL_NAMES` or `WEAK_NAMES`.
    classes, background, tau
        As of ``PSPLocalizer.from_released``.

    Returns
    -------
    layout : dict
        Of the videos that the weights were trained on.
    targets : Targets
        Without values.
    weights : dict of ndarrays
        By this package's names, class columns sorted.

    Raises
    ------
    ValueError
        If weights are missing, damaged, or of another network; the message names the file. Or if `classes` are not as
        many as theirs with `background` among them.
    """
    layout, weights = read_weights(checkpoint, names)
    head = names["L2"]
    n_classes = len(weights[f"{head}.weight"])
    sorted_labels, order = sorted_classes(classes)
    code = background_code(sorted_labels, background)
    if len(sorted_labels) != n_classes or code is None:
        raise ValueError(
            f"classes is {list(classes)} with the background {background!r}; wanted {n_classes} labels, the "
            "background label among them."
        )
    if tau is None:
        weights = {name: value for name, value in weights.items() if not name.startswith("psp.")}
    return layout, Targets(None, sorted_labels, code), sort_classes(weights, order, head)
