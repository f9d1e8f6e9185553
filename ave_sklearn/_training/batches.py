"""Batches of videos: features read, checked, scaled and cast on their way into a network.

What must hold here, however odd it makes the code:

* One pass through memory. A block of videos is read, checked, scaled and cast while it lies in the cache. Whole
  batches, step after step, would go through memory four times: most of what a fit on maps does beside its products.
* Large rows of arrays in memory are not copied first: they are checked and scaled from where they lie. Nothing is
  ever written there. All other rows are read into one piece of memory, block after block.
* The batch scales, not the network. It takes mean and factor of :meth:`StandardizedNetwork.scalings`, and the network
  is told so (``standardized=True``).
* The factor holds the dropout of features too. Its mask is drawn once a batch, for audio before visual features:
  another order of draws is another fit.
* Memory is used again only when no Tensor is on it any more. What a hook, a loss or a user keeps is never overwritten.
* Errors name the video by its row in the user's X or X_val, whatever part of it is read.
* Features that the network's type does not resolve are read in float64, and standardised before they are cast to it
  (:class:`~ave_sklearn.nn.standardize.WideStatistics`): an offset that is cast first takes the rest with it.
"""

import math
import weakref

import numpy as np
import torch
from torch.utils.data import Dataset

from ave_sklearn._features.arrays import check_finite
from ave_sklearn._features.container import stored_streams
from ave_sklearn._user_warnings import warn_user
from ave_sklearn.nn.blocking import row_slices, rows_in_block

CPU = torch.device("cpu")
PREDICTED_TOGETHER = 8  # batches of videos with few features
SHOWN = 5  # rows in a warning
LARGE_ROW = 2**15  # numbers: one operation on so many costs more than it takes to call it


