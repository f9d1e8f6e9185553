"""Temporal encoders: of one modality, and of both behind an attention over regions."""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ave_sklearn.nn.attention import AVGA, SelfAttention, attend
from ave_sklearn.nn.layers import Dropout, is_plain
from ave_sklearn.nn.recurrence import bidirectional_lstms
from ave_sklearn.nn.taps import encoder_taps

ENCODER_TAPS = encoder_taps("encoder.audio_lstm", "encoder.visual_lstm")  # of a network with an `encoder`


class BiLSTM(nn.Module):
    """One bidirectional LSTM layer, batch first (Sec. 4.2 of the paper).

    One layer, and an initial state of zeros, are those of the authors' code; the paper leaves them open.

    Parameters
    ----------
    n_features : int
        Length of a segment's input.
    hidden_size : int
        Length d_l of a segment's output, both directions together: even.

    Examples
    --------
    >>> import torch
    >>> from ave_sklearn.nn import BiLSTM
    >>> lstm = BiLSTM(n_features=6, hidden_size=8)
    >>> x = torch.rand(2, 10, 6)
    >>> mask = torch.arange(10) < torch.tensor([[10], [7]])  # 10 segments and 7
    >>> codes = lstm(x, mask)
    >>> tuple(codes.shape), codes[1, 7:].count_nonzero().item()
    ((2, 10, 8), 0)
    >>> alone = lstm(x[1:, :7])
    >>> torch.allclose(codes[1:, :7], alone, atol=1e-6)
    True
    """

    def __init__(self, n_features: int, hidden_size: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(n_features, hidden_size // 2, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Encode `x` of shape (n, T, n_features) to (n, T, hidden_size).

        With `mask` (n, T), true on the first segments of each video and false on its padding, a video's codes
        are those that it would have alone; padding gets zeros.
        """
        if mask is None and steps_are_ours(x) and is_plain(self.lstm, nn.LSTM):
            return bidirectional_lstms([x], [self.lstm])[0]
        return self.run(x, mask)[0]

    def run(
        self, x: Tensor, mask: Tensor | None = None, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return the codes of :meth:`forward`, and the state that each video ends in.

        States are (h, c), each of shape (2, n, hidden_size / 2), forwards then backwards; `state` is that to start
        from, None is zeros. They end after each video's last segment (forwards) and first (backwards).
        """
        if mask is None:
            return self.lstm(x, state)
        packed = pack_padded_sequence(x, mask.sum(1).cpu(), batch_first=True, enforce_sorted=False)
        codes, state = self.lstm(packed, state)
        return pad_packed_sequence(codes, batch_first=True, total_length=x.shape[1])[0], state


def encode_both(audio_lstm, visual_lstm, audio, visual, mask=None):
    """Return the codes (n, T, d_l) of two modalities (n, T, d), each by its :class:`BiLSTM`; for `mask` see there.

    In a training step on a CPU both LSTMs take their steps together. They take them one after the other where a hook
    waits for one of them, where they are of two sizes, and where one is of another class.
    """
    layers = audio_lstm, visual_lstm
    plain = all(is_plain(layer, BiLSTM) and is_plain(layer.lstm, nn.LSTM) for layer in layers)
    if mask is None and steps_are_ours(audio) and plain and audio_lstm.lstm.hidden_size == visual_lstm.lstm.hidden_size:
        return bidirectional_lstms([audio, visual], [layer.lstm for layer in layers])
    return audio_lstm(audio, mask), visual_lstm(visual, mask)


def steps_are_ours(x):
    """Tell whether :func:`bidirectional_lstms` encodes `x`, if nothing of it is padding: in training on a CPU."""
    return torch.is_grad_enabled() and x.device.type == "cpu"


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
        On the LSTMs' outputs; neither the paper nor the authors' code has it there.

    Examples
    --------
    >>> import torch
    >>> from ave_sklearn.nn import AVGA, Encoder
    >>> encoder = Encoder(6, 5, hidden_size=8, attention=AVGA(6, 5))
    >>> audio, maps = torch.rand(2, 10, 6), torch.rand(2, 10, 3, 4, 5)
    >>> a, v, extras = encoder(audio, maps)
    >>> tuple(a.shape), tuple(v.shape), tuple(extras["attention"].shape)
    ((2, 10, 8), (2, 10, 8), (2, 10, 3, 4))
    """

    def __init__(
        self,
        n_audio_features: int,
        n_visual_features: int,
        hidden_size: int,
        *,
        attention: nn.Module | None,
        audio_input: nn.Module | None = None,
        visual_input: nn.Module | None = None,
        self_attention: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.audio_input = audio_input or nn.Identity()
        self.visual_input = visual_input or nn.Identity()
        self.attention = attention
        self.audio_context = SelfAttention(n_audio_features) if self_attention else None
        self.visual_context = SelfAttention(n_visual_features) if self_attention else None
        self.audio_lstm = BiLSTM(n_audio_features, hidden_size)
        self.visual_lstm = BiLSTM(n_visual_features, hidden_size)
        self.dropout = Dropout(dropout)

    def forward(
        self, audio: Tensor, visual: Tensor, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Return encoded audio and visual features (n, T, d_l), and the dict of :func:`attend`."""
        a = self.audio_input(audio)
        v, extras = attend(self.attention, a, visual)
        v = self.visual_input(v)
        if self.audio_context is not None:
            a, v = self.audio_context(a, mask), self.visual_context(v, mask)
        a, v = encode_both(self.audio_lstm, self.visual_lstm, a, v, mask)
        return self.dropout(a), self.dropout(v), extras


def attended_encoder(d_a, d_v, n_regions, hidden_size, *, transposed=False, init="xavier", **options):
    """Return an :class:`Encoder` of raw features, with :class:`AVGA` in front of it where there are maps.

    `transposed` is AVGA's released form, `init` its initial weights, and `options` are the encoder's.
    """
    attention = AVGA(d_a, d_v, n_regions=n_regions if transposed else None, init=init) if n_regions else None
    return Encoder(d_a, d_v, hidden_size, attention=attention, **options)
