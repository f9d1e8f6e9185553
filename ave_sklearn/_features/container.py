"""Audio and visual features of videos as one container that scikit-learn can split and slice."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, overload

import numpy as np

from ave_sklearn._features.arrays import as_feature_array, check_n_audio_features, check_pair
from ave_sklearn._features.files import check_from_files, write_npy
from ave_sklearn._features.hdf5 import open_hdf5
from ave_sklearn._features.memmap import as_rows
from ave_sklearn._features.npy import open_npy
from ave_sklearn._features.pairs import one_run
from ave_sklearn._features.rows import JoinedRows, StoredRows, row_positions, whole_index

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import EllipsisType
    from typing import Any, Literal, Self

    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from ave_sklearn._typing import PathLike, Rows


class AVFeatures:
    """Audio and visual features of `n_videos` videos of `n_segments` segments each.

    Rows are videos. Indexing gives another `AVFeatures` over the same two arrays, which are neither copied
    nor read: the folds of a cross-validation cost nothing, and features may be larger than the memory when
    they lie in files: `from_npy`, `from_hdf5`, or arrays that are memory maps.

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
    layout of the array, opened again with mode "r"; a view of a compressed dataset of `from_hdf5` is the name
    of the file; a view of arrays in memory is its own rows, or, when it has all rows, the arrays themselves,
    which joblib then shares between its workers. A map of mode "c" cannot be pickled, since its edits are in
    no file.

    Features in files are read from the files as they were when they were opened: one that has changed since, or
    since a pickle was made, is a ValueError that names it.

    ``copy.deepcopy`` shares maps of mode "r" and HDF5 files, and copies everything else into memory.

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

    def __init__(self, audio: ArrayLike, visual: ArrayLike) -> None:
        audio, visual = as_feature_array("audio", audio), as_feature_array("visual", visual)
        check_pair(audio, visual)
        index = whole_index(len(audio))
        self._audio = StoredRows("audio", as_rows("audio", audio), index)
        self._visual = StoredRows("visual", as_rows("visual", visual), index)
        self.check_files()

    @classmethod
    def from_array(cls, X: ArrayLike, n_audio_features: int) -> Self:
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
        check_n_audio_features(n_audio_features, X.shape[-1])
        return cls(X[..., :n_audio_features], X[..., n_audio_features:])

    @classmethod
    def from_hdf5(
        cls,
        audio: PathLike,
        visual: PathLike,
        *,
        audio_key: str | None = None,
        visual_key: str | None = None,
        external_files: PathLike | None = None,
    ) -> Self:
        """Take features from HDF5 files without reading them.

        A dataset that lies in its file in one piece, uncompressed, is memory-mapped. One that is chunked or
        compressed is read when its videos are asked for: any rows in any order, each chunk decompressed once
        a read. To read it faster, epoch after epoch, copy it once with `to_npy`.

        Parameters
        ----------
        audio, visual : path-like
            The files; they may be the same one.
        audio_key, visual_key : str or None, default=None
            Names of the datasets, of the shapes that `AVFeatures` takes. None for the only one of the file.
        external_files : path-like or None, default=None
            The folder of the files that these files may lead to: by external links, as external storage, or as the
            sources of a virtual dataset. None for none: a file that leads to others is an error, so that a stranger's
            file cannot have yours read.

        Returns
        -------
        features : AVFeatures
            Pickled, it is the names of the files, whatever the layout of the datasets.

        Raises
        ------
        FileNotFoundError
            If a file is not there.
        ValueError
            If a file is no whole HDF5 file; has no such dataset, or several where no key is given; if the
            dataset is compressed with a filter that is not installed, leads to a file that is not in `external_files`,
            or has rows that were never written; if the arrays are not what `AVFeatures` takes. The error names the
            file, and the rows.
        ImportError
            If h5py is not installed: ``pip install "ave_sklearn[hdf5]"``.

        Examples
        --------
        >>> from ave_sklearn import AVFeatures
        >>> X = AVFeatures.from_hdf5("audio_feature.h5", "visual_feature.h5")  # doctest: +SKIP
        """
        files, keys = (audio, visual), (audio_key, visual_key)
        arrays = [open_hdf5(*both, external_files=external_files) for both in zip(files, keys, strict=True)]
        return cls(*check_from_files(files, arrays))

    @classmethod
    def from_npy(cls, audio: PathLike, visual: PathLike) -> Self:
        """Memory-map features that lie in two .npy files.

        Parameters
        ----------
        audio, visual : path-like
            The files, of arrays of the shapes that `AVFeatures` takes.

        Returns
        -------
        features : AVFeatures

        Raises
        ------
        FileNotFoundError
            If a file is not there.
        ValueError
            If a file is no whole .npy file, or its array is not what `AVFeatures` takes; if the two were
            written by `to_npy`, and are not of the same write or being written just now. The error names the
            file.

        See Also
        --------
        to_npy : Writes such files.
        """
        with one_run((audio, visual)):
            arrays = open_npy(audio), open_npy(visual)
        return cls(*check_from_files((audio, visual), arrays))

    @classmethod
    def concatenate(cls, parts: Sequence[AVFeatures]) -> Self:
        """Put the videos of several `AVFeatures` one after the other, without reading or copying them.

        Parameters
        ----------
        parts : list of AVFeatures
            At least one, all with the same number of segments, and features of the same shape.

        Returns
        -------
        features : AVFeatures
            Pickled, each part is what it is alone: by reference where it lies in files. Parts of different types
            have the type that holds both.

        Raises
        ------
        TypeError
            If `parts` is no list of AVFeatures.
        ValueError
            If it is empty, or two parts differ in segments or features.

        Examples
        --------
        >>> import numpy as np
        >>> from ave_sklearn import AVFeatures
        >>> X = AVFeatures(np.zeros((20, 10, 128), "f4"), np.zeros((20, 10, 512), "f4"))
        >>> AVFeatures.concatenate([X[:5], X[10:]]).n_videos
        15
        """
        if isinstance(parts, AVFeatures):
            raise TypeError("parts is a single AVFeatures; wanted a list of them.")
        parts = list(parts)
        for number, part in enumerate(parts):
            if not isinstance(part, AVFeatures):
                raise TypeError(f"parts holds a {type(part).__name__} in place {number}; wanted AVFeatures only.")
        if not parts:
            raise ValueError("parts is empty; wanted at least one AVFeatures.")
        return cls(JoinedRows([X._audio for X in parts]), JoinedRows([X._visual for X in parts]))

    @property
    def audio(self) -> NDArray[Any]:
        """Audio features, ndarray of shape (n_videos, n_segments, n_audio_features).

        The array given, a view of it when the videos are a slice of all, else a copy. Features that are
        neither in memory nor memory-mapped are read, all of them, each time. A ValueError if a file is too short.
        """
        return self._audio.array

    @property
    def visual(self) -> NDArray[Any]:
        """Visual features, ndarray of shape (n_videos, n_segments[, height, width], n_visual_features).

        The array given, a view of it when the videos are a slice of all, else a copy. Features that are
        neither in memory nor memory-mapped are read, all of them, each time. A ValueError if a file is too short.
        """
        return self._visual.array

    @property
    def n_videos(self) -> int:
        """Number of videos."""
        return self._audio.shape[0]

    @property
    def n_segments(self) -> int:
        """Number of segments of each video."""
        return self._audio.shape[1]

    @property
    def n_audio_features(self) -> int:
        """Number of audio features of a segment."""
        return self._audio.shape[2]

    @property
    def n_visual_features(self) -> int:
        """Number of visual features of a segment, or of one region of it."""
        return self._visual.shape[-1]

    @property
    def map_size(self) -> tuple[int, int] | None:
        """Height and width of the visual maps in regions, or None for pooled features."""
        return self._visual.shape[2:-1] or None

    @property
    def n_regions(self) -> int | None:
        """Number of regions of a visual map, height * width, or None for pooled features."""
        return None if self.map_size is None else math.prod(self.map_size)

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of ``np.asarray(X)``: (n_videos, n_segments * features of a segment)."""
        return self.n_videos, self.n_segments * self._n_columns

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of ``np.asarray(X)``: the one that holds both audio and visual features."""
        return np.result_type(self._audio.base.dtype, self._visual.base.dtype)

    @property
    def nbytes(self) -> int:
        """Bytes of the features of these videos, in memory or in files."""
        return self._audio.nbytes + self._visual.nbytes

    @property
    def _n_columns(self):
        return self.n_audio_features + math.prod(self._visual.shape[2:])

    def __len__(self) -> int:
        return self.n_videos

    def __sizeof__(self) -> int:
        return object.__sizeof__(self) + sys.getsizeof(self._audio) + sys.getsizeof(self._visual)

    @overload
    def __getitem__(self, key: Literal["audio", "visual"]) -> NDArray[Any]: ...
    @overload
    def __getitem__(self, key: Rows | tuple[Rows, EllipsisType]) -> Self: ...
    def __getitem__(self, key: str | Rows | tuple[Rows, EllipsisType]) -> Self | NDArray[Any]:
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
        if key is Ellipsis:
            key = slice(None)
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

    def take(
        self,
        rows: Rows | None = None,
        dtype: DTypeLike | None = None,
        out: tuple[NDArray[Any], NDArray[Any]] | None = None,
    ) -> tuple[NDArray[Any], NDArray[Any]]:
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
            If a buffer is too short or of another shape; if a file has changed since it was opened.
        """
        view = self if rows is None else self[rows]
        if out is None:
            return view._audio.read(dtype), view._visual.read(dtype)
        audio, visual = out
        return _fill(view._audio, audio), _fill(view._visual, visual)

    def to_npy(self, audio: PathLike, visual: PathLike, *, dtype: DTypeLike | None = None) -> Self:
        """Write the features into two .npy files, block by block.

        The files get their names when both are finished, as one thing: a write that fails or is interrupted
        leaves what was there before. They may replace the files that these features are read from: then go on
        with the features returned. The old ones are a ValueError to read; only their maps, `audio` and `visual`,
        live on.

        Parameters
        ----------
        audio, visual : path-like
            The files to write, in folders that are there.
        dtype : dtype or None, default=None
            Type of the numbers written, ``"float32"`` for example; None keeps the type of each array.

        Returns
        -------
        features : AVFeatures
            The new files, memory-mapped.

        Raises
        ------
        FileNotFoundError
            If a folder is not there.
        OSError
            If the disk has no room for the files, known before anything is written; if writing fails. A
            BlockingIOError, if another process is writing one of them.
        ValueError
            If both are the same file, `dtype` is not of real numbers, or a file of these features is gone or changed.

        Notes
        -----
        Beside each file, in a folder of its own or not, lies its hidden manifest, ``.NAME.pair``. It tells
        which two files were written together, and `from_npy` refuses new audio beside old visual features,
        as where one of the two was replaced later. Files that are copied or moved without their manifests are
        read as any others are. Where the process is killed while the files get their names, the hidden
        ``.NAME.writing`` stays too: `from_npy` refuses the two then, and says where the whole new and the whole
        old ones lie. What a killed process leaves besides, ``.NAME.HEX.part``, is removed by the next write to
        the same names, with a warning.

        Examples
        --------
        >>> import os, tempfile
        >>> import numpy as np
        >>> from ave_sklearn import AVFeatures
        >>> X = AVFeatures(np.zeros((20, 10, 128)), np.zeros((20, 10, 7, 7, 512)))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     files = os.path.join(folder, "audio.npy"), os.path.join(folder, "visual.npy")
        ...     X[:5].to_npy(*files, dtype="float32")
        AVFeatures(n_videos=5, n_segments=10, audio=(128,) float32, visual=(7, 7, 512) float32, 5.0 MB, memory-mapped)
        """
        self.check_files()
        write_npy((audio, visual), (self._audio, self._visual), dtype)
        return type(self).from_npy(audio, visual)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
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

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """Refuse what NumPy would do with the flattened features; answer what is asked about them.

        What joins videos would give another form of X in silence, (n_videos, n_segments * n_features).
        """
        if func in (np.shape, np.ndim, np.size):
            return func(np.broadcast_to(0, self.shape), *args[1:], **kwargs)
        if func in (np.may_share_memory, np.shares_memory):
            return False  # with the flattened array, which is always a copy
        raise TypeError(
            f"numpy.{func.__name__} does not take AVFeatures. Put videos one after the other with "
            "AVFeatures.concatenate([X1, X2]); take their arrays with X.audio and X.visual, or flatten them with "
            "np.asarray(X)."
        )

    def stored_rows(self, rows: Rows) -> NDArray[np.intp]:
        """Tell where videos lie: their rows in the array that this is a view of.

        Parameters
        ----------
        rows : int, slice, bool mask or int array-like of shape (n,)
            Videos of this view.

        Returns
        -------
        stored : int ndarray of shape (n,)
            Rows of the audio array that was given, or of the parts of `concatenate` one after the other.

        Examples
        --------
        >>> import numpy as np
        >>> from ave_sklearn import AVFeatures
        >>> AVFeatures(np.zeros((9, 2, 1)), np.zeros((9, 2, 1)))[4:].stored_rows([0, 3]).tolist()
        [4, 7]
        """
        return np.asarray(self._audio.index.select(row_positions(rows, len(self))).rows, np.intp)

    def check_files(self) -> None:
        """Check that the files of the features are as they were when they were opened.

        Each read checks that too: this finds it out before a pass.

        Raises
        ------
        ValueError
            If a file is missing, shorter, written to since, or another one, naming the file.
        """
        self._audio.check_file()
        self._visual.check_file()

    def __repr__(self) -> str:
        parts = [f"n_videos={self.n_videos}", f"n_segments={self.n_segments}"]
        for stored in (self._audio, self._visual):
            parts.append(f"{stored.name}={stored.shape[2:]} {stored.base.dtype}")
        parts.append(_format_bytes(self.nbytes))
        parts += self._storage()
        return f"AVFeatures({', '.join(parts)})"

    def _storage(self):
        """Where features lie that are not in memory."""
        if self._audio.storage == self._visual.storage:
            return [self._audio.storage] if self._audio.storage else []
        return [f"{stored.name} {stored.storage}" for stored in (self._audio, self._visual) if stored.storage]


def stored_streams(X):
    """Return the audio and the visual features of `X` as a pair of `StoredRows`."""
    return X._audio, X._visual


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
