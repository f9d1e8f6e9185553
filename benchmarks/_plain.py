"""A plain loop: the default network of PSPLocalizer and its training, out of PyTorch's own layers and functions.

What the speed benchmarks compare the package with. Nothing of the package is in it, so that it stays as it is where the
package becomes faster. `tests/benchmarks` compares it with the package's network and loss, which have the same names of
weights.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

HIDDEN_SIZE, CLASSIFIER_SIZE = 128, 64  # d_l, and d_h of the classifier
ATTENTION_SIZES = 512, 49  # of the ReLU units and of the tanh units
TAU, LAM, LABEL_SMOOTHING, FEATURE_DROPOUT = 0.095, 10, 0.05, 0.4
EPS = 1e-8


def linear(n_in, n_out, bias=False):
    """Return a linear layer with weights by Xavier's rule."""
    layer = nn.Linear(n_in, n_out, bias=bias)
    nn.init.xavier_uniform_(layer.weight)
    return layer


class PlainAVGA(nn.Module):
    """Audio-guided attention over the regions of each segment (Sec. 4.2), layer by layer."""

    def __init__(self, d_a, d_v):
        super().__init__()
        hidden, attention = ATTENTION_SIZES
        self.audio, self.visual = linear(d_a, hidden, bias=True), linear(d_v, hidden, bias=True)
        self.visual_key, self.audio_key = linear(hidden, attention), linear(hidden, attention)
        self.score = linear(attention, 1)

    def forward(self, audio, regions):
        """Return pooled features (n, T, d_v) and attention (n, T, N)."""
        key_v = self.visual_key(F.relu(self.visual(regions)))
        key_a = self.audio_key(F.relu(self.audio(audio))).unsqueeze(2)
        attention = F.softmax(self.score(torch.tanh(key_v + key_a)).squeeze(-1), dim=-1)
        return torch.matmul(attention.unsqueeze(2), regions).squeeze(2), attention