class VideoDataset(Dataset):
    """Videos with their encoded targets, read by batches of rows.

    Parameters
    ----------
    X : AVFeatures
    dtype : numpy dtype
        Of the features in a batch.
    target : ndarray of shape (n, T) or (n, C), or None
        Class codes of segments (int) or class proportions of videos (float).
    weight : ndarray of shape (n,) or None
        Weight of each video; None is 1.
    device : torch.device, default=CPU
        Where the features of a batch go.
    rows : ndarray of int of shape (n,) or None
        Rows of the videos in what the user gave; None where they are all of it.
    name : str, default="X"
        What errors call that.

    Attributes
    ----------
    wide : pair of WideStatistics or None
        What is done in float64 to the audio and to the visual features that are read.
    zeros : ZeroVideos or None
        Is told of the videos that are read.
    in_place : list of bool
        Whether audio and visual features are used from where they lie in memory.
    buffers : list of Tensor or None
        Memory that other features are read into, block after block.
    """

    def __init__(self, X, dtype, target=None, weight=None, device=CPU, rows=None, name="X"):
        self.X, self.dtype, self.device = X, np.dtype(dtype), device
        self.on_device, self.wide, self.zeros = None, (None, None), None
        self.in_place, self.buffers = [lies_ready(stored, self.dtype) for stored in stored_streams(X)], [None, None]
        n = len(X)
        self.rows, self.name = np.arange(n) if rows is None else rows, name
        self.target = torch.zeros(n) if target is None else self._tensor(target)
        self.weight = self._tensor(np.ones(n) if weight is None else weight)

    def _tensor(self, array):
        array = np.ascontiguousarray(array)
        return torch.from_numpy(array.astype(self.dtype if array.dtype.kind == "f" else np.int64))

    def __len__(self):
        return len(self.X)

    def read(self, rows, out=None):
        """Return the finite audio and visual features of `rows`, in `out` or in new Tensors, pinned for a GPU."""
        streams = self.fill(rows, out or self.empty(len(rows), pin_memory=self.device.type == "cuda"))
        for stream, x in enumerate(streams):
            self.check(x, stream, rows)
        return streams

    def fill(self, rows, out=None):
        """Return the features of `rows` as :meth:`read` does, whether they are finite or not."""
        streams = out or self.empty(len(rows))
        arrays = [x.numpy() for x in streams]
        read = [x if wide is None else np.empty(x.shape) for x, wide in zip(arrays, self.wide, strict=True)]
        with np.errstate(over="ignore", invalid="ignore"):  # values that `dtype` cannot hold are errors of `check`
            self.X.take(rows, out=read)
            for stream, x in enumerate(read):
                self.note_zeros(x, stream, rows)
            for wide, x, array in zip(self.wide, read, arrays, strict=True):
                if wide is not None:
                    wide.write(x, array)
        return streams

    def check(self, x, stream, rows):
        """Raise ValueError when `x`, a Tensor of features (`stream` 0 audio, 1 visual) of `rows`, is not finite."""
        if not math.isfinite(x.sum().item()):  # a sum may overflow: that is looked at number by number
            check_finite(x.numpy(), self.modality(stream), lambda row: self.video(rows[row]))

    def note_zeros(self, array, stream, rows):
        """Note which of `rows` are all zero in `array`, their features of a modality, where that is asked for."""
        if self.zeros is not None:
            self.zeros.note(self, stream, rows, array)

    def video(self, row):
        """Return what errors call a video: its row in what the user gave, and in the array that this is a view of."""
        given, stored = self.rows[row], self.X.stored_rows([row])[0]
        return f"video {given}" if given == stored else f"video {given} (row {stored} of the array that it lies in)"

    def modality(self, stream):
        """Return what errors call the audio (`stream` 0) or the visual features (1)."""
        return f"{self.name}.{('audio', 'visual')[stream]}"

    def empty(self, n, map_dtype=None, allocate=torch.empty, **options):
        """Return Tensors for the features of n videos, of memory by `allocate`; maps may be of another dtype."""
        size, dtype = self.X.map_size or (), getattr(torch, self.dtype.name)
        streams = ((), self.X.n_audio_features, dtype), (size, self.X.n_visual_features, size and map_dtype or dtype)
        return [allocate((n, self.X.n_segments, *at, d), dtype=kind, **options) for at, d, kind in streams]

    def batch(self, rows, allocate=torch.empty):
        """Return ``(Batch, (target, weight))`` of `rows`."""
        return Batch(self, rows, allocate), (self.target[rows], self.weight[rows])

    def pieces(self, rows):
        """Yield the finite features of `rows` on the device: by blocks in memory, all at once on a GPU.

        Yields
        ------
        stream : int
            0 for audio, 1 for visual features.
        piece : slice
            Of `rows`.
        x : Tensor
            Features to look at before the next piece is asked for, not to be written to.
        work : Tensor
            Of x's shape and type, to be overwritten; it may be `x`.
        """
        if self.on_device is not None:
            rows = torch.from_numpy(rows).to(self.device)
            yield from ((stream, slice(None), *[kept[rows]] * 2) for stream, kept in enumerate(self.on_device))
        elif self.device.type != "cpu":
            streams = [x.to(self.device, non_blocking=True) for x in self.read(rows)]
            yield from ((stream, slice(None), x, x) for stream, x in enumerate(streams))
        elif any(self.in_place) and not any(self.wide):
            for stream, stored in enumerate(stored_streams(self.X[rows])):
                yield from ((stream, *piece) for piece in self.pieces_of(stream, stored, rows))
        else:
            for piece in row_slices(len(rows), self.X.shape[1]):
                streams = self.read(rows[piece], [self.buffer(stream, len(rows[piece])) for stream in (0, 1)])
                yield from ((stream, piece, x, x) for stream, x in enumerate(streams))

    def pieces_of(self, stream, stored, rows):
        """Yield ``piece, x, work`` of one modality of `rows`, `stored`: a video where it lies, or a block of copies."""
        in_place = self.in_place[stream]
        step = 1 if in_place else rows_in_block(math.prod(stored.shape[1:]))
        for start in range(0, len(rows), step):
            piece = slice(start, min(start + step, len(rows)))
            part, work = stored.select(range(piece.start, piece.stop)), self.buffer(stream, piece.stop - start)
            if not in_place:
                with np.errstate(over="ignore", invalid="ignore"):  # as in `fill`
                    part.copy_to(work.numpy())
            x = to_read(part.first) if in_place else work
            self.note_zeros(x.numpy(), stream, rows[piece])
            self.check(x, stream, rows[piece])
            yield piece, x, work

    def buffer(self, stream, n):
        """Return a Tensor for features of a modality of `n` videos, on memory that is the same each time."""
        kept = self.buffers[stream]
        if kept is None or len(kept) < n:
            kept = self.buffers[stream] = self.empty(n)[stream]
        return kept[:n]

    def keep_on_device(self, max_bytes):
        """Read all features onto the device, once for all epochs, if they take at most `max_bytes`."""
        if math.prod(self.X.shape) * self.dtype.itemsize > max_bytes:
            return
        kept = self.empty(len(self), device=self.device)
        for rows in self.row_groups():
            for out, piece in zip(kept, self.read(rows), strict=True):
                out[rows[0] : rows[-1] + 1] = piece
        self.on_device = kept

    def report_zeros(self):
        """Warn of the videos that are zero in a modality, once all have been read."""
        if self.zeros is not None:
            self.zeros.report()

    def row_groups(self):
        """Return all rows in groups that are read one after the other, when the files are there."""
        self.X.check_files()
        rows = np.arange(len(self))
        return [rows[group] for group in row_slices(len(self), self.X.shape[1])]


