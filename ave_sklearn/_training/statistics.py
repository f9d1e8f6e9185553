"""Statistics of the training features: what standardisation subtracts and divides by."""

import math

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler

from ave_sklearn.nn.standardize import resolves

OUTLIER = 2.0**60  # times as large as most videos: no scale serves both


def feature_statistics(dataset):
    """Mean of each feature, and one scale for each modality, in one pass over `dataset`.

    One scale, because the relation of the features' scales carries information: dividing each principal component
    by its own would make noise as loud as signal.

    Features that the dataset's type does not resolve (their squares overflow or vanish in it, or they lie far from 0)
    are read twice more, in float64. So are constant ones: the first pass cannot tell them from such features.

    Parameters
    ----------
    dataset : VideoDataset
        Videos count by their weight.

    Returns
    -------
    statistics : list of (mean, scale) for audio and for visual
        `mean` is an ndarray of shape (d,), `scale` the root of the features' mean variance (1 if they are constant).

    Raises
    ------
    ValueError
        For features that are not finite, or where a few videos are so much larger than the others that none of the
        others would be left.
    """
    streams = [Moments(), Moments()]
    # what the dataset's type cannot hold is looked at again in float64
    read = dataset.read if np.can_cast(dataset.X.dtype, dataset.dtype) else dataset.fill
    for rows in dataset.row_groups():
        for moments, x in zip(streams, read(rows), strict=True):
            moments.add(x, dataset.weight[rows])
    statistics = [moments.statistics() for moments in streams]
    dtype = getattr(torch, dataset.dtype.name)
    return [
        found if found is not None and resolves(dtype, *found) else wide_statistics(dataset, stream)
        for stream, found in enumerate(statistics)
    ]


class Moments:
    """Mean and mean variance of features, block by block, in the type of the blocks."""

    def __init__(self):
        self.means, self.variances, self.is_finite = StandardScaler(), StandardScaler(), True

    def add(self, x, weight):
        """Add `x`, a Tensor of shape (n, T, ..., d), by the weights (n,) of its videos; overwrites `x`."""
        x = x.flatten(1, -2)
        mean = x.mean(1, keepdim=True)
        variance = x.sub_(mean).square_().mean(1)
        self.is_finite = self.is_finite and bool(variance.isfinite().all())
        if self.is_finite:
            self.means.partial_fit(mean.squeeze(1).numpy(), sample_weight=weight.numpy())
            self.variances.partial_fit(variance.numpy(), sample_weight=weight.numpy())

    def statistics(self):
        """Return the mean (d,) and the scale, or None if a number was not finite."""
        if not self.is_finite:
            return None
        # a feature's variance is that of the videos' means, plus the mean of the variances within videos
        return self.means.mean_, np.sqrt((self.means.var_ + self.variances.mean_).mean())


def wide_statistics(dataset, stream):
    """Return mean and scale of the audio (`stream` 0) or visual features (1), computed in float64.

    Each feature is first moved by its least value, and all by a power of two: both are exact.
    """
    low, high = feature_ranges(dataset, stream)
    if (low == high).all():
        return low, 1.0
    with np.errstate(over="ignore"):
        spread = (high - low).max()
    if not np.isfinite(spread):
        raise ValueError(
            f"Input {dataset.modality(stream)} spans more than float64 holds, from {low.min()} to {high.max()}."
        )
    _, exponent = math.frexp(spread)
    moments = Moments()
    for rows, x in wide_blocks(dataset, stream):
        moments.add(torch.from_numpy(np.ldexp(x - low, -exponent)), dataset.weight[rows])
    mean, scale = moments.statistics()
    return low + np.ldexp(mean, exponent), np.ldexp(scale, exponent)


def feature_ranges(dataset, stream):
    """Return the least and the largest value of each feature of a modality, both float64 of shape (d,)."""
    low, high, peaks = np.inf, -np.inf, np.zeros(len(dataset))
    for rows, x in wide_blocks(dataset, stream):
        x = x.reshape(len(x), -1, x.shape[-1])
        low, high = np.minimum(low, x.min((0, 1))), np.maximum(high, x.max((0, 1)))
        peaks[rows] = np.abs(x, out=x).max((1, 2))
    check_peaks(peaks, dataset, stream)
    return low, high


def wide_blocks(dataset, stream):
    """Yield rows and their finite features (n, T, ..., d) in float64, block by block."""
    for rows in dataset.row_groups():
        x = dataset.X.take(rows, dtype=np.float64)[stream]
        dataset.check(torch.from_numpy(x), stream, rows)
        yield rows, x


def check_peaks(peaks, dataset, stream):
    """Raise ValueError if the largest value of a video, one of `peaks` (n,), leaves nothing of most other videos."""
    row = peaks.argmax()
    typical = np.quantile(peaks[peaks > 0], 0.5, method="lower") if peaks[row] else 0.0
    if peaks[row] / OUTLIER > typical:
        raise ValueError(
            f"Input {dataset.modality(stream)} contains a value too large for {dataset.dtype} beside those of the "
            f"other videos: {peaks[row]:.3g} in {dataset.video(row)}, where half of the videos stay below "
            f"{typical:.3g}; features of one scale are wanted."
        )
