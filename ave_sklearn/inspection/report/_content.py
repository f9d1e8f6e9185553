"""Content of a report as plain data, from which the page draws itself.

Arrays are base64 of little-endian 16-bit integers: numbers of labels, shares in 65535ths, signed shares in 32767ths.
"""

from __future__ import annotations

import base64
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from ave_sklearn._targets.labels import label_kind, labels_outside
from ave_sklearn.extraction._clips import join_clips, video_ends
from ave_sklearn.metrics._stretches import score_stretches

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from ave_sklearn._targets.grid import Grid
    from ave_sklearn.inspection.report._arguments import ReportInput

FORMAT = 1
N_WORST = 10
MOST_LABELS = 1000  # of which the confusion is a table
MAPS = {"propagation": ("gamma_va", "gamma_av"), "attention": ("attention",)}  # outputs by the methods that give them


def make_content(report_input: ReportInput) -> dict[str, Any]:
    """Return the content of a report.

    Parameters
    ----------
    report_input : ReportInput

    Returns
    -------
    content : dict
        Of plain values alone, as JSON has them. Media and thumbnails are not in it yet: they are None.

    Raises
    ------
    ValueError
        If the truth has more than 1000 labels, or the localizer refuses the features.
    """
    localizer, grid = report_input.localizer, report_input.grid
    proba, maps, said = _predict(report_input)
    labels = _all_labels(localizer.classes_, report_input.y)
    true = None if report_input.y is None else _codes(report_input.y, labels)
    joined = _join(proba, true, report_input.clips, grid)
    videos = _videos(joined, maps, proba.shape[1], report_input)
    return {
        "format": FORMAT,
        "title": report_input.title,
        "model": {
            "name": report_input.model_name,
            "source": report_input.source,
            "details": _details(localizer, said),
        },
        "written": date.today().isoformat(),
        "notes": list(report_input.notes),
        "hop": float(grid.hop_seconds),
        "segment": float(grid.segment_seconds),
        "labels": [label_text(label) for label in labels.tolist()],
        "n_classes": proba.shape[2],
        "background": _number_of(localizer.background_, labels),
        "has_truth": true is not None,
        "summary": None if true is None else _summary(joined, videos, labels, localizer.background_),
        "videos": videos,
    }


def ranked(content: dict[str, Any]) -> list[int]:
    """Return the numbers of the videos of a content, the worst first: by accuracy, or by confidence without truth."""
    return _sorted_by("accuracy" if content["has_truth"] else "confidence", content["videos"])