class ZeroVideos:
    """Videos that are all zero in a modality, noted in the first epoch's reads: rows that were never written, mostly.

    Parameters
    ----------
    n_videos : int
        Of all that will be read, once each.
    """

    def __init__(self, n_videos):
        self.n_videos = n_videos
        self.found, self.is_over = {}, False

    def note(self, dataset, stream, rows, x):
        """Note which videos are zero in `x`, an ndarray (n, T, ..., d) of a modality of `rows`."""
        if self.is_over:
            return
        zero = ~x[:, 0].reshape(len(x), -1).any(1)  # nearly always the first segment tells
        if zero.any():
            zero[zero] = ~x[zero].reshape(zero.sum(), -1).any(1)
            self.add(dataset, stream, rows[zero], x.dtype)

    def add(self, dataset, stream, rows, dtype):
        """Add `rows` whose features of a modality are zero in `dtype`; those that are not where they lie apart."""
        vanished = np.zeros(len(rows), bool)
        if len(rows) and not np.can_cast(dataset.X.dtype, dtype):
            stored = dataset.X.take(rows, dtype=np.float64)[stream]
            vanished = stored.reshape(len(rows), -1).any(1)
        for chosen, what in (~vanished, "all zero"), (vanished, f"too small for {dtype}, and all zero there,"):
            self.found.setdefault((dataset.modality(stream), what), []).extend(dataset.rows[rows[chosen]].tolist())

    def report(self):
        """Warn of all that were found, once; look no more."""
        parts = [self.describe(*key, sorted(rows)) for key, rows in sorted(self.found.items()) if rows]
        self.found, self.is_over = {}, True
        if parts:
            warn_user(
                f"{' '.join(parts)} Were these features written? They are trained on as they are; videos of "
                "sample_weight 0 are left out."
            )

    def describe(self, name, what, rows):
        """Return a sentence about `rows`, where the modality `name` is as `what` says."""
        if len(rows) == self.n_videos:
            return f"{name} is {what} in all {len(rows)} videos: nothing can be learned from it."
        first = f"{', '.join(map(str, rows[:SHOWN]))}{', ...' if len(rows) > SHOWN else ''}"
        return f"{name} is {what} in {len(rows)} of {self.n_videos} videos, rows {first}."


def watch_zeros(datasets):
    """Let the `datasets`, the parts of an X, note together which videos are zero."""
    zeros = ZeroVideos(sum(map(len, datasets)))
    for dataset in datasets:
        dataset.zeros = zeros


