"""Networks and losses on torch alone; they know neither scikit-learn nor skorch.

The contract that every network follows, and a network of your own for :class:`~ave_sklearn.EventLocalizer` needs:

* It is a ``torch.nn.Module`` class called as ``Network(n_audio_features, n_visual_features, n_classes, n_regions,
  **params)``: d_a, d_v, C (background included) and N = H * W, or None where visual features have no map. `params`
  are its own, and ``supervision`` ("full" or "weak") if its constructor, or a base class's, names that.
* ``forward(audio, visual)`` takes Tensors of shape (n, T, d_a) and (n, T, d_v) or (n, T, H, W, d_v), and returns a
  dict of Tensors. The networks here take ``mask`` too, bool of shape (n, T), false on padding.
* The dict has ``logits`` of shape (n, T, C); or, of a gated network, ``event_logits`` (n, T), positive where there
  is an event, and ``category_logits`` (n, C - 1), the classes in order without background.
* For weak supervision it has ``video_logits`` too, of shape (n, C). A gated network may have (n, C - 1) there, or
  background among its categories, (n, C).
* Batches may hold a single video, the last one of an epoch at the least. With ``precision="bfloat16"`` `forward` runs
  under autocast, and maps come as bfloat16.
* A copy, by pickle, joblib or ``copy.deepcopy``, is built anew by the constructor, around the parameters, the buffers
  (persistent or not) and what ``get_extra_state`` gives, plain values or ndarrays. Early stopping goes back to its best
  epoch by these too. Nothing else may decide what the network gives in evaluation mode: neither what training changed
  elsewhere, nor what the constructor drew from NumPy. It may draw from torch's global generator, which is seeded alike.
  ``fit`` compares the network with a copy on one batch; where they differ it warns, and making a copy is an error.
* It may have ``similarity`` (n, T), the cosine of the two modalities that the loss L_avps takes; ``fused``
  (n, T, d) for ``embed``; ``attention`` (n, T, H, W); ``gamma_va`` and ``gamma_av`` (n, T, T) for ``propagation``.

Optional: a method ``extra_loss(outputs, target, background)``, a loss of shape (n,), or of shape () that counts once a
video, which is added to the estimator's loss of each video; `target` holds codes (n, T) or proportions (n, C), and
`background` is the code of that class or None. The class attributes ``pair_loss_weight``, what ``lam="auto"`` means,
and ``supervisions``, the kinds of supervision that it can be trained with.

For ``embed(X, layer=...)`` the class attribute ``layer_taps``, a dict: the name of a layer, and a pair of :class:`Tap`,
which say where in the network its audio features (n, T, d_1) and its visual ones (n, T, d_2) are. They are read by
forward hooks on a copy, for ``embed`` alone, so that training costs no more. In the networks here "input" is what
enters the part that encodes each modality over time (the audio standardised, vision behind the attention over regions),
"encoded" what leaves it, and "propagated" what PSP makes of that (Eq. 3).

For ``propagation(X, tau=...)`` a parameter ``tau`` of the constructor. A copy of the network with another ``tau``,
around the same weights, is asked for ``gamma_va`` and ``gamma_av``; so the shape of no weight may depend on a ``tau``
that is a number.

Examples
--------
A network that follows the contract, with neither recurrence nor attention:

>>> import torch
>>> from ave_sklearn import EventLocalizer
>>> from ave_sklearn.datasets import make_av_events
>>> class Linear(torch.nn.Module):
...     def __init__(self, d_a, d_v, n_classes, n_regions=None):
...         super().__init__()
...         self.layer = torch.nn.Linear(d_a + d_v, n_classes)
...     def forward(self, audio, visual):
...         return {"logits": self.layer(torch.cat([audio, visual], -1))}
>>> X, y = make_av_events(n_videos=20, random_state=0)
>>> localizer = EventLocalizer(network=Linear, max_epochs=2, random_state=0)
>>> localizer.fit(X, y).predict(X).shape
(20, 10)
"""

from typing import Any

