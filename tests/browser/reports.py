"""Pages of made-up contents, and what Python reads in a content: which videos a filter leaves, in which order."""

import base64
from dataclasses import dataclass

import numpy as np

from ave_sklearn.inspection.report._page import render_page

ONE, SIGNED_ONE = 65535, 32767  # what stands for 1 in shares, and in numbers that may be negative


# ------------------------------------------------------------------- writing
def write_page(path, content):
    """Write the page of a content, and return its path."""
    path.write_text(render_page(content), encoding="utf-8")
    return path


def code(values):
    """Return whole numbers below 65536 as base64."""
    return base64.b64encode(np.asarray(values).astype("<u2").tobytes()).decode()


def moved(content, segments):
    """Return a content whose videos begin some segments later."""
    videos = []
    for video in content["videos"]:
        parts = {
            key: [part | {"first": part["first"] + segments} for part in video[key]] for key in ("stretches", "clips")
        }
        videos.append(video | parts | {"seconds": video["seconds"] + segments * content["hop"]})
    return content | {"videos": videos}


def with_strange_truth(content, label):
    """Return a content in which the first segment of the first video has a label that the model does not know."""
    number = len(content["labels"])
    first, *others = content["videos"]
    stretch, *rest = first["stretches"]
    true, predicted = decode(stretch["true"]), decode(stretch["pred"])
    confusion = np.pad(content["summary"]["confusion"], (0, 1))
    confusion[true[0], predicted[0]] -= 1
    confusion[number, predicted[0]] += 1
    true[0] = number
    accuracy = float((true == predicted).mean())
    video = first | {"stretches": [stretch | {"true": code(true)}, *rest], "accuracy": accuracy}
    summary = content["summary"] | {"confusion": confusion.tolist()}
    return content | {"labels": [*content["labels"], label], "summary": summary, "videos": [video, *others]}


# ------------------------------------------------------------------- reading
@dataclass
class Video:
    """What the content says of one video; labels are indices, of all segments of all stretches."""

    index: int
    name: str
    accuracy: float | None
    confidence: float
    segments: np.ndarray
    predicted: np.ndarray
    true: np.ndarray | None
    proba: np.ndarray

    def has(self, label, where="either"):
        """Return whether the label occurs in the truth, the predictions or either."""
        return (where != "predicted" and self.true is not None and label in self.true) or (
            where != "true" and label in self.predicted
        )

    @property
    def wrong(self):
        return self.true is not None and bool((self.true != self.predicted).any())


def decode(text, kind="<u2"):
    return np.frombuffer(base64.b64decode(text), kind).astype(int)


def read_videos(content):
    """Return what the content says of each video, in its order."""
    videos = []
    for index, record in enumerate(content["videos"]):
        parts = record["stretches"]
        predicted = [decode(part["pred"]) for part in parts]
        videos.append(
            Video(
                index=index,
                name=record["name"],
                accuracy=record["accuracy"],
                confidence=record["confidence"],
                segments=np.concatenate(
                    [part["first"] + np.arange(len(p)) for part, p in zip(parts, predicted, strict=True)]
                ),
                predicted=np.concatenate(predicted),
                true=np.concatenate([decode(part["true"]) for part in parts]) if content["has_truth"] else None,
                proba=np.concatenate([decode(part["proba"]) for part in parts]).reshape(-1, content["n_classes"]) / ONE,
            )
        )
    return videos


def read_map(clip, direction):
    """Return a propagation map of a clip, of shape (T, T)."""
    return decode(clip[direction], "<i2").reshape(clip["segments"], -1) / SIGNED_ONE
