"""Weights that the authors released: read without running code, and renamed to this package's networks."""

import pickle
import warnings
from collections import OrderedDict
from types import SimpleNamespace

import numpy as np
import torch
from torch.serialization import SourceChangeWarning

from ave_sklearn._targets.encoding import Targets, sorted_classes
from ave_sklearn._targets.labels import background_code

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
TENSOR_BUILDERS = {
    ("collections", "OrderedDict"): OrderedDict,
    ("__builtin__", "set"): set,
    ("builtins", "set"): set,
    ("torch._utils", "_rebuild_tensor"): torch._utils._rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    ("torch._utils", "_rebuild_parameter"): torch._utils._rebuild_parameter,
}


class ModuleStub:
    """Stands in for a pickled module: keeps its attributes, runs none of its code."""

    dump_patches = False  # torch asks for it

    def __setstate__(self, state):
        self.__dict__.update(state)


class TensorUnpickler(pickle.Unpickler):
    """Unpickler that knows tensors, and makes a stub of any network class.

    Anything else in a file, such as a function that it wants called, raises UnpicklingError.
    """

    def find_class(self, module, name):
        """Return a builder of tensors or :class:`ModuleStub`."""
        if (module, name) in TENSOR_BUILDERS:
            return TENSOR_BUILDERS[module, name]
        if module in ("torch", "torch.storage") and name.endswith("Storage"):
            return super().find_class(module, name)
        if module.startswith("torch.nn.") or module in ("fully_model", "weakly_model", "__main__"):
            return ModuleStub
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a checkpoint of weights")


def read_state_dict(path):
    """Return the weights in the file `path`, a state dict or a whole pickled module, as a dict of tensors.

    Nothing in the file gets executed. The authors' ``PSP_fully.pt`` and ``PSP_weakly.pt`` are whole modules.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        restricted = SimpleNamespace(Unpickler=TensorUnpickler, load=_load, __name__="restricted")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SourceChangeWarning)  # the source is a stub's
            content = torch.load(path, map_location="cpu", weights_only=False, pickle_module=restricted)
    return collect_tensors(content) if isinstance(content, ModuleStub) else content


def _load(file, **options):
    return TensorUnpickler(file, **options).load()


def collect_tensors(stub, prefix=""):
    """Return the parameters and buffers of a stub and of the stubs in it, by their dotted names."""
    found = {}
    for store in ("_parameters", "_buffers"):
        for name, tensor in vars(stub).get(store, {}).items():
            if tensor is not None:
                found[prefix + name] = tensor
    for name, child in vars(stub).get("_modules", {}).items():
        if child is not None:
            found.update(collect_tensors(child, f"{prefix}{name}."))
    return found


def rename(state_dict, names):
    """Return the entries of the authors' `state_dict` under this package's names; unused weights are dropped.

    Raises
    ------
    ValueError
        Naming weights that are missing.
    """
    renamed, missing = {}, []
    state_dict = {key.removeprefix("module."): value for key, value in state_dict.items()}
    for theirs, ours in names.items():
        found = {key: value for key, value in state_dict.items() if key.startswith(theirs + ".")}
        if not found:
            missing.append(theirs)
        for key, value in found.items():
            renamed[ours + key.removeprefix(theirs)] = value.detach().float()
    if missing:
        raise ValueError(f"The checkpoint lacks the weights {missing}; it holds {sorted(state_dict)}.")
    return renamed


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
    return {
        "n_audio_features": audio.shape[1],
        "n_visual_features": weights["encoder.attention.visual.weight"].shape[1],
        "map_size": square_map(len(weights["encoder.attention.audio_key.weight"])),
        "n_segments": N_SEGMENTS,
    }


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
        If weights are missing, or `classes` are not as many as theirs with `background` among them.
    """
    state_dict = checkpoint if hasattr(checkpoint, "items") else read_state_dict(checkpoint)
    weights = rename(state_dict, names)
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
    layout = layout_of_weights(weights)
    return layout, Targets(None, sorted_labels, code), sort_classes(weights, order, head)
