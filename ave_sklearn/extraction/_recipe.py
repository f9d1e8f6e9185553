"""Recipe of an extraction: from the pictures and the sound of one video to its features."""

import copy
import threading
from dataclasses import astuple, dataclass, field, fields

import numpy as np
import torch

from ave_sklearn._targets.grid import Grid
from ave_sklearn.extraction._hash import hash_callable, owner_of
from ave_sklearn.extraction._log_mel import log_mel_examples, vggish_examples
from ave_sklearn.extraction._media import Findings, count_windows
from ave_sklearn.extraction._opening import ExtractionError, blaming, file_stamp, file_state
from ave_sklearn.extraction._pictures import read_pictures
from ave_sklearn.extraction._presets import PRESETS
from ave_sklearn.extraction._sound import read_sound
from ave_sklearn.extraction._weights import load_network
from ave_sklearn.extraction.networks import pca_quantize

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # RGB within [0, 1]
CAFFE_MEAN = (103.939, 116.779, 123.68)  # BGR within [0, 255]
CENTRE, SPREAD = 127, 128
RESULT_FORMAT = 2  # of what a cache keeps: raised when `extract` returns something else for the same file


def imagenet(pictures):
    """Scale RGB pictures (n, 3, H, W) of 0 to 255 as torchvision's weights want them."""
    mean, std = (torch.tensor(v, device=pictures.device)[:, None, None] for v in (IMAGENET_MEAN, IMAGENET_STD))
    return (pictures / 255 - mean) / std


def caffe(pictures):
    """Turn RGB pictures (n, 3, H, W) of 0 to 255 to BGR without the mean, as the first VGG weights want them."""
    return pictures.flip(1) - torch.tensor(CAFFE_MEAN, device=pictures.device)[:, None, None]


def centred(pictures):
    """Scale RGB pictures (n, 3, H, W) of 0 to 255 to about [-1, 1], as the weights of EfficientNet-Lite want them.

    References
    ----------
    The ``MEAN_RGB`` and ``STDDEV_RGB`` of the official EfficientNet-Lite, from which the weights were converted.
    """
    return (pictures - CENTRE) / SPREAD


PREPROCESSING = {"imagenet": imagenet, "caffe": caffe, "centred": centred}


@dataclass
class Network:
    """One of the two networks, loaded when it is first needed.

    Attributes
    ----------
    argument : {"visual", "audio"}
        What errors call it.
    given : str or callable
        A key of `PRESETS`, or the network itself.
    file : path or None
        The weights of a named network; None for random ones, or where it has none.
    device : torch.device
    precision : {"float32", "bfloat16"}
    """

    argument: str
    given: object
    file: object
    device: torch.device
    precision: str
    _lock: object = field(default_factory=threading.Lock, repr=False)
    _loaded: object = None

    @property
    def key(self):
        """What tells this network from another: the state of its file, or a hash of its weights or its code."""
        if isinstance(self.given, str):
            return self.given, self.file and file_stamp(self.file), self.precision
        return hash_callable(self.given), self.precision

    @property
    def takes_examples(self):
        """Whether it takes spectrograms of one length alone, as VGGish does."""
        return isinstance(self.given, str) and PRESETS[self.given].seconds is not None

    def __call__(self, batch):
        """Return the features, ndarray of float32, of a batch, Tensor of shape (n, ...).

        Raises
        ------
        ValueError
            If the network returns something that is no features of n items, or not finite.
        """
        network = self._network()
        bfloat16 = self.precision == "bfloat16"
        with torch.inference_mode(), torch.autocast(self.device.type, torch.bfloat16, enabled=bfloat16):
            output = network(batch.to(self.device))
        return self._checked(output, len(batch))

    def _network(self):
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
        return self._loaded

    def _load(self):
        """Return the network ready for use; of the user's module a copy, so that theirs stays as it is."""
        if isinstance(self.given, str):
            return getattr(self._ready(load_network(self.given, self.file)), PRESETS[self.given].method)
        owner = owner_of(self.given)
        if not isinstance(owner, torch.nn.Module):
            return self.given
        try:
            ready = self._ready(copy.deepcopy(owner))
        except (RuntimeError, TypeError) as error:
            raise ValueError(
                f"{self.argument} is a {type(owner).__name__} that cannot be copied (pass a function that calls it): "
                f"{error}"
            ) from error
        return ready if owner is self.given else getattr(ready, self.given.__name__)

    def _ready(self, module):
        return module.eval().to(self.device, memory_format=torch.channels_last)

    def _checked(self, output, n_items):
        if isinstance(output, torch.Tensor):
            output = output.float().cpu().numpy()
        try:
            output = np.asarray(output, np.float32)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{self.argument} must be a network that returns features; it returned a {type(output).__name__}."
            ) from error
        if output.ndim not in ((2, 4) if self.argument == "visual" else (2,)) or len(output) != n_items:
            wanted = "(n, d) or (n, d, height, width)" if self.argument == "visual" else "(n, d)"
            raise ValueError(
                f"{self.argument} must be a network that returns features of shape {wanted}; for n={n_items} it "
                f"returned an array of shape {output.shape}."
            )
        if not np.isfinite(output).all():
            raise ValueError(f"{self.argument} returned features that are not finite.")
        return output


