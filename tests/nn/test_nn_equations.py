"""Each equation of the paper against a slow, obvious loop, and against the limits that the paper states."""

import numpy as np
import pytest
import torch
from helpers import layer_norm, softmax

from ave_sklearn.nn import (
    AVGA,
    PSP,
    Fusion,
    SegmentHead,
    SelfAttention,
    VideoHead,
    all_pair_similarity,
    pair_similarity_loss,
    propagate,
    prune,
    segment_cross_entropy,
    video_binary_cross_entropy,
)

N, T, D = 3, 6, 4


@pytest.fixture
def rng():
    return np.random.RandomState(0)


def tensor(array):
    return torch.from_numpy(np.asarray(array, dtype=np.float64))


def divide_rows(rows):
    """Each row over the sum of its absolute values; rows of zeros stay."""
    return np.array([row / abs(row).sum() if abs(row).sum() > 0 else row for row in rows])


def prune_loop(beta, tau, strict=False):
    beta = divide_rows(np.maximum(beta, 0))
    for i in range(T):
        for j in range(T):
            keep = beta[i, j] > tau if strict else beta[i, j] >= tau
            beta[i, j] = beta[i, j] if keep else 0.0
    return divide_rows(beta)


def test_eq1_similarity_of_all_pairs(rng):
    v, a = rng.randn(N, T, D), rng.randn(N, T, D)
    beta = all_pair_similarity(tensor(v), tensor(a)).numpy()
    for n in range(N):
        for i in range(T):
            for j in range(T):
                expected = sum(v[n, i, k] * a[n, j, k] for k in range(D)) / np.sqrt(D)
                assert beta[n, i, j] == pytest.approx(expected)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("tau", [0.0, 0.1, 0.3, 1.0])
def test_eq2_pruning(rng, tau, strict):
    beta = rng.randn(N, T, T)
    gamma = prune(tensor(beta), tau, strict=strict).numpy()
    np.testing.assert_allclose(gamma, [prune_loop(b, tau, strict) for b in beta], atol=1e-12)


def test_threshold_itself_is_kept_by_the_paper_and_cut_by_the_release():
    beta = torch.full((1, 4, 4), 2.0, dtype=torch.float64)  # every share is exactly 1/4
    assert (prune(beta, 0.25) == 0.25).all()
    assert (prune(beta, 0.25, strict=True) == 0).all()


def test_pruning_without_the_second_division(rng):
    beta = rng.randn(N, T, T)
    gamma = prune(tensor(beta), 0.2, renormalize=False).numpy()
    share = np.array([divide_rows(np.maximum(b, 0)) for b in beta])
    np.testing.assert_allclose(gamma, np.where(share >= 0.2, share, 0), atol=1e-12)
    assert (gamma.sum(-1) < 0.999).any()


def test_tau_minus_infinity_keeps_negative_connections(rng):
    beta = rng.randn(N, T, T)
    gamma = prune(tensor(beta), -np.inf).numpy()
    np.testing.assert_allclose(gamma, [divide_rows(b) for b in beta], atol=1e-12)
    assert (gamma < 0).any()


def test_tau_zero_cuts_exactly_the_negative_connections(rng):
    beta = rng.randn(N, T, T)
    np.testing.assert_array_equal(prune(tensor(beta), 0.0).numpy() > 0, beta > 0)


def test_rows_without_connections_are_zero_with_finite_gradients(rng):
    beta = tensor(rng.randn(1, T, T))
    beta[0, 0] = -1.0  # all negative: cut by the ReLU
    beta[0, 1] = 1.0  # all 1/T: below the threshold
    beta.requires_grad_()
    gamma = prune(beta, 0.5)
    assert (gamma[0, :2] == 0).all()
    gamma.square().sum().backward()
    assert torch.isfinite(beta.grad).all()


def test_eq3_propagation(rng):
    gamma, source, target = rng.rand(N, T, T), rng.randn(N, T, D), rng.randn(N, T, D)
    out = propagate(tensor(gamma), tensor(source), tensor(target)).numpy()
    for n in range(N):
        for i in range(T):
            expected = target[n, i] + sum(gamma[n, i, j] * source[n, j] for j in range(T))
            np.testing.assert_allclose(out[n, i], expected)


