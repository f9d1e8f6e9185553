"""Videos with their targets: read by batches, held on a device, and the statistics of their features."""

import math
import weakref

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler
from torch.utils.data import Dataset

from ave_sklearn.localizers._inputs import check_finite
from ave_sklearn.nn.layers import blocks, rows_in_block

CPU = torch.device("cpu")
PREDICTED_TOGETHER = 8  # batches of videos with few features


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
    """

    def __init__(self, X, dtype, target=None, weight=None, device=CPU):
        self.X, self.dtype, self.device = X, np.dtype(dtype), device
        self.held = None
        n = len(X)
        self.target = torch.zeros(n) if target is None else self._tensor(target)
        self.weight = self._tensor(np.ones(n) if weight is None else weight)

    def _tensor(self, array):
        array = np.ascontiguousarray(array)
        return torch.from_numpy(array.astype(self.dtype if array.dtype.kind == "f" else np.int64))

    def __len__(self):
        return len(self.X)

    def features(self, rows, out=None):
        """Return the finite audio and visual features of `rows`, in `out` or in new Tensors, pinned for a GPU."""
        audio, visual = out or self.empty(len(rows), pin_memory=self.device.type == "cuda")
        with np.errstate(over="ignore"):  # values that `dtype` cannot hold are errors two lines on
            self.X.take(rows, out=(audio.numpy(), visual.numpy()))
        check_finite(audio.numpy(), "X.audio", rows)
        check_finite(visual.numpy(), "X.visual", rows)
        return audio, visual

    def empty(self, n, map_type=None, new=torch.empty, **options):
        """Return Tensors for the audio and the visual features of n videos, by `new`; maps may be of another type."""
        size, dtype = self.X.map_size or (), getattr(torch, self.dtype.name)
        streams = ((), self.X.n_audio_features, dtype), (size, self.X.n_visual_features, size and map_type or dtype)
        return [new((n, self.X.n_segments, *at, d), dtype=kind, **options) for at, d, kind in streams]

    def batch(self, rows, new=torch.empty):
        """Return ``(Batch, (target, weight))`` of `rows`."""
        return Batch(self, rows, new), (self.target[rows], self.weight[rows])

    def parts(self, rows, room):
        """Yield a slice of `rows` with its features on the device: by blocks in memory, all at once on a GPU.

        In memory they are put into `room`, Tensors for all `rows`, if these have the dataset's type.
        """
        in_place = room[0].dtype == room[1].dtype
        if self.held is not None:
            yield slice(None), [x[torch.from_numpy(rows).to(self.device)] for x in self.held]
        elif self.device.type == "cpu":
            for part in blocks(len(rows), self.X.shape[1]):
                yield part, self.features(rows[part], [x[part] for x in room] if in_place else None)
        else:
            yield slice(None), [x.to(self.device, non_blocking=True) for x in self.features(rows)]

    def hold(self, room):
        """Read all features onto the device, once for all epochs, if they take at most `room` bytes."""
        if math.prod(self.X.shape) * self.dtype.itemsize > room:
            return
        held = self.empty(len(self), device=self.device)
        for rows in self.blocks():
            for out, part in zip(held, self.features(rows), strict=True):
                out[rows[0] : rows[-1] + 1] = part
        self.held = held

    def blocks(self):
        """Return the rows in blocks that are read one after the other, when the files are there."""
        self.X.check_files()
        rows = np.arange(len(self))
        return [rows[block] for block in blocks(len(self), self.X.shape[1])]


class Batch:
    """Some videos of a dataset, whose features are read when the network asks for them.

    Parameters
    ----------
    dataset : VideoDataset
    rows : ndarray of int, of shape (n,)
    new : callable, default=torch.empty
        Called as torch.empty for the memory of the features.
    """

    def __init__(self, dataset, rows, new=torch.empty):
        self.dataset, self.rows, self.new = dataset, rows, new
        self.n_visual_axes = 5 if dataset.X.map_size else 3

    def __len__(self):
        return len(self.rows)

    def features(self, scalings=(None, None), map_type=None):
        """Return the audio and the visual features on the dataset's device, Tensors that are the caller's own.

        Reading, checking, scaling and casting a block while it is in the cache goes through memory once.

        Parameters
        ----------
        scalings : pair of Scaling or None
            What is done to the one and to the other; None leaves them as they are.
        map_type : torch.dtype or None
            Type of the visual features when they are maps; None is that of the dataset.
        """
        results = self.dataset.empty(len(self), map_type, self.new, device=self.dataset.device)
        for part, streams in self.dataset.parts(self.rows, results):
            for x, scaling, result in zip(streams, scalings, results, strict=True):
                if scaling is not None:
                    scaling.write(x, part, result[part])
                elif x.data_ptr() != result[part].data_ptr():
                    result[part] = x
        return results


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


def feature_statistics(dataset):
    """Mean of each feature, and one scale for each modality, in one pass over `dataset`.

    One scale, because the relation of the features' scales carries information: dividing each principal component
    by its own would make noise as loud as signal.

    Parameters
    ----------
    dataset : VideoDataset
        Videos count by their weight.

    Returns
    -------
    statistics : tuple of (mean, scale) for audio and for visual
        `mean` is an ndarray of shape (d,), `scale` the root of the features' mean variance (1 if that is 0).
    """
    streams = [(StandardScaler(), StandardScaler()) for _ in range(2)]
    for rows in dataset.blocks():
        weight = dataset.weight[rows].numpy()
        for (means, variances), x in zip(streams, dataset.features(rows), strict=True):
            x = x.flatten(1, -2)
            mean = x.mean(1, keepdim=True)
            means.partial_fit(mean.squeeze(1).numpy(), sample_weight=weight)
            variances.partial_fit(x.sub_(mean).square_().mean(1).numpy(), sample_weight=weight)
    # a feature's variance is that of the videos' means, plus the mean of the variances within videos
    return tuple((m.mean_, np.sqrt((m.var_ + v.mean_).mean()) or 1.0) for m, v in streams)
