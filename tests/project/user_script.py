"""A user's script for the type checker: fits, a search, events, metrics, and functions on tensors."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.model_selection import GridSearchCV

from ave_sklearn import AVFeatures, EventLocalizer, PSPLocalizer, WeakPSPLocalizer
from ave_sklearn.datasets import make_av_events, to_segments
from ave_sklearn.metrics import EventF1Scorer, event_report, paired_difference, segment_log_loss
from ave_sklearn.model_selection import KeptScores, VideoStratifiedKFold, cross_val_predict_proba
from ave_sklearn.nn import PSPNet, all_pair_similarity, class_probabilities, prune


def longest_event(events: pd.DataFrame) -> float:
    return float((events["offset"] - events["onset"]).max())


def search_tau(X: AVFeatures, y: NDArray[Any]) -> dict[str, float]:
    cv = VideoStratifiedKFold(n_splits=2, random_state=0)
    search = GridSearchCV(PSPLocalizer(max_epochs=1), {"tau": [0.0, 0.1]}, cv=cv, scoring=EventF1Scorer(iou=0.3))
    proba = cross_val_predict_proba(EventLocalizer(network="avel", max_epochs=1), X, y, cv=cv)
    loss: float = segment_log_loss(y, proba, labels=np.unique(y))
    kept = KeptScores(PSPLocalizer(max_epochs=1, random_state=0), None).fit(X, y)
    seconds: float = kept.record(X, y)["fit_seconds"]
    return {**search.fit(X, y).best_params_, "loss": loss, "seconds": seconds}


def count_connections(audio: torch.Tensor, visual: torch.Tensor) -> int:
    gamma = prune(all_pair_similarity(visual, audio), tau=0.2)
    return int((gamma > 0).sum())


def main() -> None:
    X, y = make_av_events(n_videos=24, n_segments=6, n_classes=3, random_state=0)
    train, test, names = X[:16], X[16:], [f"{i}.mp4" for i in range(8)]
    localizer = PSPLocalizer(tau=0.1, max_epochs=2, lr_schedule="constant", random_state=0).fit(train, y[:16])
    events = localizer.predict_events(test, segment_seconds=0.5, videos=names)
    again = to_segments(events, names, n_segments=6, segment_seconds=0.5)
    assert np.array_equal(again, localizer.predict(test))
    print(len(events), longest_event(events), event_report(y[16:], again, collar=1.0)["f1"].to_dict())

    heard, seen = localizer.embed(test, layer="encoded")
    kept: float = (localizer.propagation(test, tau=0.2)[0] > 0).mean()
    assert heard.shape == seen.shape == localizer.embed(test).shape and kept < 1

    low: float = paired_difference(y[16:], again, y[:8], groups=np.arange(8) % 4, confidence=0.9).interval[0]
    assert low == paired_difference(y[16:], again, y[:8], groups=list("abcdabcd"), confidence=0.9).interval[0]

    weak = WeakPSPLocalizer(target="proportion", early_stopping=2, random_state=np.random.RandomState(0), max_epochs=1)
    weak.fit({"audio": X["audio"], "visual": X.visual}, y)
    print(weak.predict_video_proba(X).mean(axis=0).round(2), weak.score(X, y))

    with tempfile.TemporaryDirectory() as folder:
        print(search_tau(X.to_npy(Path(folder, "audio.npy"), f"{folder}/visual.npy", dtype="float32"), y))

    audio, visual = (torch.from_numpy(array) for array in test.take(dtype=np.float32))
    outputs = PSPNet(X.n_audio_features, X.n_visual_features, n_classes=3, tau=None).forward(audio, visual)
    print(class_probabilities(outputs, 3, background=None).argmax(-1).shape, count_connections(audio, visual))


if __name__ == "__main__":
    main()