def weight(layer):
    return layer.weight.detach().numpy().T  # the paper writes x W


@pytest.mark.parametrize("released", [False, True])
def test_psp_module_joins_equations_1_to_3(rng, released):
    psp = PSP(D, 0.15, released=released).double()
    v, a = rng.randn(N, T, D), rng.randn(N, T, D)
    v_psp, a_psp, gamma = psp(tensor(v), tensor(a))
    activation = (lambda x: np.maximum(x, 0)) if released else (lambda x: x)
    for n in range(N):
        project = {name: activation(x[n] @ weight(getattr(psp, name))) for name, x in streams(v, a)}
        beta = project["w1_v"] @ project["w1_a"].T / np.sqrt(D)
        gamma_va, gamma_av = prune_loop(beta, 0.15, released), prune_loop(beta.T, 0.15, released)
        np.testing.assert_allclose(gamma["gamma_va"][n].detach(), gamma_va, atol=1e-12)
        np.testing.assert_allclose(gamma["gamma_av"][n].detach(), gamma_av, atol=1e-12)
        np.testing.assert_allclose(v_psp[n].detach(), gamma_va @ project["w2_a"] + v[n], atol=1e-12)
        np.testing.assert_allclose(a_psp[n].detach(), gamma_av @ project["w2_v"] + a[n], atol=1e-12)


def streams(v, a):
    return [("w1_v", v), ("w1_a", a), ("w2_v", v), ("w2_a", a)]


def test_without_tau_features_pass_unchanged(rng):
    v, a = tensor(rng.randn(N, T, D)), tensor(rng.randn(N, T, D))
    v_psp, a_psp, gamma = PSP(D, None)(v, a)
    assert v_psp is v and a_psp is a and gamma == {}


@pytest.mark.parametrize("project", [True, False])
def test_eq4_fusion(rng, project):
    fusion = Fusion(D, project=project).double()
    torch.nn.init.uniform_(fusion.norm.weight, generator=torch.Generator().manual_seed(0))
    v, a = rng.randn(N, T, D), rng.randn(N, T, D)
    fused, _, _ = fusion(tensor(v), tensor(a))
    if project:
        v, a = v @ weight(fusion.w3_v), a @ weight(fusion.w3_a)
    expected = (layer_norm(v, fusion.norm) + layer_norm(a, fusion.norm)) / 2
    np.testing.assert_allclose(fused.detach(), expected, atol=1e-10)


def avga_loop(layer, audio, regions):
    """One segment: audio (d_a,), regions (L, d_v)."""
    u = np.maximum(audio @ weight(layer.audio) + layer.audio.bias.detach().numpy(), 0)
    z = []
    for index, region in enumerate(regions):
        x = np.maximum(region @ weight(layer.visual) + layer.visual.bias.detach().numpy(), 0)
        term = u @ weight(layer.audio_key)
        term = term[index] if layer.transposed else term
        z.append((np.tanh(x @ weight(layer.visual_key) + term) @ weight(layer.score)).item())
    alpha = softmax(np.array(z))
    return sum(w * r for w, r in zip(alpha, regions, strict=True)), alpha


@pytest.mark.parametrize("n_regions", [None, 9])
def test_audio_guided_attention(rng, n_regions):
    layer = AVGA(3, 5, hidden_size=8, attention_size=7, n_regions=n_regions).double()
    audio, regions = rng.randn(2, 4, 3), rng.randn(2, 4, 9, 5)
    visual, attention = layer(tensor(audio), tensor(regions))
    for n in range(2):
        for t in range(4):
            expected, alpha = avga_loop(layer, audio[n, t], regions[n, t])
            np.testing.assert_allclose(attention[n, t].detach(), alpha, atol=1e-12)
            np.testing.assert_allclose(visual[n, t].detach(), expected, atol=1e-12)


def test_attention_matches_sound_with_content_only_in_the_papers_form(rng):
    audio, regions = tensor(rng.randn(1, 1, 3)), tensor(rng.randn(1, 1, 9, 5))
    order = torch.randperm(9, generator=torch.Generator().manual_seed(0))
    for n_regions, follows in ((None, True), (9, False)):
        layer = AVGA(3, 5, hidden_size=8, attention_size=7, n_regions=n_regions).double()
        straight, shuffled = layer(audio, regions)[1], layer(audio, regions[:, :, order])[1]
        assert torch.allclose(straight[:, :, order], shuffled) == follows


