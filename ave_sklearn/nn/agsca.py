"""Audio-guided attention over the channels, then over the regions, of a segment's picture."""

import math
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ave_sklearn.nn.attention import ContextBlock, attend
from ave_sklearn.nn.blocking import in_blocks
from ave_sklearn.nn.layers import linear, mean_over


class AGSCA(nn.Module):
    r"""Audio-guided spatial-channel attention [1]_: amplify what sounds, then look where it is.

    For a segment with audio :math:`a` and regions :math:`V_1, \dots, V_N`, with :math:`\odot` element by element and
    every :math:`U` and :math:`W` linear with a bias,

    .. math::

        m &= \mathrm{mean}_l(\mathrm{ReLU}(U_a a) \odot \mathrm{ReLU}(U_v V_l)), \\
        V_l' &= V_l \odot (1 + \sigma(U_2\,\mathrm{ReLU}(U_1 m))), \\
        s_l &= \tanh(w\,(\mathrm{ReLU}(W_v V_l') \odot \mathrm{ReLU}(W_a a))), \qquad
        v = \sum_l \mathrm{softmax}(s)_l V_l' .

    The tanh bounds the scores: no region has more than :math:`e^2` times another's weight.

    Parameters
    ----------
    n_audio_features, n_visual_features : int
        Lengths of :math:`a` and of each region :math:`V_l`.
    hidden_size : int, default=512
        Length of :math:`m`.
    attention_size : int, default=256
        Width of both bottlenecks, of the channels' and of the regions' attention.

    Notes
    -----
    Written from the authors' code; 756,225 parameters at the AVE dataset's sizes. What it gives within
    :class:`CMRANNet` is compared with theirs, and agrees to float32's rounding.

    References
    ----------
    .. [1] H. Xu et al., "Cross-modal relation-aware networks for audio-visual event localization", ACM MM 2020.

    Examples
    --------
    The attention of each segment sums to 1, and is spread, however large the features are: no region has more than
    :math:`e^2 \approx 7.39` times another's.

    >>> import torch
    >>> from ave_sklearn.nn import AGSCA
    >>> agsca = AGSCA(n_audio_features=6, n_visual_features=5)
    >>> audio, regions = torch.rand(2, 10, 6), torch.rand(2, 10, 9, 5)
    >>> visual, attention = agsca(100 * audio, 100 * regions)
    >>> visual.shape, attention.shape
    (torch.Size([2, 10, 5]), torch.Size([2, 10, 9]))
    >>> torch.allclose(attention.sum(-1), torch.ones(2, 10))
    True
    >>> bool((attention.amax(-1) / attention.amin(-1) < 7.4).all())
    True
    """

    def __init__(
        self, n_audio_features: int, n_visual_features: int, hidden_size: int = 512, attention_size: int = 256
    ) -> None:
        super().__init__()
        biased = {"bias": True, "init": "torch"}
        self.audio = linear(n_audio_features, hidden_size, **biased)
        self.visual = linear(n_visual_features, hidden_size, **biased)
        self.squeeze = linear(hidden_size, attention_size, **biased)
        self.expand = linear(attention_size, n_visual_features, **biased)
        self.audio_key = linear(n_audio_features, attention_size, **biased)
        self.visual_key = linear(n_visual_features, attention_size, **biased)
        self.score = linear(attention_size, 1, **biased)

    def channels(self, audio: Tensor, regions: Tensor) -> Tensor:
        """Return the attention to each channel, in (0, 1).

        Parameters
        ----------
        audio : Tensor of shape (n, T, n_audio_features)
        regions : Tensor of shape (n, T, N, n_visual_features)

        Returns
        -------
        channels : Tensor of shape (n, T, n_visual_features)
        """
        shared = F.relu(self.audio(audio)) * mean_over(F.relu(self.visual(regions)), 2)  # (n, T, hidden_size)
        return torch.sigmoid(self.expand(F.relu(self.squeeze(shared))))

    def forward(self, audio: Tensor, regions: Tensor, adapter: nn.Module | None = None) -> tuple[Tensor, Tensor]:
        """Attend to the channels and regions of each segment.

        Parameters
        ----------
        audio : Tensor of shape (n, T, n_audio_features)
        regions : Tensor of shape (n, T, N, n_visual_features)
        adapter : torch.nn.Module or None, default=None
            What regions go through first, of some videos at a time.

        Returns
        -------
        visual : Tensor of shape (n, T, n_visual_features)
        attention : Tensor of shape (n, T, N)
            Rows sum to 1.
        """

        def look(audio, regions):
            return self.attend(audio, regions if adapter is None else adapter(regions))

        return in_blocks(look, video_size(regions), audio, regions)

    def attend(self, audio: Tensor, regions: Tensor) -> tuple[Tensor, Tensor]:
        """Return what :meth:`forward` does of adapted regions, of some videos."""
        return self.look(audio, regions, regions)

    def look(self, audio: Tensor, regions: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Attend to the channels as `context`, of the shape of `regions`, has them, then to the regions.

        See :meth:`forward` for the other shapes.
        """
        regions = regions * (1 + self.channels(audio, context).unsqueeze(2))
        key, guide = F.relu(self.visual_key(regions)), F.relu(self.audio_key(audio)).unsqueeze(2)  # (n, T, N or 1, k)
        return bounded_attention(regions, guided_score(self.score, key, guide))


class ContextAGSCA(AGSCA):
    r"""AGSCA whose channels are chosen by regions in their context, and which looks without the sound too [1]_.

    With :math:`S_l` the regions in their context (:class:`ContextBlock`, keys of a quarter of their length),
    :class:`AGSCA`'s attention to the channels is computed from :math:`S` and applied to the regions :math:`V_l`. Of
    what it gives, :math:`v`,

    .. math::

        r &= \mathrm{ReLU}(U_m\,\mathrm{mean}_l S_l), \qquad
        u = \sum_l \mathrm{softmax}(\tanh(w_u\,(r \odot \mathrm{ReLU}(U_s S_l))))_l\, S_l, \\
        v' &= v + \beta\,\sigma(u) \odot v .

    Parameters
    ----------
    n_audio_features, n_visual_features
        See :class:`AGSCA`.
    beta : float
        Weight of what is seen without the sound.
    dropout : float
        On what regions get from each other.
    scaled : bool, default=True
        See :class:`SingleHeadAttention`.
    attention_size : int, default=256
        Width of all three bottlenecks.

    Notes
    -----
    Written from a description of the authors' code. What it gives within :class:`CMBSNet` and :class:`CACENet` is
    compared with theirs, and agrees to float32's rounding.

    References
    ----------
    .. [1] Y. Xia and Z. Zhao, "Cross-modal background suppression for audio-visual event localization", CVPR 2022.

    Examples
    --------
    What stands out without the sound makes the features larger, by less than the share `beta`.

    >>> import torch
    >>> from ave_sklearn.nn import ContextAGSCA
    >>> agsca = ContextAGSCA(6, 5, beta=0.4, dropout=0.1).eval()
    >>> audio, regions = torch.rand(2, 10, 6), torch.rand(2, 10, 9, 5)
    >>> visual, attention = agsca(audio, regions)
    >>> guided, _ = agsca.look(audio, regions, agsca.context(regions))
    >>> gain = visual / guided
    >>> bool(1 < gain.min() < gain.max() < 1.4)
    True
    """

    def __init__(
        self,
        n_audio_features: int,
        n_visual_features: int,
        *,
        beta: float,
        dropout: float,
        scaled: bool = True,
        attention_size: int = 256,
    ) -> None:
        super().__init__(n_audio_features, n_visual_features, attention_size=attention_size)
        biased = {"bias": True, "init": "torch"}
        self.context = region_context(n_visual_features, dropout, scaled=scaled)
        self.picture_key = linear(n_visual_features, attention_size, **biased)
        self.context_key = linear(n_visual_features, attention_size, **biased)
        self.context_score = linear(attention_size, 1, **biased)
        self.beta = beta

    def attend(self, audio: Tensor, regions: Tensor) -> tuple[Tensor, Tensor]:
        """Attend to the channels and regions of each segment; see :meth:`AGSCA.forward` for the shapes.

        The attention is that of :class:`AGSCA`, guided by the sound.
        """
        context = self.context(regions)
        visual, attention = self.look(audio, regions, context)
        return visual * (1 + self.beta * torch.sigmoid(self.salient(context))), attention

    def salient(self, regions: Tensor) -> Tensor:
        """Return what stands out among the regions, sound or not.

        Parameters
        ----------
        regions : Tensor of shape (n, T, N, n_visual_features)

        Returns
        -------
        salient : Tensor of shape (n, T, n_visual_features)
        """
        key, guide = F.relu(self.context_key(regions)), F.relu(self.picture_key(mean_over(regions, 2, keepdim=True)))
        return bounded_attention(regions, guided_score(self.context_score, key, guide))[0]


def video_size(regions):
    """Return how many numbers the regions (n, T, N, d) of a video are."""
    return math.prod(regions.shape[1:])


def guided_score(score, key, guide):
    """Return the linear layer `score` of the product of keys (n, T, N, k) and their guide (n, T, 1, k): (n, T, N, 1).

    The guide multiplies the layer's weights, which are fewer than the keys.
    """
    return key @ (guide * score.weight).transpose(2, 3) + score.bias


def bounded_attention(regions, score):
    """Return the mean of regions (n, T, N, d), weighted by softmax(tanh(score)), and these weights (n, T, N).

    `score` is of shape (n, T, N, 1).
    """
    attention = torch.tanh(score).squeeze(-1).softmax(-1)
    return torch.einsum("btl,btld->btd", attention, regions), attention


def region_context(n_features, dropout, *, scaled, norm=None):
    """Return a :class:`ContextBlock` for the regions of a segment, whose keys have a quarter of their length."""
    return ContextBlock(n_features, max(1, n_features // 4), dropout, scaled=scaled, norm=norm)


def attend_adapted(
    attention: nn.Module, audio: Tensor, visual: Tensor, adapter: nn.Module | None = None
) -> tuple[Tensor, dict[str, Tensor]]:
    """Adapt and reduce visual maps to one vector a segment, as :func:`attend`; pooled features are a map of one region.

    Their ``attention`` would be 1 throughout, and is left out. An `adapter` of None stands for maps that are adapted.
    """
    if visual.ndim == 3:
        adapted = visual if adapter is None else adapter(visual)
        return attention(audio, adapted.unsqueeze(2))[0], {}
    return attend(partial(attention, adapter=adapter), audio, visual)