def middles(video: dict[str, Any], grid: Grid) -> list[float]:
    """Return the middle of each segment's window of a video of a content, in seconds, in the order of its stretches."""
    n_segments = [len(base64.b64decode(stretch["pred"])) // 2 for stretch in video["stretches"]]
    return [
        (stretch["first"] + number) * grid.hop_seconds + grid.segment_seconds / 2
        for stretch, n in zip(video["stretches"], n_segments, strict=True)
        for number in range(n)
    ]


# ------------------------------------------------------------- predictions
def _predict(report_input: ReportInput) -> tuple[NDArray[Any], list[dict[str, Any]], dict[str, str]]:
    """Return probabilities (n, T, C), the maps of each clip, and why there are none of a kind."""
    localizer, X = report_input.localizer, report_input.X
    absent = _absent_maps(localizer, X[:1])
    names = [name for kind in MAPS if kind not in absent for name in MAPS[kind]]
    proba, *arrays = localizer._predict_with(X, names)
    found = dict(zip(names, arrays, strict=True))
    return proba, [_maps_of_clip(found, row) for row in range(len(X))], absent


def _absent_maps(localizer: Any, first: Any) -> dict[str, str]:
    """Return of each kind of map that a localizer does not have why that is so."""
    localizer.predict_proba(first)  # features that it refuses are no reason why there are no maps
    absent = {}
    for kind in MAPS:
        try:
            getattr(localizer, kind)(first)
        except ValueError:
            absent[kind] = _why_absent(kind, localizer._model_.spec)
    return absent


def _why_absent(kind: str, spec: Any) -> str:
    """Say why a network, built from a NetworkSpec, gives no maps of a kind."""
    if kind == "attention" and spec.map_size is None:
        return "none: the visual features are pooled, and have no regions to attend to"
    if kind == "propagation" and spec.params.get("tau", 0) is None:
        return "none: the model was fitted with tau=None, without propagation"
    return f"none: this network has no {kind}"


def _maps_of_clip(found: dict[str, NDArray[Any]], row: int) -> dict[str, Any]:
    """Return the maps of a clip as the content has them."""
    shown: dict[str, Any] = dict.fromkeys(("va", "av", "attention", "map"))
    if "gamma_va" in found:
        shown.update(va=signed_shares(found["gamma_va"][row]), av=signed_shares(found["gamma_av"][row]))
    if "attention" in found:
        attention = found["attention"][row]
        shown.update(attention=shares(attention), map=list(attention.shape[1:]))
    return shown


# ------------------------------------------------------------------ videos
def _join(
    proba: NDArray[Any], true: NDArray[Any] | None, clips: Any, grid: Any
) -> dict[str, list[tuple[int, NDArray[Any], NDArray[Any] | None]]]:
    """Return the stretches of each video: the number of their first segment, probabilities, codes of the truth."""
    joined: dict[str, list[Any]] = {name: [] for name in clips["filename"]}
    truth = None if true is None else join_clips(true, clips, grid)
    for name, first, values in join_clips(proba, clips, grid):
        codes = None if truth is None else next(truth)[-1]
        joined[name].append((first, values, codes))
    return joined


def _videos(
    joined: dict[str, Any], maps: list[dict[str, Any]], n_segments: int, report_input: ReportInput
) -> list[dict[str, Any]]:
    """Return the videos of a content, in the order in which they are given."""
    clips, grid = report_input.clips, report_input.grid
    starts, rows_of = clips["start"].tolist(), clips.groupby("filename").indices
    videos = []
    for name, end in video_ends(clips, n_segments, grid).to_dict().items():
        rows = sorted(rows_of[name], key=starts.__getitem__)
        shown = [{"first": grid.number_at(starts[row]), "segments": n_segments, **maps[row]} for row in rows]
        videos.append(_video(name, joined[name], shown, end, grid.hop_seconds))
    return videos


def _video(name: str, stretches: list[Any], clips: list[dict[str, Any]], end: float, hop: float) -> dict[str, Any]:
    """Return a video of a content."""
    proba = np.concatenate([values for _, values, _ in stretches])
    has_truth = stretches[0][-1] is not None
    right = [values.argmax(-1) == codes for _, values, codes in stretches] if has_truth else []
    return {
        "name": name,
        "seconds": float(min(end, (stretches[-1][0] + len(stretches[-1][1])) * hop)),
        "media": None,
        "accuracy": float(np.concatenate(right).mean()) if has_truth else None,
        "confidence": float(proba.max(-1).mean(dtype=np.float64)),
        "stretches": [
            {
                "first": first,
                "pred": numbers(values.argmax(-1)),
                "true": None if codes is None else numbers(codes),
                "proba": shares(values),
            }
            for first, values, codes in stretches
        ],
        "clips": clips,
        "thumbs": None,
    }


def _summary(joined: Any, videos: list[dict[str, Any]], labels: NDArray[Any], background: Any) -> dict[str, Any]:
    """Return scores with those to read them beside, the confusion between labels, and the worst videos."""
    stretches = [(name, *stretch) for name, own in joined.items() for stretch in own]
    names = [name for name, *_ in stretches]
    true = [codes for *_, codes in stretches]
    found = [proba.argmax(-1) for _, _, proba, _ in stretches]
    known = background if label_kind(np.asarray(background)) == label_kind(labels) else None
    scores = score_stretches(names, [labels[codes] for codes in true], [labels[codes] for codes in found], known)
    confusion = np.zeros((len(labels), len(labels)), dtype=int)
    np.add.at(confusion, (np.concatenate(true), np.concatenate(found)), 1)
    return {
        "videos": scores["videos"],
        "segments": scores["segments"],
        "scores": [
            {"name": "this model", **_plain(scores["model"])},
            *({"name": name, **_plain(measures)} for name, measures in scores["references"].items()),
        ],
        "confusion": confusion.tolist(),
        "worst": [number for number in _sorted_by("accuracy", videos) if videos[number]["accuracy"] < 1][:N_WORST],
    }


def _sorted_by(key: str, videos: list[dict[str, Any]]) -> list[int]:
    """Return the numbers of videos, those with the least of a value first."""
    return sorted(range(len(videos)), key=lambda number: videos[number][key])


def _plain(measures: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in measures.items()}


# ------------------------------------------------------------------ labels
def _all_labels(classes: NDArray[Any], y: NDArray[Any] | None) -> NDArray[Any]:
    """Return the classes of the model, and behind them what occurs in the truth alone."""
    others = [] if y is None else labels_outside(y, classes)
    if len(classes) + len(others) > MOST_LABELS and others:
        raise ValueError(
            f"y_true has {len(others)} labels that the model does not know, such as {others[0]!r:.60}; a report takes "
            f"{MOST_LABELS} labels in all."
        )
    return np.concatenate([classes, others]) if others else classes


def _codes(y: NDArray[Any], labels: NDArray[Any]) -> NDArray[np.intp]:
    """Return the numbers of labels."""
    order = np.argsort(labels)
    return order[np.searchsorted(labels, y, sorter=order)]


def _number_of(label: Any, labels: NDArray[Any]) -> int | None:
    """Return the number of a label, or None where it is not there."""
    known = labels.tolist()
    return known.index(label) if label in known else None


def label_text(label: Any) -> str:
    """Return a label as text; whole numbers without a point."""
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)


def _details(localizer: Any, said: dict[str, str]) -> list[list[str]]:
    """Return what there is to know of a model, pairs of texts."""
    network = getattr(localizer, "network", None)
    details = {} if network is None else {"network": getattr(network, "__name__", str(network))}
    details |= localizer._fit_summary()
    if "propagation" not in said and getattr(localizer, "tau", None) is not None:
        details["propagation"] = f"connections of a share of {localizer.tau:g} or more are kept"
    return [[name, text] for name, text in {**details, **said}.items()]


# ------------------------------------------------------------------- arrays
def numbers(values: NDArray[Any]) -> str:
    """Return numbers from 0 to 65535 as base64 of 16-bit integers."""
    return _base64(values.astype("<u2"))


def shares(values: NDArray[Any]) -> str:
    """Return shares in [0, 1] as base64 of 16-bit integers, 65535 for 1."""
    return _base64(np.rint(np.clip(values.astype(np.float64), 0, 1) * 65535).astype("<u2"))


def signed_shares(values: NDArray[Any]) -> str:
    """Return shares in [-1, 1] as base64 of signed 16-bit integers, 32767 for 1."""
    return _base64(np.rint(np.clip(values.astype(np.float64), -1, 1) * 32767).astype("<i2"))


def _base64(values: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")
