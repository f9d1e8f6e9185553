"""Contents of reports: those that no model made, for tests of the page and for looking at it, and those of a page."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

BACKGROUND = "background"
EVENTS = (
    "Church bell", "Male speech", "Bark", "Airplane", "Race car", "Female speech", "Helicopter", "Violin", "Flute",
    "Ukulele", "Frying food", "Truck", "Shofar", "Motorcycle", "Acoustic guitar", "Train horn", "Clock", "Banjo",
    "Goat", "Baby cry", "Bus", "Chainsaw", "Cat", "Horse", "Toilet flush", "Rodents", "Accordion", "Mandolin",
)  # fmt: skip
HOSTILE = (
    "</script><script>globalThis.broken = 1</script>",
    "<img src=x onerror='globalThis.broken = 1'>",
    '" onmouseover="globalThis.broken = 1" x="',
    "'); globalThis.broken = 1; //",
    "{{ 7 * 7 }}{% raw %}${globalThis.broken = 1}",
    "<!--<script>",
    "]]></style><style>*{display:none}</style>",
    "\u202ereversed\u2066 and\u200b hidden\x00\x1b[31m",
    "two\nlines\r\nand a\ttab\u2028\u2029",
    "long " + "x" * 10_000,
    "javascript:globalThis.broken=1",
    "&lt;b&gt;&amp;#60;",
    "lone \udce9 half",
    "__proto__",
    "constructor",
    "",
    "שלום עולם",
)


def make_report_content(
    n_videos: int,
    n_segments: int = 10,
    n_classes: int = 29,
    *,
    truth: bool = True,
    maps: bool = True,
    attention: bool = True,
    hour_long: int = 0,
    hostile: bool = False,
    pictures: int = 0,
    media: str | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Return a content of format 1, as `make_content` makes it of a model and features.

    Parameters
    ----------
    n_videos : int
        Number of videos.
    n_segments : int, default=10
        Segments of a video, and of a clip.
    n_classes : int, default=29
        Number of labels that the model knows, background among them (the last).
    truth, maps, attention : bool, default=True
        Whether there are true labels, propagation maps and attention.
    hour_long : int, default=0
        How many of the videos, the first ones, last an hour, with a stretch that was not extracted.
    hostile : bool, default=False
        Whether title, names, labels, notes and media try to break out of the page.
    pictures : int, default=0
        How many of the videos, the worst first, have pictures of their segments.
    media : str or None, default=None
        Name of a media file that each video links to; None is a report without media.
    seed : int, default=0
        Of what is drawn.

    Returns
    -------
    content : dict
    """
    rng = np.random.default_rng(seed)
    labels = [EVENTS[i] if i < len(EVENTS) else f"Event {i}" for i in range(n_classes - 1)] + [BACKGROUND]
    if hostile:
        labels = [*HOSTILE, *labels][: n_classes - 1] + [BACKGROUND]
    videos, pairs = [], []
    for i in range(n_videos):
        name = HOSTILE[i % len(HOSTILE)] + f" {i}.mp4" if hostile else f"{_word(rng)}-{i:04d}.mp4"
        spans = [(0, 1700), (1900, 1700)] if i < hour_long else [(0, n_segments)]
        video, true, pred = _make_video(name, spans, n_segments, n_classes, rng, truth, maps, attention)
        if media is not None:
            video["media"] = {"url": media, "note": None}
        if hostile:
            video["media"] = {"url": f"javascript:globalThis.broken=1//{i}", "note": HOSTILE[i % len(HOSTILE)] or None}
        videos.append(video)
        pairs.append((true, pred))
    content: dict[str, Any] = {
        "format": 1,
        "title": HOSTILE[0] if hostile else "Events in the test videos",
        "model": {
            "name": "PSPLocalizer",
            "source": HOSTILE[2] if hostile else "model.joblib",
            "details": [["threshold of the propagation (tau)", "0.095"], ["supervision", "fully supervised"]],
        },
        "written": "2026-11-27",
        "notes": list(HOSTILE)
        if hostile
        else ["3 of the videos were trained on: the model knows them."][: n_videos > 3],
        "hop": 1.0,
        "segment": 1.0,
        "labels": labels,
        "n_classes": n_classes,
        "background": n_classes - 1,
        "has_truth": truth,
        "summary": _make_summary(videos, pairs, len(labels)) if truth else None,
        "videos": videos,
    }
    order = sorted(range(n_videos), key=lambda i: videos[i]["accuracy"] if truth else videos[i]["confidence"])
    for i in order[:pictures]:
        n_pictures = sum(len(_decode(stretch["pred"])) for stretch in videos[i]["stretches"])
        videos[i]["thumbs"] = [draw_picture(rng) if k % 7 != 5 else None for k in range(n_pictures)]
    return content