from ave_sklearn._systems import SYSTEMS
from ave_sklearn.nn.agsca import AGSCA, ContextAGSCA
from ave_sklearn.nn.attention import AVGA, ContextBlock, MultiHeadAttention, SelfAttention, SingleHeadAttention, attend
from ave_sklearn.nn.bilinear import BilinearFusion
from ave_sklearn.nn.contrastive import (
    ContrastiveLoss,
    segment_contrastive_loss,
    video_contrastive_loss,
    view_contrastive_loss,
)
from ave_sklearn.nn.decoding import class_probabilities, gated_probabilities, video_probabilities
from ave_sklearn.nn.encoders import BiLSTM, Encoder
from ave_sklearn.nn.gated import GatedHead, gated_cross_entropy, suppression_loss
from ave_sklearn.nn.heads import Fusion, SegmentHead, VideoHead, flat_head
from ave_sklearn.nn.initialize import initialize
from ave_sklearn.nn.layers import (
    Dropout,
    Noise,
    Positions,
    masked_max,
    masked_mean,
    masked_top_mean,
    set_dropout_generator,
)
from ave_sklearn.nn.losses import (
    FullyLoss,
    WeakLoss,
    pair_similarity_loss,
    segment_cross_entropy,
    video_binary_cross_entropy,
)
from ave_sklearn.nn.propagation import PSP, all_pair_similarity, propagate, prune
from ave_sklearn.nn.standardize import FeatureDropout, Standardize, StandardizedNetwork
from ave_sklearn.nn.systems.dmrn import ResidualFusion
from ave_sklearn.nn.systems.psp import PSPTrunk
from ave_sklearn.nn.taps import Tap
from ave_sklearn.nn.transformer import AttentionBlock, FeedForward, TransformerDecoderLayer, TransformerEncoderLayer

NETWORKS = {name: system.network() for name, system in SYSTEMS.items()}
"""The networks that :class:`~ave_sklearn.EventLocalizer` knows by name: a dict of name and class.

All are constructed and called alike, as the contract in :mod:`ave_sklearn.nn` says. The order is that of the tables. A
class of your own needs no entry here: an estimator takes it as it is, ``network=MyNetwork``.

Examples
--------
>>> import torch
>>> from ave_sklearn.nn import NETWORKS
>>> " ".join(NETWORKS)
'avel dmrn avsdn cman dam avrb avin avt cmran psp cpsp cmbs cacenet'
>>> audio, visual = torch.rand(2, 10, 6), torch.rand(2, 10, 5)
>>> for name, Network in NETWORKS.items():
...     outputs = Network(6, 5, n_classes=4, hidden_size=8)(audio, visual)
...     if "event_logits" in outputs:  # gated: one category a video
...         print(name)
dam
cmran
cpsp
cmbs
cacenet
"""

__all__ = [
    "AGSCA",
    "AVGA",
    "AttentionBlock",
    "BiLSTM",
    "BilinearFusion",
    "ContextAGSCA",
    "ContextBlock",
    "ContrastiveLoss",
    "Dropout",
    "Encoder",
    "FeatureDropout",
    "FeedForward",
    "FullyLoss",
    "Fusion",
    "GatedHead",
    "MultiHeadAttention",
    "NETWORKS",
    "Noise",
    "PSP",
    "PSPTrunk",
    "Positions",
    "ResidualFusion",
    "SegmentHead",
    "SelfAttention",
    "SingleHeadAttention",
    "Standardize",
    "StandardizedNetwork",
    "Tap",
    "TransformerDecoderLayer",
    "TransformerEncoderLayer",
    "VideoHead",
    "WeakLoss",
    "all_pair_similarity",
    "attend",
    "class_probabilities",
    "flat_head",
    "gated_cross_entropy",
    "gated_probabilities",
    "initialize",
    "masked_max",
    "masked_mean",
    "masked_top_mean",
    "pair_similarity_loss",
    "propagate",
    "prune",
    "segment_contrastive_loss",
    "segment_cross_entropy",
    "set_dropout_generator",
    "suppression_loss",
    "video_binary_cross_entropy",
    "video_contrastive_loss",
    "video_probabilities",
    "view_contrastive_loss",
    *(network.__name__ for network in NETWORKS.values()),
]


def __getattr__(name: str) -> Any:
    """Return the class of a published system, by its own name."""
    for network in NETWORKS.values():
        if network.__name__ == name:
            return network
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
