"""The paper's two networks, as its equations say and as its authors released them."""

import torch.nn.functional as F
from torch import nn

from ave_sklearn.nn.attention import AVGA, SelfAttention
from ave_sklearn.nn.encoders import BiLSTM
from ave_sklearn.nn.heads import Fusion, SegmentHead, VideoHead
from ave_sklearn.nn.layers import Dropout, linear
from ave_sklearn.nn.propagation import PSP

RELEASED_WIDTH = 128  # of each modality in front of its LSTM in the released networks


class Encoder(nn.Module):
    """Attention over regions, then a BiLSTM for each modality (Sec. 4.2).

    Parameters
    ----------
    n_audio_features, n_visual_features : int
        d_a and d_v as they reach the LSTMs.
    hidden_size : int
        d_l.
    attention : AVGA or None
        None for pooled visual features.
    audio_input, visual_input : torch.nn.Module or None, default=None
        Layers in front of the attention (audio) and behind it (visual); the paper has none.
    self_attention : bool, default=False
        Self-attention over segments in front of the LSTMs (SAPSP, Table 1).
    dropout : float, default=0.0
        On the LSTMs' outputs.
    """

    def __init__(
        self,
        n_audio_features,
        n_visual_features,
        hidden_size,
        *,
        attention,
        audio_input=None,
        visual_input=None,
        self_attention=False,
        dropout=0.0,
    ):
        super().__init__()
        self.audio_input = audio_input or nn.Identity()
        self.visual_input = visual_input or nn.Identity()
        self.attention = attention
        self.audio_context = SelfAttention(n_audio_features) if self_attention else None
        self.visual_context = SelfAttention(n_visual_features) if self_attention else None
        self.audio_lstm = BiLSTM(n_audio_features, hidden_size)
        self.visual_lstm = BiLSTM(n_visual_features, hidden_size)
        self.dropout = Dropout(dropout)

    def attend(self, audio, visual):
        """Reduce maps (n, T, H, W, d_v) to (n, T, d_v); the dict holds the ``attention`` (n, T, H, W), if any."""
        if self.attention is None:
            return visual, {}
        pooled, attention = self.attention(audio, visual.flatten(2, -2))
        return pooled, {"attention": attention.unflatten(-1, visual.shape[2:-1])}

    def forward(self, audio, visual, mask=None):
        """Return encoded audio and visual features (n, T, d_l), and :meth:`attend`'s dict."""
        a = self.audio_input(audio)
        v, extras = self.attend(a, visual)
        v = self.visual_input(v)
        if self.audio_context is not None:
            a, v = self.audio_context(a, mask), self.visual_context(v, mask)
        return self.dropout(self.audio_lstm(a, mask)), self.dropout(self.visual_lstm(v, mask)), extras


def paper_encoder(d_a, d_v, n_regions, hidden_size, self_attention, dropout):
    """Return the encoder of Sec. 4.2: raw features to attention and LSTMs."""
    attention = AVGA(d_a, d_v) if n_regions else None
    return Encoder(d_a, d_v, hidden_size, attention=attention, self_attention=self_attention, dropout=dropout)


def released_bottleneck(n_in):
    """Return the two linear layers, without an activation between them, of the authors' fully supervised code."""
    inner, outer = linear(n_in, 256, init="torch"), linear(256, RELEASED_WIDTH, init="torch")
    return nn.Sequential(inner, outer)


def released_encoder(d_a, d_v, n_regions, hidden_size, self_attention, weak):
    """Return the authors' encoder, with its layers in front of the LSTMs, linear on linear."""
    visual_input = linear(d_v, RELEASED_WIDTH, bias=True, init="torch") if weak else released_bottleneck(d_v)
    audio_input = None if weak else released_bottleneck(d_a)
    d_a = d_a if weak else RELEASED_WIDTH
    return Encoder(
        d_a,
        RELEASED_WIDTH,
        hidden_size,
        attention=AVGA(d_a, d_v, n_regions=n_regions) if n_regions else None,
        audio_input=audio_input,
        visual_input=visual_input,
        self_attention=self_attention,
    )


class PSPNet(nn.Module):
    """The paper's network (Fig. 2): encoder, positive sample propagation, fusion, classifier.

    Parameters
    ----------
    n_audio_features, n_visual_features : int
        d_a and d_v.
    n_classes : int
        C, background included.
    n_regions : int or None, default=None
        N = H * W of visual maps; None for pooled visual features, which need no attention.
    supervision : {"full", "weak"}, default="full"
    variant : {"paper", "released"}, default="paper"
        The equations, or the authors' code layer by layer.
    tau : float or None, default=0.095
        See :func:`ave_sklearn.nn.prune`; None is no propagation ("w/o PSP", Table 1).
    hidden_size : int, default=256
        d_l, both LSTM directions together.
    dropout : float, default=0.1
    self_attention : bool, default=False
        Self-attention over the segments of each modality before its LSTM (SAPSP, Table 1).
    weighting : bool, default=True
        The weighting branch of Eq. 5; weak supervision only.
    """

    def __init__(
        self,
        n_audio_features,
        n_visual_features,
        n_classes,
        n_regions=None,
        *,
        supervision="full",
        variant="paper",
        tau=0.095,
        hidden_size=256,
        dropout=0.1,
        self_attention=False,
        weighting=True,
    ):
        super().__init__()
        weak, self.released = supervision == "weak", variant == "released"
        shape = n_audio_features, n_visual_features, n_regions, hidden_size, self_attention
        self.encoder = released_encoder(*shape, weak) if self.released else paper_encoder(*shape, dropout)
        self.psp = PSP(hidden_size, tau, dropout, self.released, renormalize=not (self.released and weak))
        self.fusion = Fusion(
            hidden_size,
            dropout,
            project=not (self.released and weak),
            activation=F.relu if self.released and not weak else None,
        )
        head_dropout = 0.0 if self.released else dropout
        if weak:
            self.head = VideoHead(hidden_size, n_classes, 64, head_dropout, weighting, self.released)
        else:
            self.head = SegmentHead(hidden_size, n_classes, 64, head_dropout)

    def forward(self, audio, visual, mask=None):
        """Classify every segment.

        Parameters
        ----------
        audio : Tensor of shape (n, T, d_a)
        visual : Tensor of shape (n, T, d_v) or (n, T, H, W, d_v)
        mask : bool Tensor of shape (n, T) or None
            False on padding at the end of videos.

        Returns
        -------
        outputs : dict of Tensors
            ``logits`` (n, T, C), ``fused`` (n, T, d_l), ``similarity`` (n, T), the cosine that L_avps takes;
            with weak supervision ``video_logits`` (n, C); with propagation ``gamma_va`` and ``gamma_av``
            (n, T, T); with maps ``attention`` (n, T, H, W).
        """
        a, v, attention = self.encoder(audio, visual, mask)
        v, a, gamma = self.psp(v, a, mask)
        fused, v_normed, a_normed = self.fusion(v, a)
        pair = (v_normed, a_normed) if self.released else (v, a)
        similarity = F.cosine_similarity(*pair, dim=-1)
        return {**self.head(fused, mask), **gamma, **attention, "fused": fused, "similarity": similarity}