def draw_picture(rng: np.random.Generator, width: int = 160, height: int = 90) -> str:
    """Return a data URL of a JPEG: a disc over a sky and a ground."""
    sky, ground, disc = (rng.integers(40, 230, size=3) for _ in range(3))
    y, x = np.mgrid[:height, :width]
    pixels = np.where((y < height * 0.6)[..., None], sky, ground) * (0.7 + 0.3 * (y / height))[..., None]
    cx, cy, r = rng.uniform(0.2, 0.8) * width, rng.uniform(0.3, 0.7) * height, rng.uniform(10, 26)
    pixels = np.where(((x - cx) ** 2 + (y - cy) ** 2 < r**2)[..., None], disc, pixels)
    buffer = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=70)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def encode(values: NDArray[Any], scale: int | None = None) -> str:
    """Return values as base64 of little-endian 16 bits: whole numbers, or shares of `scale` (32767 is signed)."""
    if scale is None:
        return base64.b64encode(values.astype("<u2").tobytes()).decode("ascii")
    kind = "<i2" if scale == 32767 else "<u2"
    return base64.b64encode(np.rint(values * scale).astype(kind).tobytes()).decode("ascii")


def _decode(text: str) -> NDArray[np.uint16]:
    return np.frombuffer(base64.b64decode(text), "<u2")


def _word(rng: np.random.Generator) -> str:
    return "".join(rng.choice(list("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"), size=11))


def _make_video(name, spans, n_segments, n_classes, rng, truth, maps, attention):
    """Return the entry of one video, and its true and predicted codes."""
    background, true_all, pred_all, mean, stretches, clips = n_classes - 1, [], [], [], [], []
    likely = int(rng.integers(0, max(n_classes - 1, 1)))
    skill = rng.uniform(0.3, 4.5)
    for first, n in spans:
        true = np.full(n, background)
        t = int(rng.integers(0, 4))
        while t < n:
            length = int(rng.integers(2, 9)) if n <= 60 else int(rng.integers(4, 60))
            true[t : t + length] = likely
            t += length + int(rng.integers(2, 9) if n <= 60 else rng.integers(5, 90))
            if n > 60:
                likely = int(rng.integers(0, max(n_classes - 1, 1)))
        scores = rng.normal(size=(n, n_classes)) * 0.9
        scores[:, background] += 1.0
        scores[np.arange(n), true] += skill
        if n > 2:
            scores[1:-1] = (scores[:-2] + 2 * scores[1:-1] + scores[2:]) / 4
        proba = np.exp(1.6 * scores)
        proba /= proba.sum(axis=1, keepdims=True)
        pred = proba.argmax(axis=1)
        stretches.append(
            {
                "first": first,
                "pred": encode(pred),
                "true": encode(true) if truth else None,
                "proba": encode(proba, 65535),
            }
        )
        for start in range(0, n, n_segments):
            clips.append(_make_clip(first + start, min(n_segments, n - start), rng, maps, attention))
        true_all.append(true)
        pred_all.append(pred)
        mean.append(proba.max(axis=1))
    true, pred, sure = np.concatenate(true_all), np.concatenate(pred_all), np.concatenate(mean)
    video = {
        "name": name,
        "seconds": float(spans[-1][0] + spans[-1][1]),
        "media": None,
        "accuracy": float((true == pred).mean()) if truth else None,
        "confidence": float(sure.mean()),
        "stretches": stretches,
        "clips": clips,
        "thumbs": None,
    }
    return video, true, pred


def _make_clip(first, n, rng, maps, attention, shape=(7, 7)):
    """Return the maps of a clip: sparse rows that sum to 1 at most, and one bright place that wanders."""
    clip = {"first": first, "segments": n, "va": None, "av": None, "attention": None, "map": None}
    if maps:
        for key in ("va", "av"):
            weights = rng.random((n, n)) ** 3 + 0.5 * np.eye(n)
            weights /= weights.sum(axis=1, keepdims=True)
            weights[weights < min(0.095, 1.2 / n)] = 0
            clip[key] = encode(weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-9), 32767)
    if attention:
        h, w = shape
        y, x = np.mgrid[:h, :w]
        where = np.cumsum(rng.normal(size=(n, 2)) * 0.5, axis=0) + rng.uniform(2, 4, size=2)
        far = (y - where[:, :1, None].reshape(n, 1, 1)) ** 2 + (x - where[:, 1:].reshape(n, 1, 1)) ** 2
        shares = np.exp(-far / 3) + 0.02
        clip["attention"] = encode(shares / shares.sum(axis=(1, 2), keepdims=True), 65535)
        clip["map"] = list(shape)
    return clip


def content_of(page):
    """Return the content that a page, the path of a file, was made of."""
    text = Path(page).read_text(encoding="utf-8")
    return json.loads(re.search(r'<script type="application/json" id="content">(.*?)</script>', text, re.DOTALL)[1])


def _make_summary(videos, pairs, n_labels):
    """Return scores and confusion of what the videos hold; F1 of events is a plain number here."""
    true, pred = (np.concatenate([pair[k] for pair in pairs]) for k in (0, 1))
    confusion = np.zeros((n_labels, n_labels), dtype=int)
    np.add.at(confusion, (true, pred), 1)
    accuracy, empty = float((true == pred).mean()), float((true == n_labels - 1).mean())
    order = sorted(range(len(videos)), key=lambda i: videos[i]["accuracy"])
    return {
        "videos": len(videos),
        "segments": len(true),
        "scores": [
            {"name": "this model", "segment_accuracy": accuracy, "event_f1": accuracy * 0.8},
            {"name": "everything background", "segment_accuracy": empty, "event_f1": 0.0},
            {"name": "right category, every second an event", "segment_accuracy": 1 - empty, "event_f1": 0.31},
        ],
        "confusion": confusion.tolist(),
        "worst": [i for i in order if videos[i]["accuracy"] < 1][:10],
    }