def test_self_attention(rng):
    layer, x = SelfAttention(D).double(), rng.randn(N, T, D)
    out = layer(tensor(x)).detach().numpy()
    for n in range(N):
        query, key, value = (x[n] @ weight(w) for w in (layer.query, layer.key, layer.value))
        attended = np.array([softmax(q @ key.T / np.sqrt(D)) @ value for q in query])
        np.testing.assert_allclose(out[n], layer_norm(x[n] + attended, layer.norm), atol=1e-10)


@pytest.mark.parametrize("released", [False, True])
@pytest.mark.parametrize("weighting", [True, False])
def test_eq5_and_eq6_video_prediction(rng, weighting, released):
    gate = torch.relu if released else None
    scores = SegmentHead(D, 5, 3, activation=gate or torch.nn.Identity())
    head = VideoHead(scores, 5, weighting=weighting, activation=gate).double()
    f = rng.randn(N, T, D)
    out = head(tensor(f))
    activation = (lambda x: np.maximum(x, 0)) if released else (lambda x: x)
    for n in range(N):
        total = 0
        for t in range(T):
            h = activation(f[n, t] @ weight(head.scores.hidden)) @ weight(head.scores.output)
            if weighting:
                h = h / (1 + np.exp(-activation(h @ weight(head.weighting))))
            np.testing.assert_allclose(out["logits"][n, t].detach(), h, atol=1e-12)
            total = total + h
        np.testing.assert_allclose(out["video_logits"][n].detach(), total / T, atol=1e-12)


def test_eq7_cross_entropy(rng):
    logits, target = rng.randn(N, T, 5), rng.randint(5, size=(N, T))
    loss = segment_cross_entropy(tensor(logits), torch.from_numpy(target)).numpy()
    for n in range(N):
        expected = -np.mean([np.log(softmax(logits[n, t])[target[n, t]]) for t in range(T)])
        assert loss[n] == pytest.approx(expected)


def test_label_smoothing_spreads_a_share_of_the_target(rng):
    logits, target = rng.randn(1, 1, 5), np.array([[2]])
    loss = segment_cross_entropy(tensor(logits), torch.from_numpy(target), label_smoothing=0.1)
    smooth = np.full(5, 0.02) + 0.9 * np.eye(5)[2]
    assert loss.item() == pytest.approx(-(smooth * np.log(softmax(logits[0, 0]))).sum())


def avps_loop(similarity, is_event):
    s = np.maximum(similarity, 0)
    s = s / s.sum() if s.sum() else s
    if not is_event.any():
        return 0.0
    g = is_event / is_event.sum()
    return np.mean([(s[t] - g[t]) ** 2 for t in range(len(s))])


def test_eq9_pair_similarity_loss(rng):
    """On shares of the cosines' positive parts, which stand for Eq. 8."""
    similarity = rng.uniform(-1, 1, (N, T))
    is_event = rng.rand(N, T) < 0.5
    is_event[1] = False  # a video of background
    loss = pair_similarity_loss(tensor(similarity), torch.from_numpy(is_event)).numpy()
    np.testing.assert_allclose(loss, [avps_loop(*pair) for pair in zip(similarity, is_event, strict=True)])
    assert loss[1] == 0 and (loss[[0, 2]] > 0).all()


def test_pair_similarity_loss_has_bounded_gradients_where_all_similarities_are_negative():
    similarity = torch.full((1, T), -0.3, requires_grad=True)
    pair_similarity_loss(similarity, torch.ones(1, T, dtype=torch.bool)).sum().backward()
    assert torch.isfinite(similarity.grad).all()


def test_eq11_binary_cross_entropy(rng):
    logits, target = rng.randn(N, 5), rng.dirichlet(np.ones(5), N)
    loss = video_binary_cross_entropy(tensor(logits), tensor(target)).numpy()
    for n in range(N):
        o = softmax(logits[n])
        terms = [target[n, c] * np.log(o[c]) + (1 - target[n, c]) * np.log(1 - o[c]) for c in range(5)]
        assert loss[n] == pytest.approx(-np.mean(terms))
