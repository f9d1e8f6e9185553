"""Helpers of several test files: slow loops of the networks, videos written to files, a small classifier."""

import inspect
from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.naive_bayes import GaussianNB

from ave_sklearn.nn import NETWORKS, Dropout, Positions, initialize, set_dropout_generator

TOLERANCE = {"atol": 1e-12, "rtol": 0}

# ------------------------------------------------- videos, networks and their parameters
N, T, D_A, D_V, C, SIZE, N_REGIONS = 3, 5, 4, 7, 9, (2, 3), 6

WEAK = [{"supervision": "weak", "pooling": p, "weighting": w} for p in ("mean", "max") for w in (False, True)]
HEADS = [{"supervision": "full"}, *WEAK]  # of `flat_head`

BAD_PARAMETERS = [  # of the networks with LSTMs in two directions and `flat_head`
    ({"supervision": "none"}, "supervision is 'none'; wanted 'full' or 'weak'"),
    ({"hidden_size": 7}, "hidden_size is 7; wanted a positive even number"),
    ({"hidden_size": 0}, "hidden_size is 0; wanted a positive even number"),
    ({"dropout": 1.0}, "dropout is 1.0; wanted a number in"),
    ({"pooling": "sum"}, "pooling is 'sum'; wanted 'mean' or 'max'"),
]


def normal(*shape, seed=0):
    """Float64 numbers of a normal distribution."""
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def videos(maps=True, n=N, n_segments=T, size=SIZE):
    """Audio (n, T, D_A) and visual features, (n, T, *size, D_V) or without `maps` (n, T, D_V)."""
    return normal(n, n_segments, D_A), normal(n, n_segments, *(size if maps else ()), D_V, seed=1)


def drawn(net, seed=0):
    """The network in float64 and without dropout, its weights drawn, those too that start at 0 or 1."""
    generator = torch.Generator().manual_seed(seed)
    initialize(net.double().eval(), generator)
    for layer in net.modules():
        if isinstance(layer, (torch.nn.LayerNorm, Positions)):
            for weight in layer.parameters():
                torch.nn.init.uniform_(weight, -1.0, 1.0, generator=generator)
    return net


def small_params(name, **sizes):
    """Parameters of a small network of this name: of these sizes, and of `sizes`, those that its constructor has."""
    small = {"hidden_size": 8, "n_heads": 4, "feedforward_size": 8, "cross_feedforward_size": 8, **sizes}
    taken = inspect.signature(NETWORKS[name]).parameters
    return {size: value for size, value in small.items() if size in taken}


def without_dropout(net):
    """The network in training mode, all its dropout at the rate 0."""
    for layer in net.train().modules():
        if isinstance(layer, Dropout):
            layer.p = 0.0
    return net


def n_trainable(net):
    """Number of trainable parameters."""
    return sum(p.numel() for p in net.parameters() if p.requires_grad)


def tensor(x):
    """Float64 tensor of an array."""
    return torch.from_numpy(np.asarray(x, dtype=np.float64))


def array(x):
    """Array of a tensor or parameter."""
    return x.detach().numpy()


# ------------------------------------------------- one vector
def softmax(x):
    """Shares that sum to 1."""
    e = np.exp(x - np.max(x))
    return e / e.sum()


def sigmoid(x):
    """The logistic function."""
    return 1 / (1 + np.exp(-x))


def relu(x):
    """Positive part."""
    return np.maximum(x, 0)


def cosine(x, y):
    """Cosine of the angle between two vectors, 0 where one is 0."""
    lengths = np.sqrt((x @ x) * (y @ y))
    return x @ y / lengths if lengths else 0.0


def affine(layer, x):
    """W x + b of one vector."""
    out = array(layer.weight) @ x
    return out if layer.bias is None else out + array(layer.bias)


def layer_norm(x, layer):
    """Layer norm over the last axis."""
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(var + layer.eps) * array(layer.weight) + array(layer.bias)


def weighted_sum(weights, vectors):
    """Sum of one weight times one vector each."""
    return sum(w * x for w, x in zip(weights, vectors, strict=True))


