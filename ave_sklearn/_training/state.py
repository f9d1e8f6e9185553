"""State of a module: what is kept of a fitted network, and put into one that is built anew by its constructor."""

import copy
import pickle
import random
from collections import OrderedDict
from contextlib import contextmanager

import numpy as np
import torch
from torch.nn.parameter import is_lazy

from ave_sklearn.nn.standardize import StandardizedNetwork, WideStatistics

EXTRA_STATE = "_extra_state"  # torch's name for what get_extra_state returns
MARGIN = 128  # roundings by which two runs of one network may differ, on a GPU for example


def module_state(module):
    """Return a copy of the state of a module, by name: its state dict, and the buffers that are not persistent."""
    return {name: portable(x) if is_extra(name) else x.clone() for name, x in shared_state(module).items()}


def shared_state(module):
    """Return the state itself, on the memory of the module."""
    state = dict(module.named_buffers(remove_duplicate=False)) | module.state_dict()
    return {name: value if is_extra(name) else value.detach() for name, value in state.items()}


def load_module_state(module, state):
    """Set a module to a `state` of :func:`module_state`; buffers may have changed their shape.

    Raises
    ------
    RuntimeError
        For a state of other names, or of parameters of another shape; whatever else a module of the user's raises.
    """
    known, assigned = module.state_dict(), set()
    for name, value in state.items():
        place, _, leaf = name.rpartition(".")
        fits = name in known and (is_extra(name) or is_lazy(known[name]) or known[name].shape == value.shape)
        if not fits and is_buffer(module, place, leaf):
            setattr(module.get_submodule(place), leaf, value)
            assigned.add(name)
    known = module.state_dict().keys()
    module.load_state_dict({name: value for name, value in state.items() if name in known or name not in assigned})


def check_state(module, arrays):
    """Raise ValueError where ndarrays are not the state of a module of this package, which may be on the meta device.

    They must be as many, of the same names, shapes and types, and finite. Statistics in float64 may come in addition,
    see :class:`ave_sklearn.nn.standardize.Standardize`.
    """
    wanted = {name: (tuple(x.shape), numpy_type(x.dtype)) for name, x in shared_state(module).items()}
    for name, wide in wide_statistics(arrays).items():
        wanted[wide] = wanted[name][0], np.dtype(np.float64)
    if wanted.keys() != arrays.keys():
        missing, more = (
            sorted(map(str, x))[:5] for x in (wanted.keys() - arrays.keys(), arrays.keys() - wanted.keys())
        )
        raise ValueError(f"its weights are not those of its network: {missing} are missing, {more} are not known")
    for name, x in arrays.items():
        got = (x.shape, x.dtype) if isinstance(x, np.ndarray | np.generic) else type(x).__name__
        if got != wanted[name]:
            raise ValueError(f"its {name} has shape and type {got}; its network wants {wanted[name]}")
        if not np.isfinite(x).all():
            raise ValueError(f"its {name} has values that are NaN or infinite; wanted finite ones")


def wide_statistics(arrays):
    """Return the names of statistics in float64, by those of their buffers; ValueError for a mean without a scale."""
    found = {}
    for place in ("audio_scaling", "visual_scaling"):
        pair = {f"{place}.{name}": f"{place}.wide_{name}" for name in WideStatistics._fields}
        n_found = sum(wide in arrays for wide in pair.values())
        if n_found == 1:
            raise ValueError(f"it has one of {list(pair.values())} without the other")
        found |= pair if n_found else {}
    return found


def numpy_type(dtype):
    """Return NumPy's form of a torch.dtype."""
    return torch.empty(0, dtype=dtype).numpy().dtype


def check_learned(module):
    """Raise ValueError for weights and statistics, of any network, that no training leaves."""
    for name, weight in module.named_parameters():
        if weight.requires_grad and not weight.isfinite().all():
            raise ValueError(f"its {name} has values that are NaN or infinite; wanted finite ones")
    if isinstance(module, StandardizedNetwork):
        for layer in (module.audio_scaling, module.visual_scaling):
            for mean, scale in ((layer.mean, layer.scale), layer.wide or (torch.zeros(1), torch.ones(()))):
                if not (mean.isfinite().all() and scale.isfinite() and scale > 0):
                    raise ValueError(f"its mean or scale of features ({scale.item()}) is none; wanted finite ones")


def is_buffer(module, place, leaf):
    """Whether the submodule at `place` has an attribute `leaf` that may hold a buffer."""
    owner = dict(module.named_modules(remove_duplicate=False)).get(place)
    return owner is not None and hasattr(owner, leaf) and not isinstance(getattr(owner, leaf), torch.nn.Parameter)


def state_arrays(module):
    """Return the state of a module with ndarrays, on its memory, in place of the Tensors; extra state is a copy."""
    return {name: portable(x) if is_extra(name) else x.cpu().numpy() for name, x in shared_state(module).items()}


def state_tensors(arrays):
    """Return what :func:`state_arrays` was made of, as a copy."""
    return {name: portable(x) if is_extra(name) else torch.from_numpy(np.array(x)) for name, x in arrays.items()}


def is_extra(name):
    """Whether this is the name of an extra state."""
    return name.rpartition(".")[2] == EXTRA_STATE


def portable(value):
    """Return a copy of an extra state, its Tensors on the CPU."""
    if torch.is_tensor(value):
        return value.detach().cpu().clone()
    if type(value) in (list, tuple):
        return type(value)(portable(part) for part in value)
    if type(value) in (dict, OrderedDict):
        return type(value)((key, portable(part)) for key, part in value.items())
    return copy.deepcopy(value)


def first_difference(outputs, others):
    """Return the name of the first of the `outputs`, a dict of a network, that differs from `others`, or None."""
    for name in {**outputs, **others}:
        x, y = outputs.get(name), others.get(name)
        if torch.is_tensor(x) != torch.is_tensor(y) or (torch.is_tensor(x) and not is_close(x, y)):
            return name
    return None


def is_close(x, y):
    """Whether two Tensors are of one type and shape, and equal but for some roundings."""
    if x.shape != y.shape or x.dtype != y.dtype:
        return False
    if not x.is_floating_point() or not x.numel():
        return torch.equal(x, y)
    margin = MARGIN * torch.finfo(x.dtype).eps
    size = x.abs().nan_to_num(0, 0, 0).max().item()
    return torch.allclose(x, y, rtol=margin, atol=margin * size, equal_nan=True)


@contextmanager
def kept_generators():
    """Set the global generators of NumPy and Python back; yields a function that tells whether they moved."""
    before = global_generators()

    def have_moved():
        """Whether they are elsewhere than at the begin."""
        return pickle.dumps(global_generators()) != pickle.dumps(before)

    try:
        yield have_moved
    finally:
        if have_moved():  # other threads draw from them too
            random.setstate(before[0])
            np.random.set_state(before[1])  # noqa: NPY002


def global_generators():
    """Return the states of the global generators of Python and NumPy."""
    return random.getstate(), np.random.get_state(legacy=False)  # noqa: NPY002
