"""Weights of the networks: found in a folder of the user's, loaded without running code, checked."""

import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import torch

from ave_sklearn._user_warnings import warn_user
from ave_sklearn.extraction.networks import VGG19, VGGish, randomize

ENVIRONMENT_VARIABLE = "AVE_SKLEARN_WEIGHTS"
NETWORKS = {"vgg19": VGG19, "vggish": VGGish}
FILES = {"vgg19": "vgg19-*.pth", "vggish": "vggish-*.pth"}
SOURCES = {
    "vgg19": "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth (torchvision, for preprocessing='imagenet')",
    "vggish": "https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth",
}
PCA_KEYS = ("pca_eigen_vectors", "pca_means")


def find_weights(name, weights_dir):
    """Find the file with the weights of a network.

    Parameters
    ----------
    name : {"vgg19", "vggish"}
    weights_dir : path or None
        None is the folder that the environment variable AVE_SKLEARN_WEIGHTS names.

    Returns
    -------
    file : Path

    Raises
    ------
    FileNotFoundError
        If there is none, saying where to get it; or no folder.
    ValueError
        If there are several.
    """
    folder = weights_dir if weights_dir is not None else os.environ.get(ENVIRONMENT_VARIABLE)
    if not folder:
        raise FileNotFoundError(
            f"weights_dir is None and the environment variable {ENVIRONMENT_VARIABLE} is not set: wanted a folder "
            f"with the weights of {name}. {_where(name)}"
        )
    files = sorted(Path(folder).glob(FILES[name]))
    if not files:
        raise FileNotFoundError(f"weights_dir {os.fspath(folder)!r} has no file {FILES[name]}. {_where(name)}")
    if len(files) > 1:
        raise ValueError(
            f"weights_dir {os.fspath(folder)!r} has several files {FILES[name]}: "
            f"{', '.join(file.name for file in files)}; wanted one."
        )
    return files[0]


def _where(name):
    return f"Download {SOURCES[name]} into it; weights='random' is for trying things out."


def load_network(name, file):
    """Load a network, or give it random weights.

    Parameters
    ----------
    name : {"vgg19", "vggish"}
    file : path or None
        A state dict saved by torch; None is random weights, the same each time.

    Returns
    -------
    network : torch.nn.Module
        In evaluation mode, its parameters without gradients.

    Raises
    ------
    ValueError
        If it is no state dict, or lacks keys, or they have other shapes; the message names the file.
    """
    with torch.device("meta"):
        network = NETWORKS[name]()
    if file is None:
        randomize(network)
    else:
        network.load_state_dict(_wanted(network, _load(file), file), assign=True)
    return network.eval().requires_grad_(False)


def _load(file):
    """Load a file of tensors; a pickle of anything else is refused, not run."""
    try:
        return torch.load(file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file))
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"{file} is not a state dict that torch.load(weights_only=True) reads: {reason}") from error


def _wanted(network, state, file):
    """Return the float32 tensors that the network has names for."""
    if not isinstance(state, dict):
        raise ValueError(f"{file} holds a {type(state).__name__}; wanted a state dict, names and tensors.")
    wanted = network.state_dict()
    missing = [name for name in wanted if name not in state]
    if missing:
        raise ValueError(
            f"{file} lacks {len(missing)} of the {len(wanted)} keys of {type(network).__name__}, such as "
            f"{missing[0]!r}; it has {len(state)} keys, such as {next(iter(state), None)!r}."
        )
    for name, tensor in wanted.items():
        if getattr(state[name], "shape", None) != tensor.shape:
            raise ValueError(
                f"{file}: {name} must be a tensor of shape {tuple(tensor.shape)}, "
                f"got {tuple(getattr(state[name], 'shape', ())) or type(state[name]).__name__}."
            )
    return {name: state[name].float() for name in wanted}


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
        If it holds something else; the message names the file.
    """
    if not os.path.isfile(file):
        raise FileNotFoundError(f"pca_params: there is no file {os.fspath(file)!r}.")
    values = _load_npz(file) if os.fspath(file).endswith(".npz") else _load(file)
    if not isinstance(values, dict) or not set(PCA_KEYS) <= set(values):
        raise ValueError(f"{file} must hold {' and '.join(PCA_KEYS)}; got {sorted(map(str, values))[:5]}.")
    eigen_vectors, means = (np.asarray(values[key], np.float64) for key in PCA_KEYS)
    if eigen_vectors.shape != (128, 128) or means.size != 128:
        raise ValueError(
            f"{file}: pca_eigen_vectors must be of shape (128, 128) and pca_means of 128 numbers; "
            f"got {eigen_vectors.shape} and {means.shape}."
        )
    return eigen_vectors, means.ravel()


def _load_npz(file):
    try:
        with np.load(file, allow_pickle=False) as values:
            return dict(values)
    except (ValueError, OSError, zipfile.BadZipFile, EOFError) as error:
        raise ValueError(f"{file} is not a NumPy .npz of numbers: {error}") from error


def warn_random(names):
    """Warn of networks with random weights."""
    if names:
        warn_user(
            f"weights='random': the features of {' and '.join(names)} come from networks that were never trained."
        )
