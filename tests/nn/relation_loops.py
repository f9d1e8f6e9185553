"""Slow loops of what CMRAN, CMBS and CACE-Net share: attention over regions, relations of segments."""

import numpy as np
import torch
from helpers import (
    C,
    affine,
    array,
    attention_block_loop,
    bilstm_loop,
    cosine,
    layer_norm,
    relu,
    sigmoid,
    softmax,
    transformer_encoder_loop,
    weighted_sum,
)

N_HEADS = 4  # of the relations in these tests
SIZES = {"hidden_size": 8, "n_heads": N_HEADS, "feedforward_size": 6, "cross_feedforward_size": 5}  # of CMBS, CACE-Net
BACKGROUND = C - 1
TARGET = torch.tensor([[0, 1, BACKGROUND, BACKGROUND, 1], [BACKGROUND] * 5, [2] * 5])


def adapted_loop(net, visual):
    """The adapter at each region of one video, (T, H, W, d_v); pooled features (T, d_v) are maps of one region."""
    maps = visual if visual.ndim == 4 else visual[:, None, None]
    return relu(maps @ array(net.adapter[0].weight).T + array(net.adapter[0].bias))


# ------------------------------------------------- attention over the regions of a segment
def agsca_loop(layer, audio, regions, context=None):
    """One segment: `audio` (d_a,), `regions` (N, d_v), and those that the channels are chosen by."""
    seen = regions if context is None else context
    shared = np.mean([relu(affine(layer.audio, audio)) * relu(affine(layer.visual, v)) for v in seen], axis=0)
    channels = sigmoid(affine(layer.expand, relu(affine(layer.squeeze, shared))))
    regions = [v * (1 + channels) for v in regions]
    key = relu(affine(layer.audio_key, audio))
    alpha = softmax([np.tanh(affine(layer.score, relu(affine(layer.visual_key, v)) * key))[0] for v in regions])
    return weighted_sum(alpha, regions), alpha


def single_head_loop(layer, queries, memory, scaled):
    """Each of `queries` attends to the memory, by dot products that may be divided by the root of their length."""
    keys = [affine(layer.key, m) for m in memory]
    divisor = np.sqrt(len(keys[0])) if scaled else 1
    values = [affine(layer.value, m) for m in memory]
    scores = ([affine(layer.query, x) @ key / divisor for key in keys] for x in queries)
    return np.array([weighted_sum(softmax(score), values) for score in scores])


def context_loop(block, x, scaled, norm=None):
    """Each row of x among all of them."""
    return layer_norm(x + single_head_loop(block.attention, x, x, scaled), norm or block.norm)


def context_agsca_loop(layer, audio, regions, beta, scaled):
    """AGSCA of one segment, by regions in their context, and what these show without the sound."""
    context = context_loop(layer.context, regions, scaled)
    v, alpha = agsca_loop(layer, audio, regions, context)
    picture = relu(affine(layer.picture_key, context.mean(0)))
    scores = [np.tanh(affine(layer.context_score, picture * relu(affine(layer.context_key, s))))[0] for s in context]
    u = weighted_sum(softmax(scores), context)
    return v + beta * sigmoid(u) * v, alpha


# ------------------------------------------------- relations among the segments of a video
def intra_loop(relation, x):
    """One modality's segments see each other."""
    x = np.array([affine(relation.input, row) for row in x])
    for layer in relation.layers:
        x = transformer_encoder_loop(layer, x, x, N_HEADS)
    return x


def cross_loop(relation, x, other):
    """One modality's segments see the other's and each other."""
    query = np.array([affine(relation.query, row) for row in x])
    return transformer_encoder_loop(relation.layer, query, np.vstack([other, query]), N_HEADS)


def interaction_loop(block, x, y, n_heads):
    """What both modalities have in common sees either."""
    return attention_block_loop(block, x * y, np.vstack([y, x]), n_heads)


# ------------------------------------------------- CMBS
def suppressed_loop(relations, audio, visual, supervision, variant, alpha):
    """One video: fused features, logits of both gates, evidence of both modalities, and their similarity."""
    weak, released = supervision == "weak", variant == "released"
    if not weak:
        audio, visual = bilstm_loop(relations.audio_lstm, audio)[0], bilstm_loop(relations.visual_lstm, visual)[0]
    e_a, e_v = intra_loop(relations.audio_intra, audio), intra_loop(relations.visual_intra, visual)
    q_a, q_v = cross_loop(relations.audio_cross, audio, e_v), cross_loop(relations.visual_cross, visual, e_a)
    x_a = np.array([affine(relations.audio_gate, row)[0] for row in e_a])
    x_v = np.array([affine(relations.visual_gate, row)[0] for row in e_v])
    for t in range(len(audio)):
        by_own = weak and released
        gate_of_a, gate_of_v = sigmoid(x_a[t] if by_own else x_v[t]), sigmoid(x_v[t] if by_own else x_a[t])
        q_a[t] *= (1 - alpha if weak else 1) + alpha * gate_of_a
        q_v[t] *= (1 - alpha if weak else 1) + alpha * gate_of_v
    n_heads = N_HEADS // 2 if weak else N_HEADS
    v = interaction_loop(relations.visual_interaction, q_v, q_a, n_heads)
    a = interaction_loop(relations.audio_interaction, q_a, v if released else q_v, n_heads)
    k_a = np.array([affine(relations.audio_evidence, row) for row in q_a])
    k_v = np.array([affine(relations.visual_evidence, row) for row in q_v])
    return (v + a) / 2, x_a, x_v, k_a, k_v, [cosine(*pair) for pair in zip(q_v, q_a, strict=True)]


def top_mean_loop(x, k=4):
    """Of each column the mean of the k largest numbers, or of all."""
    return np.array([np.mean(sorted(column)[-k:]) for column in x.T])


def full_head_loop(head, related, gamma, event_features=None):
    """The outputs of a fully supervised network for one video."""
    fused, x_a, x_v, k_a, k_v, similarity = related
    evidence = (top_mean_loop(k_a) + top_mean_loop(k_v)) / 2
    gate = sigmoid(x_a) * sigmoid(x_v)
    return {
        "event_logits": [affine(head.event, row)[0] for row in (fused if event_features is None else event_features)],
        "category_logits": affine(head.category, fused.max(0)) + gamma * evidence,
        "gate": gate,
        "gate_logits": np.log(gate / (1 - gate)),
        "evidence": evidence,
        "fused": fused,
        "similarity": similarity,
    }
