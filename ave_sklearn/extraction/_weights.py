"""Weights of the networks: found in a folder of the user's, loaded without running code, checked."""

import io
import os
import zipfile
from math import prod
from pathlib import Path

import numpy as np
import torch

from ave_sklearn._checkpoints import check_shape, float_weights, open_checkpoint, shown, summary
from ave_sklearn._features.npy import read_header
from ave_sklearn._files import reading
from ave_sklearn._user_warnings import warn_user
from ave_sklearn.extraction._presets import PRESETS
from ave_sklearn.extraction.networks import randomize

ENVIRONMENT_VARIABLE = "AVE_SKLEARN_WEIGHTS"
PCA = "the PCA of VGGish"
PCA_KEYS = ("pca_eigen_vectors", "pca_means")
MEMBER_LIMIT = 2**20  # bytes of an array of the PCA, 131,072 and a header in float64


def find_weights(name, weights_dir):
    """Find the file with the weights of a network.

    Parameters
    ----------
    name : str
        A key of `PRESETS`.
    weights_dir : path or None
        For weights of the user's; None is the folder that the environment variable AVE_SKLEARN_WEIGHTS names.

    Returns
    -------
    file : path or None
        None for a network without weights.

    Raises
    ------
    FileNotFoundError
        If there is none, saying where to get it; or no folder.
    ImportError
        If they come with a package that is not installed.
    ValueError
        If there are several.
    """
    if PRESETS[name].packaged_file is not None:
        return PRESETS[name].packaged_file()
    return _users_file(name, weights_dir) if takes_users_weights(name) else None


def takes_users_weights(given):
    """Tell whether a network is one whose weights the user has in a folder."""
    return isinstance(given, str) and given in PRESETS and PRESETS[given].file is not None


def _users_file(name, weights_dir):
    pattern = PRESETS[name].file
    folder = weights_dir if weights_dir is not None else os.environ.get(ENVIRONMENT_VARIABLE)
    if not folder:
        raise FileNotFoundError(
            f"weights_dir is None and the environment variable {ENVIRONMENT_VARIABLE} is not set: wanted a folder "
            f"with the weights of {name}. {_where(name)}"
        )
    files = sorted(Path(folder).glob(pattern))
    if not files:
        raise FileNotFoundError(f"weights_dir {os.fspath(folder)!r} has no file {pattern}. {_where(name)}")
    if len(files) > 1:
        raise ValueError(
            f"weights_dir {os.fspath(folder)!r} has several files {pattern}: "
            f"{', '.join(file.name for file in files)}; wanted one."
        )
    return files[0]


def _where(name):
    preset = PRESETS[name]
    others = [other for other in PRESETS if PRESETS[other].argument == preset.argument and PRESETS[other].file is None]
    return (
        f"Download {preset.source} into it; {preset.argument}={others[0]!r} needs no download, and weights='random' is "
        "for trying things out."
    )


def load_network(name, file):
    """Load a network, or give it random weights.

    Parameters
    ----------
    name : str
        A key of `PRESETS`.
    file : path or None
        A state dict saved by torch; None is random weights, the same each time.

    Returns
    -------
    network : torch.nn.Module
        In evaluation mode, its parameters without gradients.

    Raises
    ------
    ValueError
        If it is no state dict, or lacks keys, or they have other shapes, or hold NaN; the message names the file.
    """
    with torch.device("meta"):
        network = PRESETS[name].build()
    if file is None:
        randomize(network)
    else:
        wanted = _read_wanted(network, file)  # all keys of the network
        network.load_state_dict(wanted, assign=True, strict=False)  # strict, batch norm asks for counts of its training
    return network.eval().requires_grad_(False)


def _read_wanted(network, file):
    """Return the float32 tensors that the network has names for; the others of the file are not read."""
    kind = type(network).__name__
    with open_checkpoint(file, f"weights of {kind}") as state:
        wanted = network.state_dict()
        missing = [name for name in wanted if name not in state]
        if missing:
            raise ValueError(
                f"it lacks {len(missing)} of the {len(wanted)} keys of {kind}, such as {missing[0]!r}; "
                f"it has {len(state)} keys: {summary(state)}"
            )
        for name, tensor in wanted.items():
            check_shape(name, state[name], tensor.shape)
        return float_weights({name: state[name] for name in wanted})


def load_pca_params(file):
    """Load the PCA of VGGish embeddings.

    Parameters
    ----------
    file : path
        A ``.pth`` of tensors or a ``.npz`` with pca_eigen_vectors, (128, 128), and pca_means, (128,) or (128, 1).

    Returns
    -------
    eigen_vectors : ndarray of shape (128, 128)
    means : ndarray of shape (128,)

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it holds something else, or NaN; the message names the file.
    """
    if not os.path.exists(file):
        raise FileNotFoundError(f"pca_params: there is no file {os.fspath(file)!r}.")
    read = _read_npz if os.fspath(file).endswith(".npz") else _read_pth
    eigen_vectors, means = read(file)
    return eigen_vectors, means.ravel()


def _read_pth(file):
    with open_checkpoint(file, PCA) as state:
        _check_pca(state)
        values = float_weights({key: state[key] for key in PCA_KEYS}, torch.float64)
        return [values[key].numpy() for key in PCA_KEYS]


def _read_npz(file):
    with reading(file, PCA, parsing=True), _open_npz(file) as archive:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        values = {key: _read_member(archive, members[key]) for key in PCA_KEYS if key in members}
        _check_pca(members | values)
        return [values[key] for key in PCA_KEYS]


def _open_npz(file):
    try:
        return zipfile.ZipFile(file)
    except zipfile.BadZipFile as error:
        raise ValueError(f"it is not a NumPy .npz of numbers: {error}") from error


def _read_member(archive, info):
    """Return an array of an .npz as float64, the sizes that it declares looked at before it is read."""
    if info.file_size > MEMBER_LIMIT or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"its {shown(info.filename)} has {info.file_size} bytes; wanted at most {MEMBER_LIMIT}")
    member = io.BytesIO(archive.read(info))
    shape, is_fortran, dtype = read_header(member, info.file_size)
    numbers = member.read()
    if dtype.kind not in "fiu" or prod(shape) * dtype.itemsize != len(numbers):
        raise ValueError(
            f"its {shown(info.filename)} is said to be of shape {shape} and type {dtype}; it holds {len(numbers)} bytes"
        )
    values = np.frombuffer(numbers, dtype).reshape(shape, order="F" if is_fortran else "C").astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError(f"{shown(info.filename)} has values that are NaN or infinite; wanted finite ones")
    return values


def _check_pca(values):
    """Raise ValueError unless the two arrays are among the `values`, in their shapes."""
    if not set(PCA_KEYS) <= set(values):
        raise ValueError(f"it must hold {' and '.join(PCA_KEYS)}; got {summary(values)}")
    eigen_vectors, means = (tuple(getattr(values[key], "shape", ())) for key in PCA_KEYS)
    if eigen_vectors != (128, 128) or means not in ((128,), (128, 1)):
        raise ValueError(
            "pca_eigen_vectors must be of shape (128, 128) and pca_means of shape (128,) or (128, 1); "
            f"got {eigen_vectors} and {means}"
        )


def warn_random(names):
    """Warn of networks with random weights."""
    if names:
        warn_user(
            f"weights='random': the features of {' and '.join(names)} come from networks that were never trained."
        )
