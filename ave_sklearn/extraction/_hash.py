"""Hash of a network, which tells it from another in a cache."""

import inspect
import pickle

import joblib
import torch


def owner_of(function):
    """Return the object of a bound method; anything else is its own."""
    return getattr(function, "__self__", function)


def hash_callable(function):
    """Hash a network: of a module its weights, settings and source, of a function its source and what it encloses.

    Raises
    ------
    ValueError
        If a part of it cannot be pickled.
    """
    try:
        return joblib.hash(_parts(function))
    except (pickle.PicklingError, RecursionError, AttributeError, TypeError) as error:
        raise ValueError(
            f"memory needs to tell networks apart, and cannot hash {function!r}: pass a torch.nn.Module, a function "
            "or an object that can be pickled, or memory=None."
        ) from error


def _parts(function):
    """Return what makes a callable what it is, in values that can be pickled."""
    owner = owner_of(function)
    if isinstance(owner, torch.nn.Module):
        weights = {name: tensor.detach().cpu().numpy() for name, tensor in owner.state_dict().items()}
        settings = [(name, _settings(module), _source(type(module))) for name, module in owner.named_modules()]
        return getattr(function, "__name__", ""), str(owner), weights, settings
    if not inspect.isfunction(function):
        return function
    enclosed = [cell.cell_contents for cell in function.__closure__ or ()]
    defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    inner = [_parts(value) if callable(value) else value for value in enclosed + defaults]
    return function.__module__, function.__qualname__, _source(function), inner


def _settings(module):
    """Return the attributes that a module has of its own, without what torch keeps in it and its mode."""
    return {name: value for name, value in vars(module).items() if not name.startswith("_") and name != "training"}


def _source(thing):
    """Return the source of a function or class, or its byte code where that is not to be had."""
    try:
        return inspect.getsource(thing)
    except (TypeError, OSError):
        code = getattr(getattr(thing, "forward", thing), "__code__", None)
        return code and code.co_code