# ------------------------------------------------- LSTMs over the segments of one video
def lstm_loop(lstm, x, suffix="", start=None):
    """One direction over x (T, d) in the order given, from `start` (h, c) or zeros: every h and every c, (T, size)."""
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    w_x, w_h, b_x, b_h = (array(getattr(lstm, name + suffix)) for name in names)
    h, c = np.zeros((2, lstm.hidden_size)) if start is None else start
    states, cells = [], []
    for x_t in x:
        i, f, g, o = np.split(w_x @ x_t + b_x + w_h @ h + b_h, 4)  # torch's order
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        states.append(h)
        cells.append(c)
    return np.array(states), np.array(cells)


def bilstm_loop(block, x, start=None):
    """Both directions over x (T, d): codes (T, 2 size), and the h and the c (2, size) that they end in."""
    h, c = np.zeros((2, 2, block.lstm.hidden_size)) if start is None else start
    ahead, ahead_c = lstm_loop(block.lstm, x, "_l0", (h[0], c[0]))
    back, back_c = lstm_loop(block.lstm, x[::-1], "_l0_reverse", (h[1], c[1]))
    return np.hstack([ahead, back[::-1]]), np.array([ahead[-1], back[-1]]), np.array([ahead_c[-1], back_c[-1]])


# ------------------------------------------------- attention over the regions of a segment
def avga_loop(layer, audio, regions, variant="paper"):
    """One segment, audio (d_a,) and regions (N, d_v); "released" adds one number a region in place of one a unit."""
    key_a = affine(layer.audio_key, relu(affine(layer.audio, audio)))
    z = []
    for index, region in enumerate(regions):
        key_v = affine(layer.visual_key, relu(affine(layer.visual, region)))
        z.append(affine(layer.score, np.tanh(key_v + (key_a if variant == "paper" else key_a[index]))).item())
    return weighted_sum(softmax(z), regions), softmax(z)


def attend_loop(loop, layer, audio, visual, *args):
    """One video: `loop` on the map of each segment; pooled visual features (T, d_v) stay and have no `attention`."""
    if visual.ndim == 2:
        return visual, {}
    maps = [picture.reshape(-1, picture.shape[-1]) for picture in visual]
    pooled, weights = zip(*(loop(layer, a, v, *args) for a, v in zip(audio, maps, strict=True)), strict=True)
    return np.array(pooled), {"attention": np.reshape(weights, visual.shape[:3])}


def encoder_loop(encoder, audio, visual, variant="paper"):
    """One video: the codes of both modalities behind the attention over regions, and `attention`."""
    visual, attention = attend_loop(avga_loop, encoder.attention, audio, visual, variant)
    return bilstm_loop(encoder.audio_lstm, audio)[0], bilstm_loop(encoder.visual_lstm, visual)[0], attention


# ------------------------------------------------- attention over sequences, and the layers of a transformer
def attention_loop(layer, queries, memory, n_heads=1, project=True):
    """Each of `queries` (S, d) attends to `memory` (M, d), in each head with its own part of the features."""
    out = []
    for x in queries:
        heads = []
        for part in np.split(np.arange(len(x)), n_heads):
            q = affine(layer.query, x)[part]
            score = [q @ affine(layer.key, m)[part] / np.sqrt(len(part)) for m in memory]
            heads.append(weighted_sum(softmax(score), [affine(layer.value, m)[part] for m in memory]))
        joined = np.concatenate(heads)
        out.append(affine(layer.output, joined) if project else joined)
    return np.array(out)


def attention_block_loop(block, x, memory, n_heads=1, project=True):
    """Attention with residual and norm."""
    return layer_norm(x + attention_loop(block.attention, x, memory, n_heads, project), block.norm)


def feed_forward_loop(layer, x):
    """Two linear layers on each row, with residual and norm."""
    y = [affine(layer.output, relu(affine(layer.hidden, row))) for row in x]
    return layer_norm(x + np.array(y), layer.norm)


def transformer_encoder_loop(layer, x, memory, n_heads):
    """Attention to the memory, then the feed-forward layer."""
    return feed_forward_loop(layer.feed_forward, attention_block_loop(layer.attention, x, memory, n_heads))


def transformer_decoder_loop(layer, x, memory, n_heads):
    """Self-attention in front of the encoder layer."""
    x = attention_block_loop(layer.self_attention, x, x, n_heads)
    return transformer_encoder_loop(layer, x, memory, n_heads)


