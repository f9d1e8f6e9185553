"""The authors' checkpoints: read without running code, and renamed to this package's networks."""

import pickle
import warnings
from collections import OrderedDict
from types import SimpleNamespace

import numpy as np
import torch
from torch.serialization import SourceChangeWarning

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
FULLY_NAMES = {
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
WEAKLY_NAMES = {
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