class KeptNetworks:
    """Named networks, with their weights, that extractions in any thread share one after the other.

    One is kept for each argument, as long as its name, the state of its file, device and precision are the same.
    Networks of the user's are not kept: their weights may change at any time.
    """

    def __init__(self):
        self._kept, self._lock = {}, threading.Lock()

    def share(self, network):
        """Return the network that is kept in place of one like it; from now on that is this one if there is none."""
        if not isinstance(network.given, str):
            return network
        key = network.key, network.device
        with self._lock:
            if network.argument not in self._kept or self._kept[network.argument][0] != key:
                self._kept[network.argument] = key, network
            return self._kept[network.argument][1]


@dataclass(frozen=True)
class Recipe:
    """How pictures and sound become features; everything that the features depend on, but the networks.

    Attributes
    ----------
    n_segments : int
    grid : Grid
        Of the segments' windows.
    frames_per_segment, image_size : int
    preprocessing : {"imagenet", "caffe", "centred"} or callable
    pool : {"mean"} or None
        Over the regions of visual maps.
    pca : None or pair of ndarrays
        Eigenvectors and means for `pca_quantize`.
    pad : bool
        Whether a clip that reaches behind the end of its video is filled up.
    max_damage : float
        Seconds of a clip that may be damaged.
    """

    n_segments: int
    grid: Grid
    frames_per_segment: int
    image_size: int
    preprocessing: object
    pool: object
    pca: object
    pad: bool
    max_damage: float


def cache_key(recipe, networks):
    """Return what the features of a video depend on besides the video, as plain values for a cache."""
    values = {each.name: getattr(recipe, each.name) for each in fields(recipe)}
    values["grid"] = astuple(recipe.grid)
    if not isinstance(recipe.preprocessing, str):
        values["preprocessing"] = hash_callable(recipe.preprocessing)
    return RESULT_FORMAT, values, *(network.key for network in networks)


def extract(path, start, stamp, key, recipe, networks, batch_size):
    """Return the features of one clip of a video, and what was found when it was read.

    Parameters
    ----------
    path : str
    start : float
        Seconds from the begin of the file to that of the clip.
    stamp, key : tuple
        Of `file_stamp` and `cache_key`: what names the result in a cache, beside the path.
    recipe : Recipe
    networks : pair of Network
        Visual and audio.
    batch_size : int
        Pictures that go through the visual network at once.

    Returns
    -------
    features : tuple of ndarrays of float32
        Audio, of shape (n_segments, n_audio_features), and visual, of shape
        (n_segments[, height, width], n_visual_features).
    findings : Findings
    """
    visual, audio = networks
    try:
        sound, pictures, findings = read_clip(path, start, recipe)
        embeddings = audio_features(*sound, recipe.grid.segment_seconds, audio, recipe.pca)
        maps = visual_features(*pictures, visual, recipe.preprocessing, batch_size)
        return (embeddings, pooled(maps, recipe.pool)), findings
    except Exception as error:
        error.add_note(f"while extracting {path}")
        raise