# ------------------------------------------------- fusion and classifier
def residual_loop(block, v, a):
    """One segment: what DMRN's block makes of v and a, (d,) each."""
    u_v = affine(block.visual[2], np.tanh(affine(block.visual[0], v)))
    u_a = affine(block.audio[2], np.tanh(affine(block.audio[0], a)))
    m = 0.5 * (u_v + u_a)
    return np.tanh(a + m), np.tanh(v + m)


def bilinear_loop(block, a, v):
    """One segment: the bilinear form of each output by its factors, root with sign, unit length."""
    d, k = len(a), block.n_factors
    u, b_u, w, b_w = (array(p) for p in (*block.audio.parameters(), *block.visual.parameters()))
    root = np.zeros(d)
    for i in range(d):
        total = 0.0
        for row in range(i * k, i * k + k):
            total += (u[row] @ a + b_u[row]) * (w[row] @ v + b_w[row])
        root[i] = np.sign(total) * np.sqrt(abs(total))
    return root / np.sqrt(sum(r**2 for r in root))


def flat_head_loop(head, fused, supervision="full", pooling="mean", weighting=False, hidden=True):
    """One video: its segments' logits, and with weak supervision their mean or maximum over time."""
    scores = head if supervision == "full" else head.scores
    inputs = [relu(affine(scores.hidden, f_t)) for f_t in fused] if hidden else fused
    logits = np.array([affine(scores.output, x_t) for x_t in inputs])
    if supervision == "full":
        return {"logits": logits}
    if weighting:
        logits = np.array([h_t * sigmoid(affine(head.weighting, h_t)) for h_t in logits])
    return {"logits": logits, "video_logits": logits.max(0) if pooling == "max" else logits.sum(0) / len(logits)}


# ------------------------------------------------- checks
def assert_same(outputs, expected):
    """The same names, and for each the same shape and values."""
    assert outputs.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(array(outputs[name]), value, err_msg=name, **TOLERANCE)


def assert_forward_pass(net, loop, audio, visual, **params):
    """The outputs of each video are those of ``loop(net, audio, visual, **params)``."""
    outputs = net(audio, visual)
    assert all(len(value) == len(audio) for value in outputs.values())
    for n in range(len(audio)):
        expected = loop(net, array(audio[n]), array(visual[n]), **params)
        assert_same({name: value[n] for name, value in outputs.items()}, expected)


@torch.no_grad()
def assert_padded_as_alone(net, audio, visual, lengths=(3, T, 1)):
    """Loud padding changes nothing of a video, nor does a mask that hides nothing."""
    assert_same(net(audio, visual, torch.ones(audio.shape[:2], dtype=torch.bool)), net(audio, visual))
    mask = torch.arange(audio.shape[1]) < torch.tensor(lengths)[:, None]
    audio, visual = audio.clone(), visual.clone()
    audio[~mask] *= 50
    visual[~mask] *= -50
    together = net(audio, visual, mask)
    for i, length in enumerate(lengths):
        padded = {name: value[i : i + 1] for name, value in together.items()}
        for name in padded.keys() - {"video_logits", "category_logits", "evidence"}:
            padded[name] = padded[name][:, :length]
        assert_same(padded, net(audio[i : i + 1, :length], visual[i : i + 1, :length]))


def parameters_without_effect(net, audio, visual):
    """Names of the parameters whose gradient is 0, for a random sum of the scores that a loss sees."""
    outputs = net(audio, visual)
    seen = ["video_logits"] if "video_logits" in outputs else ["logits", "event_logits", "category_logits"]
    scores = torch.cat([outputs[name].flatten() for name in seen if name in outputs])
    (scores * normal(len(scores), seed=2)).sum().backward()
    size = {name: 0.0 if p.grad is None else p.grad.abs().max().item() for name, p in net.named_parameters()}
    none = {name for name, value in size.items() if value < 1e-13}
    assert all(size[name] > 1e-8 for name in size.keys() - none)  # far from 0, or there is none
    return none


