"""Statistics of the training features: what standardisation subtracts and divides by."""

import numpy as np
from sklearn.preprocessing import StandardScaler


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
    for rows in dataset.row_groups():
        weight = dataset.weight[rows].numpy()
        for (means, variances), x in zip(streams, dataset.read(rows), strict=True):
            x = x.flatten(1, -2)
            mean = x.mean(1, keepdim=True)
            means.partial_fit(mean.squeeze(1).numpy(), sample_weight=weight)
            variances.partial_fit(x.sub_(mean).square_().mean(1).numpy(), sample_weight=weight)
    # a feature's variance is that of the videos' means, plus the mean of the variances within videos
    return tuple((m.mean_, np.sqrt((m.var_ + v.mean_).mean()) or 1.0) for m, v in streams)
