"""The two networks of AVE's features, with the weight names of their public torch versions.

Examples
--------
>>> import torch
>>> from ave_sklearn.extraction.networks import VGG19
>>> with torch.device("meta"):  # names and shapes alone, without weights
...     weights = VGG19().state_dict()
>>> tuple(weights["features.0.weight"].shape), list(weights)[-1]
((64, 3, 3, 3), 'features.34.bias')
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

__all__ = ["VGG19", "VGGish", "pca_quantize"]

VGG19_BLOCKS = ((64, 64), (128, 128), (256,) * 4, (512,) * 4, (512,) * 4)
VGGISH_BLOCKS = ((64,), (128,), (256, 256), (512, 512))


def _convolutions(n_channels, blocks):
    """Return 3 x 3 convolutions with ReLUs, and a max pooling that halves the map after each block."""
    layers = []
    for block in blocks:
        for width in block:
            layers += [nn.Conv2d(n_channels, width, kernel_size=3, padding=1), nn.ReLU(inplace=True)]
            n_channels = width
        layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
    return nn.Sequential(*layers)


class VGG19(nn.Module):
    """VGG-19 [1]_ up to its last pooling layer, pool5.

    The state dict has torchvision's keys, ``features.0.weight`` to ``features.34.bias``; those of the classifier
    behind pool5 are not wanted.

    References
    ----------
    .. [1] K. Simonyan and A. Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR
       2015.

    Examples
    --------
    >>> import torch
    >>> from ave_sklearn.extraction import VGG19
    >>> with torch.device("meta"):  # shapes alone, without weights
    ...     maps = VGG19()(torch.empty(10, 3, 224, 224))
    >>> tuple(maps.shape)
    (10, 512, 7, 7)
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = _convolutions(3, VGG19_BLOCKS)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the maps of pool5.

        Parameters
        ----------
        pictures : Tensor of shape (n, 3, height, width)
            Preprocessed as the weights want it.

        Returns
        -------
        maps : Tensor of shape (n, 512, height // 32, width // 32)
            Not negative.
        """
        return self.features(pictures)


class VGGish(nn.Module):
    """VGGish [1]_: an embedding of 0.96 s of sound, after the ReLU, as the audio features of AVE are.

    The state dict has the keys of the public torch port (torchvggish), ``features.0.weight`` to
    ``embeddings.4.bias``.

    References
    ----------
    .. [1] S. Hershey et al., "CNN architectures for large-scale audio classification", ICASSP 2017.

    Examples
    --------
    >>> import torch
    >>> from ave_sklearn.extraction import VGGish
    >>> with torch.device("meta"):  # shapes alone, without weights
    ...     embeddings = VGGish()(torch.empty(10, 1, 96, 64))
    >>> tuple(embeddings.shape)
    (10, 128)
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = _convolutions(1, VGGISH_BLOCKS)
        widths = (512 * 6 * 4, 4096, 4096, 128)
        layers = [[nn.Linear(a, b), nn.ReLU(inplace=True)] for a, b in zip(widths, widths[1:], strict=False)]
        self.embeddings = nn.Sequential(*(layer for pair in layers for layer in pair))

    def forward(self, examples: Tensor) -> Tensor:
        """Return the embeddings.

        Parameters
        ----------
        examples : Tensor of shape (n, 1, 96, 64)
            Log-mel spectrograms, frames by bands.

        Returns
        -------
        embeddings : Tensor of shape (n, 128)
            Not negative.
        """
        maps = self.features(examples)
        return self.embeddings(maps.permute(0, 2, 3, 1).flatten(1))  # channels last, as the first weights had it


class LogMelStatistics(nn.Module):
    """The mean and the standard deviation of each band of a log-mel spectrogram; a network without weights."""

    def forward(self, examples: Tensor) -> Tensor:
        """Return how loud each band is, and by how much that changes.

        Parameters
        ----------
        examples : Tensor of shape (n, 1, n_frames, 64)
            Log-mel spectrograms, frames by bands.

        Returns
        -------
        statistics : Tensor of shape (n, 128)
            Means over the frames, then standard deviations, 0 where there is one frame.
        """
        level, change = examples[:, 0].mean(dim=1), examples[:, 0].std(dim=1, correction=0)
        return torch.cat([level, change], dim=-1)


def pca_quantize(
    embeddings: ArrayLike, eigen_vectors: NDArray[np.floating[Any]], means: ArrayLike
) -> NDArray[np.float32]:
    r"""Apply AudioSet's last step to VGGish embeddings: PCA with whitening, and 8 bits.

    :math:`\mathrm{round}\bigl(\tfrac{255}{4} (\mathrm{clip}(E (x - m), -2, 2) + 2)\bigr)`

    Parameters
    ----------
    embeddings : ndarray of shape (n, 128)
    eigen_vectors : ndarray of shape (128, 128)
        Rows are the components E.
    means : ndarray of shape (128,)

    Returns
    -------
    quantized : ndarray of float32, of shape (n, 128)
        Whole numbers from 0 to 255.

    Examples
    --------
    >>> import numpy as np
    >>> from ave_sklearn.extraction import pca_quantize
    >>> embeddings = [[-9, -2, 0, 1, 2, 9]]
    >>> pca_quantize(embeddings, np.eye(6), np.zeros(6))
    array([[  0.,   0., 128., 191., 255., 255.]], dtype=float32)
    """
    components = (np.asarray(embeddings, np.float64) - means) @ eigen_vectors.T
    return np.round((np.clip(components, -2, 2) + 2) * (255 / 4)).astype(np.float32)


def randomize(network, seed=0):
    """Give a network on the meta device random weights that keep the scale of what passes through (He et al.)."""
    generator = torch.Generator().manual_seed(seed)
    network.to_empty(device="cpu")
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
        else:
            nn.init.kaiming_normal_(parameter, nonlinearity="relu", generator=generator)
    return network