def assert_every_weight_is_drawn(net, audio, visual):
    """`initialize` leaves no weight as it was, and outputs are finite."""
    for weight in net.parameters():
        torch.nn.init.constant_(weight, torch.nan)
    initialize(net, torch.Generator().manual_seed(0))
    assert all(torch.isfinite(weight).all() for weight in net.parameters())
    assert all(torch.isfinite(output).all() for output in net(audio.float(), visual.float()).values())


def dropped(net, *inputs, seed):
    """The outputs in training, dropout drawn from `seed`."""
    set_dropout_generator(net, torch.Generator().manual_seed(seed))
    return net.train()(*inputs)


def assert_own_dropout(net, *inputs, at):
    """Dropout changes the output `at` in training only, drawn from the generator that it is given and no other."""
    state = torch.get_rng_state()
    first, again, other = (dropped(net, *inputs, seed=seed)[at] for seed in (0, 0, 1))
    whole = net.eval()(*inputs)
    assert torch.equal(first, again) and torch.equal(torch.get_rng_state(), state)
    assert not torch.allclose(first, other) and not torch.allclose(first, whole[at])
    for layer in net.modules():
        if isinstance(layer, Dropout):
            layer.p = 0.0
    torch.testing.assert_close(whole, net.train()(*inputs), atol=0, rtol=0)


def assert_rejected(cls, params, message):
    """A network of these parameters is refused with this message."""
    with pytest.raises(ValueError, match=message):
        cls(D_A, D_V, C, N_REGIONS, **params)


# ------------------------------------------------- video files with known pictures and sounds
DARK, BRIGHT = 30, 230
SQUARE = 16  # pixels


def write_video(
    path,
    seconds=2.0,
    fps=5,
    size=(64, 48),
    video_codec="mpeg4",
    audio_codec="aac",
    rate=44100,
    layout="mono",
    tone=440.0,
    with_video=True,
    with_audio=True,
    picture=None,
    sound=None,
    audio_seconds=None,
    video_start=0.0,
    audio_start=0.0,
    pixel_format="yuv420p",
    gop_size=None,
    metadata=None,
):
    """Write a video file and return its path; the suffix (.mp4, .mkv, .avi, .mov, .wav, ...) is the container.

    Parameters
    ----------
    path : path-like
    seconds : float
        Length of the pictures, and of the sound if `audio_seconds` is None.
    fps : int or Fraction
    size : (width, height)
    video_codec, audio_codec : str
        Such as "mpeg4", "libx264" (see `has_encoder`), "mjpeg", "ffv1" (no loss, in .mkv with
        ``pixel_format="bgr0"``); "aac", "pcm_s16le" (no loss, not in .mp4), "flac".
    rate : int
        Samples per second.
    layout : "mono", "stereo", "5.1", ...
    tone : float
        Frequency of the default sound in Hz.
    with_video, with_audio : bool
        Whether the file has this stream; a stream of 0 seconds is there, but empty.
    picture : callable (t, size) -> uint8 array of shape (height, width, 3), or None
        The RGB picture at the time `t` in seconds; None is `moving_square`.
    sound : callable (times of shape (n,)) -> float array of shape (n,) or (n_channels, n) within [-1, 1], or None
        None is a sine of `tone` Hz and amplitude 0.5 in each channel.
    audio_seconds : float or None
        Length of the sound where it differs from that of the pictures.
    video_start, audio_start : float
        Time stamp of the first picture (rounded to a whole number of pictures) and of the first sample; `picture`
        and `sound` still begin at 0.
    gop_size : int or None
        Pictures from one key frame to the next.
    metadata : dict of str to str, or None
        Of the container, such as {"title": "..."}.
    """
    with av.open(str(path), "w") as container:
        container.metadata.update(metadata or {})
        streams = []  # all streams must be there before the first packet
        if with_video:
            streams.append(_add_video(container, video_codec, fps, size, pixel_format, gop_size))
        if with_audio:
            streams.append(container.add_stream(audio_codec, rate=rate, layout=layout))
        if with_video:
            _encode(container, streams[0], _pictures(picture or moving_square, seconds, fps, size, video_start))
        if with_audio:
            length = seconds if audio_seconds is None else audio_seconds
            _encode(container, streams[-1], _sounds(sound or sine(tone), length, rate, layout, audio_start))
    return path


def has_encoder(name):
    """Tell whether the FFmpeg at hand can write this codec."""
    try:
        return av.Codec(name, "w").is_encoder
    except ValueError:
        return False