class Batch:
    """Some videos of a dataset, whose features are read when the network asks for them.

    Parameters
    ----------
    dataset : VideoDataset
    rows : ndarray of int, of shape (n,)
    allocate : callable, default=torch.empty
        Called as torch.empty for the memory of the features.
    """

    def __init__(self, dataset, rows, allocate=torch.empty):
        self.dataset, self.rows, self.allocate = dataset, rows, allocate
        self.n_visual_axes = 5 if dataset.X.map_size else 3

    def __len__(self):
        return len(self.rows)

    def load(self, scalings=(None, None), map_dtype=None):
        """Return the audio and the visual features on the dataset's device, Tensors that are the caller's own.

        Parameters
        ----------
        scalings : pair of Scaling or None
            What is done to the one and to the other; None leaves them as they are.
        map_dtype : torch.dtype or None
            Type of the visual features when they are maps; None is that of the dataset.
        """
        loaded = self.dataset.empty(len(self), map_dtype, self.allocate, device=self.dataset.device)
        for stream, piece, x, work in self.dataset.pieces(self.rows):
            scaling, out = scalings[stream], loaded[stream][piece]
            if scaling is None:
                out.copy_(x)
            else:
                scaling.write(x, piece, out, work)
        return loaded


def lies_ready(stored, dtype):
    """Whether the rows of `stored`, one modality, are used from where they lie: they are large, and of `dtype`."""
    return math.prod(stored.shape[1:]) >= LARGE_ROW and stored.lie_as(dtype)


class Unlocked:
    """The memory of a read-only array, as NumPy takes it: PyTorch warns of arrays that may not be written to."""

    def __init__(self, array):
        self.array = array  # lives as long as this
        self.__array_interface__ = {**array.__array_interface__, "data": (array.ctypes.data, False)}


def to_read(array):
    """Return a Tensor on the memory of `array`, an ndarray of the user's: nothing may be written to it."""
    return torch.from_numpy(array if array.flags.writeable else np.asarray(Unlocked(array)))


class BatchMemory:
    """Memory for one batch after the other: what no Tensor is on any more is used again.

    The system would take tens of MB back after each batch and clear them for the next one; and between pieces of that
    size the heap gets holes that nothing fits into.
    """

    def __init__(self):
        self.free = []

    def empty(self, shape, *, dtype, device):
        """Return an uninitialised Tensor; on a GPU a new one, whose memory PyTorch uses again itself."""
        if device.type != "cpu":
            return torch.empty(shape, dtype=dtype, device=device)
        size = math.prod(shape) * dtype.itemsize
        place = next((place for place, memory in enumerate(self.free) if memory.size >= size), None)
        memory = np.empty(size, np.uint8) if place is None else self.free.pop(place)
        lent = memory[:size]  # lives as long as the Tensors on it
        weakref.finalize(lent, self.give_back, memory)
        return torch.from_numpy(lent).view(dtype).view(shape)

    def give_back(self, memory):
        """Take memory that is free again."""
        self.free = sorted([*self.free, memory], key=len)  # the smallest that is large enough comes first


class BatchIterator:
    """Iterate over a :class:`VideoDataset` batch by batch; stands in for torch's DataLoader in skorch.

    Parameters
    ----------
    dataset : VideoDataset
    batch_size : int
    random_state : RandomState or None
        Draws the order of each pass; None keeps the videos' order.
    """

    def __init__(self, dataset, batch_size, random_state=None):
        self.dataset, self.batch_size, self.random_state = dataset, batch_size, random_state

    def __len__(self):
        return -(-len(self.dataset) // self.batch_size)

    def __iter__(self):
        self.dataset.X.check_files()
        n = len(self.dataset)
        order = np.arange(n) if self.random_state is None else self.random_state.permutation(n)
        memory = BatchMemory()
        for start in range(0, n, self.batch_size):
            yield self.dataset.batch(order[start : start + self.batch_size], memory.empty)


def prediction_batch_size(X, batch_size):
    """Return how many videos of `X` to predict together.

    `batch_size`, or up to eight times as many if their features stay in the cache: LSTMs go through the segments one by
    one, and take little longer for more videos; and what training keeps for its backward pass takes no memory.
    """
    return max(batch_size, min(PREDICTED_TOGETHER * batch_size, rows_in_block(X.shape[1])))
