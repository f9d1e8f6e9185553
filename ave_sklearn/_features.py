"""Audio and visual features of videos as one container that scikit-learn can split and slice."""

import math
from numbers import Integral

import numpy as np

from ave_sklearn._feature_arrays import as_feature_array, check_pair
from ave_sklearn._rows import StoredRows, row_positions, whole_index


class AVFeatures:
    """Audio and visual features of `n_videos` videos of `n_segments` segments each.

    Rows are videos. Indexing gives another `AVFeatures` over the same two arrays, which are neither copied
    nor read: the folds of a cross-validation cost nothing, and features may be larger than the memory when
    they are memory maps (``np.load(file, mmap_mode="r")``).

    Parameters
    ----------
    audio : array-like of shape (n_videos, n_segments, n_audio_features)
        Real numbers. An ``np.ndarray`` or ``np.memmap`` is kept as it is, not copied.
    visual : array-like of shape (n_videos, n_segments, n_visual_features) or \
            (n_videos, n_segments, height, width, n_visual_features)
        Pooled features, or maps whose height * width regions attention can choose from.

    Raises
    ------
    ValueError
        If an array has another number of dimensions, no segments or no features, or is not of real numbers;
        if the two differ in videos or segments; if the file of a memory map is missing or too short.

    Notes
    -----
    Pickled (by joblib for its workers, for example), a view of a memory map is the name of the file and the
    layout of the array, opened again with mode "r"; a view of arrays in memory is its own rows, or, when it
    has all rows, the arrays themselves, which joblib then shares between its workers. A map of mode "c"
    cannot be pickled, since its edits are in no file.

    ``copy.deepcopy`` shares maps of mode "r" and copies everything else into memory.

    Examples
    --------
    >>> import numpy as np
    >>> from ave_sklearn import AVFeatures
    >>> X = AVFeatures(np.zeros((20, 10, 128), "f4"), np.zeros((20, 10, 7, 7, 512), "f4"))
    >>> X
    AVFeatures(n_videos=20, n_segments=10, audio=(128,) float32, visual=(7, 7, 512) float32, 20.2 MB)
    >>> X[5:].n_videos
    15
    >>> audio, visual = X.take([0, 3, 2], dtype=np.float64)
    >>> visual.shape
    (3, 10, 7, 7, 512)
    """

    ndim = 2

    def __init__(self, audio, visual):
        audio, visual = as_feature_array("audio", audio), as_feature_array("visual", visual)
        check_pair(audio, visual)
        index = whole_index(len(audio))
        self._audio = StoredRows("audio", audio, index)
        self._visual = StoredRows("visual", visual, index)
        self.check_files()

    @classmethod
    def from_array(cls, X, n_audio_features):
        """Split a joined array into its audio and its visual columns, without copying it.

        Parameters
        ----------
        X : array-like of shape (n_videos, n_segments, n_features)
            For each segment the audio features followed by the pooled visual ones.
        n_audio_features : int
            How many of the columns are audio, from 1 to n_features - 1.

        Returns
        -------
        features : AVFeatures

        Raises
        ------
        ValueError
            If `X` is no such array or `n_audio_features` is not from 1 to n_features - 1.

        Examples
        --------
        >>> import numpy as np
        >>> from ave_sklearn import AVFeatures
        >>> AVFeatures.from_array(np.zeros((2, 10, 5)), n_audio_features=2).visual.shape
        (2, 10, 3)
        """
        X = as_feature_array("X", X)
        _check_n_audio_features(n_audio_features, X.shape[-1])
        return cls(X[..., :n_audio_features], X[..., n_audio_features:])

    @property
    def audio(self):
        """Audio features, ndarray of shape (n_videos, n_segments, n_audio_features).

        The array given, a view of it when the videos are a slice of all, else a copy.
        """
        return self._audio.array

    @property
    def visual(self):
        """Visual features, ndarray of shape (n_videos, n_segments[, height, width], n_visual_features).

        The array given, a view of it when the videos are a slice of all, else a copy.
        """
        return self._visual.array

    @property
    def n_videos(self):
        """Number of videos."""
        return self._audio.shape[0]

    @property
    def n_segments(self):
        """Number of segments of each video."""
        return self._audio.shape[1]

    @property
    def n_audio_features(self):
        """Number of audio features of a segment."""
        return self._audio.shape[2]

    @property
    def n_visual_features(self):
        """Number of visual features of a segment, or of one region of it."""
        return self._visual.shape[-1]

    @property
    def map_size(self):
        """Height and width of the visual maps in regions, or None for pooled features."""
        return self._visual.shape[2:-1] or None

    @property
    def n_regions(self):
        """Number of regions of a visual map, height * width, or None for pooled features."""
        return None if self.map_size is None else math.prod(self.map_size)

    @property
    def shape(self):
        """Shape of ``np.asarray(X)``: (n_videos, n_segments * features of a segment)."""
        return self.n_videos, self.n_segments * self._n_columns

    @property
    def dtype(self):
        """Type of ``np.asarray(X)``: the one that holds both audio and visual features."""
        return np.result_type(self._audio.base.dtype, self._visual.base.dtype)

    @property
    def nbytes(self):
        """Bytes of the features of these videos, in memory or in files."""
        return self._audio.nbytes + self._visual.nbytes

    @property
    def _n_columns(self):
        return self.n_audio_features + math.prod(self._visual.shape[2:])

    def __len__(self):
        return self.n_videos

    def __getitem__(self, key):
        """Choose videos, lazily, or one of the two arrays.

        Parameters
        ----------
        key : int, slice, bool array-like of shape (n_videos,), int array-like of shape (n,), \
                tuple ``(rows, Ellipsis)``, "audio" or "visual"
            An integer gives the one video as an `AVFeatures` of length 1.

        Returns
        -------
        chosen : AVFeatures or ndarray

        Raises
        ------
        IndexError
            If a video is not there, a mask has another length than `n_videos`, or more than rows is indexed.
        KeyError
            If a name is neither "audio" nor "visual".
        """
        if isinstance(key, str):
            return self._modality(key)
        if isinstance(key, tuple):
            key = _rows_only(key)
        return self._select(row_positions(key, len(self)))

    def _modality(self, name):
        if name not in ("audio", "visual"):
            raise KeyError(f"AVFeatures has the arrays 'audio' and 'visual', not {name!r}.")
        return getattr(self, name)

    def _select(self, positions):
        """Rows of this view; both modalities keep sharing one index, which is then pickled once."""
        audio_index = self._audio.index.select(positions)
        shared = self._visual.index is self._audio.index
        visual_index = audio_index if shared else self._visual.index.select(positions)
        view = object.__new__(type(self))
        view._audio = StoredRows("audio", self._audio.base, audio_index)
        view._visual = StoredRows("visual", self._visual.base, visual_index)
        return view

    def take(self, rows=None, dtype=None, out=None):
        """Read the features of some videos into contiguous arrays.

        Parameters
        ----------
        rows : None, int, slice, bool mask or int array-like of shape (n,)
            Videos of this view, in any order and as often as wanted; None is all of them.
        dtype : dtype or None
            Cast the features to it; None keeps the type of each array. Not used with `out`.
        out : pair of ndarrays or None
            Buffers for audio and visual features, each with at least n rows. Their first n rows are filled,
            cast to their type, and returned.

        Returns
        -------
        audio : ndarray of shape (n, n_segments, n_audio_features)
        visual : ndarray of shape (n, n_segments[, height, width], n_visual_features)

        Raises
        ------
        IndexError
            As indexing does.
        ValueError
            If a buffer is too short or of another shape.
        """
        view = self if rows is None else self[rows]
        if out is None:
            return view._audio.read(dtype), view._visual.read(dtype)
        audio, visual = out
        return _fill(view._audio, audio), _fill(view._visual, visual)

    def __array__(self, dtype=None, copy=None):
        """Flatten: for each segment its audio features, then its visual ones.

        Parameters
        ----------
        dtype : dtype or None
        copy : bool or None
            False is an error, as the features lie in two arrays.

        Returns
        -------
        flat : ndarray of shape (n_videos, n_segments * features of a segment)
        """
        if copy is False:
            raise ValueError("AVFeatures holds two arrays: it cannot become one array without copying.")
        joined = np.empty((len(self), self.n_segments, self._n_columns), self.dtype if dtype is None else dtype)
        self._audio.copy_to(joined[..., : self.n_audio_features])
        self._visual.copy_to(joined[..., self.n_audio_features :])
        return joined.reshape(self.shape)

    def check_files(self):
        """Check that the files of memory maps still hold all the features.

        Reading beyond the end of a truncated file kills the process: check before each pass over them.

        Raises
        ------
        ValueError
            If a file is missing or too short, naming the file, the bytes it has and the bytes wanted.
        """
        self._audio.check_file()
        self._visual.check_file()

    def __repr__(self):
        parts = [f"n_videos={self.n_videos}", f"n_segments={self.n_segments}"]
        for stored in (self._audio, self._visual):
            parts.append(f"{stored.name}={stored.shape[2:]} {stored.base.dtype}")
        parts.append(_format_bytes(self.nbytes))
        mapped = [stored.name for stored in (self._audio, self._visual) if stored.is_mapped]
        if mapped:
            parts.append("memory-mapped" if len(mapped) == 2 else f"{mapped[0]} memory-mapped")
        return f"AVFeatures({', '.join(parts)})"


def _check_n_audio_features(n_audio_features, n_features):
    is_integer = isinstance(n_audio_features, Integral) and not isinstance(n_audio_features, bool)
    if not is_integer or not 1 <= n_audio_features < n_features:
        raise ValueError(
            f"n_audio_features must be an integer from 1 to {n_features - 1}, so that some of the "
            f"{n_features} columns of X are audio and some visual, got {n_audio_features!r}."
        )


def _rows_only(key):
    if len(key) != 2 or key[1] is not Ellipsis:
        raise IndexError(f"AVFeatures is indexed by rows (videos) only, X[rows] or X[rows, ...], got {key!r}.")
    return key[0]


def _fill(stored, buffer):
    n_rows, *row_shape = stored.shape
    if len(buffer) < n_rows or list(buffer.shape[1:]) != row_shape:
        raise ValueError(
            f"the {stored.name} buffer of `out` must be of shape {stored.shape}, or have more rows, got {buffer.shape}."
        )
    stored.copy_to(buffer[:n_rows])
    return buffer[:n_rows]


def _format_bytes(count):
    """Write a number of bytes in decimal units: 243.6 MB."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