def moving_square(t, size):
    """Draw a bright square on a dark background, which walks from left to right, 16 pixels a second."""
    width, height = size
    image = np.full((height, width, 3), DARK, dtype=np.uint8)
    left = round(t * SQUARE) % max(width - SQUARE, 1)
    top = (height - SQUARE) // 2
    image[top : top + SQUARE, left : left + SQUARE] = BRIGHT
    return image


def grey(levels):
    """Return a `picture` of one brightness in each second: ``levels[int(t)]``, from 0 to 255."""

    def picture(t, size):
        width, height = size
        return np.full((height, width, 3), levels[min(int(t + 1e-9), len(levels) - 1)], dtype=np.uint8)

    return picture


def sine(tone, amplitude=0.5):
    """Return a `sound`: a sine of this frequency in Hz."""
    return lambda times: amplitude * np.sin(2 * np.pi * tone * times)


def _add_video(container, codec, fps, size, pixel_format, gop_size):
    stream = container.add_stream(codec, rate=Fraction(fps))
    stream.width, stream.height = size
    stream.pix_fmt = pixel_format
    stream.codec_context.bit_rate = 1_000_000
    if gop_size is not None:
        stream.gop_size = gop_size
    return stream


def _pictures(picture, seconds, fps, size, start):
    for number in range(round(seconds * fps)):
        frame = av.VideoFrame.from_ndarray(picture(number / float(fps), size), format="rgb24")
        frame.pts, frame.time_base = number + round(start * fps), 1 / Fraction(fps)
        yield frame


def _sounds(sound, seconds, rate, layout, start, block=1024):
    n_samples = round(seconds * rate)
    n_channels = av.AudioLayout(layout).nb_channels
    samples = np.broadcast_to(sound(np.arange(n_samples) / rate), (n_channels, n_samples)).astype(np.float32)
    for first in range(0, n_samples, block):
        part = np.ascontiguousarray(samples[:, first : first + block])
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout=layout)
        frame.rate, frame.pts, frame.time_base = rate, first + round(start * rate), Fraction(1, rate)
        yield frame


def _encode(container, stream, frames):
    for frame in frames:
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


# ------------------------------------------------- a classifier of segments, for metrics and model selection
class SegmentNB(ClassifierMixin, BaseEstimator):
    """Naive Bayes over single segments: (n, T, F) arrays or AVFeatures, labels (n, T); or (n, F) and (n,)."""

    def __init__(self, background="background", var_smoothing=1e-9):
        self.background = background
        self.var_smoothing = var_smoothing

    def fit(self, X, y, sample_weight=None):
        X, y = segments_of(X), np.asarray(y)
        weight = None if sample_weight is None else np.repeat(sample_weight, y.size // len(y))
        nb = GaussianNB(var_smoothing=self.var_smoothing)
        self.nb_ = nb.fit(X.reshape(-1, X.shape[-1]), y.ravel(), sample_weight=weight)
        self.classes_ = self.nb_.classes_
        return self

    def predict_proba(self, X):
        X = segments_of(X)
        return self.nb_.predict_proba(X.reshape(-1, X.shape[-1])).reshape(*X.shape[:-1], -1)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=-1)]


def segments_of(X):
    """Turn AVFeatures into the array (n, T, F); leave arrays as they are."""
    return np.concatenate([X.audio, X.visual], axis=-1) if hasattr(X, "audio") else np.asarray(X)


def make_videos(n_videos=60, n_segments=5, seed=0, labels=("background", "cat", "dog")):
    """Make videos of one event each whose features tell the label, with noise: X (n, T, 4), y (n, T)."""
    rng = np.random.default_rng(seed)
    labels = np.asarray(labels)
    code = rng.integers(1, len(labels), n_videos)[:, None] * np.ones(n_segments, int)
    start, stop = np.sort(rng.integers(0, n_segments + 1, (2, n_videos, 1)), axis=0)
    segment = np.arange(n_segments)
    code = np.where((segment >= start) & (segment < stop), code, 0)
    X = rng.normal(size=(n_videos, n_segments, 4)) + 1.5 * np.eye(len(labels), 4)[code]
    return X, labels[code]