def read_clip(path, start, recipe):
    """Read the sound and the pictures of one clip, of one state of the file.

    Parameters
    ----------
    path, start, recipe
        As of :func:`extract`.

    Returns
    -------
    sound : tuple
        Of `read_sound`.
    pictures : tuple
        Of `read_pictures`.
    findings : Findings
        Of both.

    Raises
    ------
    ExtractionError
        For all that goes wrong, but what is the machine's fault.
    """
    state, findings = file_state(path), Findings()
    options = {"grid": recipe.grid, "findings": findings, "max_damage": recipe.max_damage, "pad": recipe.pad}
    with blaming(path):
        sound = read_sound(path, recipe.n_segments, start, **options)
        pictures = read_pictures(
            path, recipe.n_segments, recipe.frames_per_segment, recipe.image_size, start, **options
        )
    if file_state(path) != state:
        raise ExtractionError("changed while it was read.", path)
    if count_windows(recipe.grid.span(recipe.n_segments) - findings.padding, recipe.grid) >= recipe.n_segments:
        findings.padding = 0.0  # what any video may lack of its last window
    return sound, pictures, findings


def audio_features(windows, rate, seconds, network, pca=None):
    """Return the embedding of each window, ndarray of shape (n_segments, n_audio_features).

    Parameters
    ----------
    windows : ndarray of shape (n_segments, n_samples)
        Mono sound.
    rate : int
        Samples a second.
    seconds : float
        Length of each window.
    network : Network
        From log-mel spectrograms (n, 1, n_frames, 64). One that takes examples of one length alone gets several of a
        longer window; their embeddings are averaged.
    pca : None or pair of ndarrays
    """
    spectrograms = log_mel_examples(windows, rate, seconds)
    parts = vggish_examples(spectrograms) if network.takes_examples else [spectrograms]
    embeddings = np.mean([network(torch.from_numpy(part)[:, None]) for part in parts], axis=0)
    return embeddings if pca is None else pca_quantize(embeddings, *pca)


def visual_features(pictures, share, network, preprocessing, batch_size):
    """Average the features of each segment's pictures.

    Parameters
    ----------
    pictures : ndarray of uint8, of shape (n_pictures, H, W, 3)
    share : ndarray of shape (n_segments, n_pictures)
        Weight of each picture in each segment.
    network : Network
        From pictures (n, 3, H, W) to vectors (n, d) or maps (n, d, h, w).
    preprocessing : {"imagenet", "caffe", "centred"} or callable
        From float32 pictures (n, 3, H, W) of 0 to 255 to what the network takes.
    batch_size : int

    Returns
    -------
    features : ndarray of float32, of shape (n_segments, d) or (n_segments, h, w, d)
    """
    prepare = PREPROCESSING[preprocessing] if isinstance(preprocessing, str) else preprocessing
    total = 0
    for begin in range(0, len(pictures), batch_size):
        batch = slice(begin, begin + batch_size)
        floats = torch.from_numpy(pictures[batch]).permute(0, 3, 1, 2).float()  # channels last in memory
        total = total + np.tensordot(share[:, batch], network(prepare(floats)), axes=1)
    return total if total.ndim == 2 else np.ascontiguousarray(np.moveaxis(total, 1, -1))


def pooled(features, pool):
    """Average visual maps (n_segments, h, w, d) over their regions, with pool="mean"; vectors stay as they are."""
    return features.mean(axis=(1, 2)) if pool == "mean" and features.ndim == 4 else features
