"""Hash of a network, which tells it from another in a cache, in a journal and in a folder of features."""

import hashlib
import inspect
import os
import pickle
import sys
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path

import joblib
import torch

from ave_sklearn._files import FileState

N_DIGITS = 32  # of a digest


def owner_of(function):
    """Return the object of a bound method; anything else is its own."""
    return getattr(function, "__self__", function)


def hash_callable(function):
    """Hash a network: of a module its weights, settings and source, of a function its source and what it encloses.

    Of any other object what it holds, and the source of its class.

    Raises
    ------
    ValueError
        If a part of it cannot be pickled.
    """
    try:
        return joblib.hash(_parts(function))
    except (pickle.PicklingError, RecursionError, AttributeError, TypeError) as error:
        raise ValueError(
            f"memory needs to tell networks apart, as resume does, and cannot hash {function!r}: pass a "
            "torch.nn.Module, a function or an object that can be pickled, or memory=None and resume=False."
        ) from error


def digest_file(file):
    """Return a digest of a file's content, text of `N_DIGITS` hexadecimal digits; each state is read once."""
    return _digest_state(os.path.abspath(file), FileState.of(file))


@lru_cache(maxsize=64)
def _digest_state(file, state):
    """Return the digest of one state of a file; weights of half a gigabyte take half a second."""
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:N_DIGITS]


def digest_network(given, function, file):
    """Return a digest of a network, the same wherever its weights or its code are the same.

    Parameters
    ----------
    given : str or callable
        The parameter of the extractor.
    function : str or callable
        The name of a preset, or the network itself.
    file : path or None
        The weights of a preset; None for random ones, or where it has none.

    Returns
    -------
    digest : str
        `N_DIGITS` hexadecimal digits.

    Raises
    ------
    ValueError
        If it is the network itself and cannot be told from another, see :func:`hash_callable`.
    """
    if file is not None:
        return digest_file(file)
    if isinstance(function, str):
        parts = [function]
    elif isinstance(given, str):
        parts = [_source_digest(given.partition(":")[0])]  # where what the function calls lies, most likely
        with suppress(ValueError):
            parts.append(hash_callable(function))
    else:
        parts = [hash_callable(function)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:N_DIGITS]


def _source_digest(module):
    """Return a digest of the file of a module that is imported; "" where it has none."""
    file = getattr(sys.modules[module], "__file__", None)
    return digest_file(file) if file and Path(file).is_file() else ""


def _parts(function):
    """Return what makes a callable what it is, in values that can be pickled."""
    owner = owner_of(function)
    if isinstance(owner, torch.nn.Module):
        weights = {name: tensor.detach().cpu().numpy() for name, tensor in owner.state_dict().items()}
        settings = [(name, _settings(module), _source(type(module))) for name, module in owner.named_modules()]
        return getattr(function, "__name__", ""), str(owner), weights, settings
    if isinstance(function, partial):
        keywords = {name: _part(value) for name, value in function.keywords.items()}
        return [_part(value) for value in (function.func, *function.args)], keywords
    if not inspect.isfunction(function):
        return function, [_source(kind) for kind in type(owner).__mro__[:-1]]
    enclosed = [cell.cell_contents for cell in function.__closure__ or ()]
    defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    inner = [_part(value) for value in enclosed + defaults]
    return function.__module__, function.__qualname__, _source(function), inner


def _part(value):
    """Return what makes a value what it is, in values that can be pickled."""
    return _parts(value) if callable(value) else value


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