class PlainBiLSTM(nn.Module):
    """One bidirectional LSTM layer (Sec. 4.2)."""

    def __init__(self, n_features):
        super().__init__()
        self.lstm = nn.LSTM(n_features, HIDDEN_SIZE // 2, batch_first=True, bidirectional=True)

    def forward(self, x):
        """Return the codes of each segment, (n, T, d_l)."""
        return self.lstm(x)[0]


class PlainEncoder(nn.Module):
    """Attention over regions where there are maps, and an LSTM for each modality (Sec. 4.2)."""

    def __init__(self, d_a, d_v, has_regions):
        super().__init__()
        self.attention = PlainAVGA(d_a, d_v) if has_regions else None
        self.audio_lstm, self.visual_lstm = PlainBiLSTM(d_a), PlainBiLSTM(d_v)

    def forward(self, audio, visual):
        """Return encoded audio and visual features, (n, T, d_l)."""
        if self.attention is not None:
            visual, _ = self.attention(audio, visual.flatten(2, -2))
        return self.audio_lstm(audio), self.visual_lstm(visual)


def pruned(beta):
    """Return the connections that are left of similarities: shares of rows, those below tau cut (Eq. 2)."""
    share = F.normalize(F.relu(beta), p=1, dim=-1, eps=EPS)
    return F.normalize(share * (share >= TAU), p=1, dim=-1, eps=EPS)


class PlainPSP(nn.Module):
    """Positive sample propagation (Eq. 1-3)."""

    def __init__(self):
        super().__init__()
        self.w1_v, self.w1_a = linear(HIDDEN_SIZE, HIDDEN_SIZE), linear(HIDDEN_SIZE, HIDDEN_SIZE)
        self.w2_v, self.w2_a = linear(HIDDEN_SIZE, HIDDEN_SIZE), linear(HIDDEN_SIZE, HIDDEN_SIZE)

    def forward(self, v, a):
        """Return the features of each modality with what they take from the other, (n, T, d_l)."""
        beta = self.w1_v(v) @ self.w1_a(a).transpose(1, 2) / HIDDEN_SIZE**0.5  # Eq. 1
        gamma_va, gamma_av = pruned(beta), pruned(beta.transpose(1, 2))
        return gamma_va @ self.w2_a(a) + v, gamma_av @ self.w2_v(v) + a  # Eq. 3


class PlainFusion(nn.Module):
    """Mean of the two modalities behind projections and a layer norm (Eq. 4)."""

    def __init__(self):
        super().__init__()
        self.w3_v, self.w3_a = linear(HIDDEN_SIZE, HIDDEN_SIZE), linear(HIDDEN_SIZE, HIDDEN_SIZE)
        self.norm = nn.LayerNorm(HIDDEN_SIZE, eps=1e-6)

    def forward(self, v, a):
        """Return fused features, (n, T, d_l)."""
        return (self.norm(self.w3_v(v)) + self.norm(self.w3_a(a))) / 2


class PlainClassifier(nn.Module):
    """Two layers on each segment (Sec. 4.4)."""

    def __init__(self, n_classes):
        super().__init__()
        self.hidden, self.output = linear(HIDDEN_SIZE, CLASSIFIER_SIZE), linear(CLASSIFIER_SIZE, n_classes)

    def forward(self, fused):
        """Return the scores of each class, (n, T, C)."""
        return self.output(F.relu(self.hidden(fused)))


class PlainPSPNet(nn.Module):
    """The default network of PSPLocalizer (Fig. 2).

    Parameters
    ----------
    d_a, d_v, n_classes : int
    has_regions : bool
        Whether visual features are maps (n, T, H, W, d_v), or pooled (n, T, d_v).
    """

    def __init__(self, d_a, d_v, n_classes, has_regions):
        super().__init__()
        self.encoder = PlainEncoder(d_a, d_v, has_regions)
        self.psp, self.fusion, self.head = PlainPSP(), PlainFusion(), PlainClassifier(n_classes)

    def forward(self, audio, visual):
        """Return ``logits`` (n, T, C), and ``similarity`` (n, T), the cosine that L_avps takes."""
        a, v = self.encoder(audio, visual)
        v, a = self.psp(v, a)
        fused = self.fusion(v, a)
        return {"logits": self.head(fused), "similarity": F.cosine_similarity(v, a, dim=-1)}


def plain_loss(outputs, target, background):
    """Return L_ce + lam * L_avps (Eq. 10), a mean over the videos of a batch.

    L_ce is Eq. 7 without its factor 1/C, L_avps is Eq. 9 with shares of positive cosines in place of Eq. 8.
    """
    cross_entropy = F.cross_entropy(outputs["logits"].transpose(1, 2), target, label_smoothing=LABEL_SMOOTHING)
    is_event = target != background
    similarity, event = F.relu(outputs["similarity"]), is_event.to(outputs["similarity"].dtype)
    error = F.normalize(similarity, p=1, dim=1, eps=EPS) - F.normalize(event, p=1, dim=1, eps=EPS)
    return cross_entropy + LAM * (error.square().mean(1) * is_event.any(1)).mean()


class PlainScaled(nn.Module):
    """Standardised inputs and feature dropout in front of a network, operation by operation."""

    def __init__(self, network, audio, visual):
        super().__init__()
        self.network = network
        self.statistics = [(mean(x), (x - mean(x)).square().mean().sqrt()) for x in (audio, visual)]

    def forward(self, audio, visual):
        """Return the network's outputs."""
        scaled = [(x - mean) / scale for x, (mean, scale) in zip((audio, visual), self.statistics, strict=True)]
        if self.training:
            keep = [F.dropout(x.new_ones(len(x), *[1] * (x.ndim - 2), x.shape[-1]), FEATURE_DROPOUT) for x in scaled]
            scaled = [x * mask for x, mask in zip(scaled, keep, strict=True)]
        return self.network(*scaled)


def mean(x):
    """Return the mean of each feature."""
    return x.flatten(0, -2).mean(0)


class PlainLoop:
    """Training and prediction as public code does them: a batch is copied together video by video.

    Parameters
    ----------
    X : AVFeatures
    y : ndarray of shape (n, T)
    batch_size : int
    """

    def __init__(self, X, y, batch_size):
        self.features = torch.from_numpy(np.asarray(X.audio)), torch.from_numpy(np.asarray(X.visual))
        classes, codes = np.unique(y.astype(str), return_inverse=True)
        self.target, self.background = torch.from_numpy(codes.reshape(y.shape)), classes.tolist().index("background")
        self.batch_size = batch_size
        audio, visual = self.features
        network = PlainPSPNet(audio.shape[-1], visual.shape[-1], len(classes), has_regions=visual.ndim > 3)
        self.network = PlainScaled(network, audio, visual)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=0.002, weight_decay=0.01)

    def copied(self, rows):
        """Return the features of `rows`, copied one by one."""
        batch = [torch.zeros(len(rows), *x.shape[1:]) for x in self.features]
        for place, row in enumerate(rows):
            for out, x in zip(batch, self.features, strict=True):
                out[place] = x[row]
        return batch

    def epoch(self):
        """Train once on all videos."""
        self.network.train()
        for rows in torch.randperm(len(self.target)).split(self.batch_size):
            outputs = self.network(*self.copied(rows.tolist()))
            loss = plain_loss(outputs, self.target[rows], self.background)
            self.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self.optimizer.step()

    @torch.no_grad()
    def predict(self):
        """Return the codes of all segments."""
        self.network.eval()
        batches = torch.arange(len(self.target)).split(self.batch_size)
        return torch.cat([self.network(*self.copied(rows.tolist()))["logits"].argmax(-1) for rows in batches])
