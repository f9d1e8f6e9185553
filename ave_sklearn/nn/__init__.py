"""Networks and losses on torch alone; they know neither scikit-learn nor skorch.

Every network is called as ``network(audio, visual, mask=None)`` with `audio` of shape (n, T, d_a), `visual` of
shape (n, T, d_v) or (n, T, H, W, d_v) and an optional bool `mask` of shape (n, T), false on padding. It returns
a dict of tensors with at least ``logits`` of shape (n, T, C).
"""

from ave_sklearn.nn.attention import AVGA, SelfAttention
from ave_sklearn.nn.encoders import BiLSTM
from ave_sklearn.nn.heads import Fusion, SegmentHead, VideoHead
from ave_sklearn.nn.layers import (
    Dropout,
    Standardize,
    StandardizedNetwork,
    initialize,
    masked_mean,
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
from ave_sklearn.nn.psp import Encoder, PSPNet

__all__ = [
    "AVGA",
    "PSP",
    "BiLSTM",
    "Dropout",
    "Encoder",
    "FullyLoss",
    "Fusion",
    "PSPNet",
    "SegmentHead",
    "SelfAttention",
    "Standardize",
    "StandardizedNetwork",
    "VideoHead",
    "WeakLoss",
    "all_pair_similarity",
    "initialize",
    "masked_mean",
    "pair_similarity_loss",
    "propagate",
    "prune",
    "segment_cross_entropy",
    "set_dropout_generator",
    "video_binary_cross_entropy",
]
