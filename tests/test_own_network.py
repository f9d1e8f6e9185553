"""An estimator for another network stands beside PSP's without a change to what they share."""

import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone
from torch import nn

from ave_sklearn._base import BaseLocalizer
from ave_sklearn._supervision import FullSupervision, WeakSupervision
from ave_sklearn.nn import masked_mean
from ave_sklearn.nn.layers import linear


class SumNet(nn.Module):
    """Both modalities, projected and added: no attention, no time."""

    def __init__(self, n_audio_features, n_visual_features, n_classes, n_regions, *, width):
        super().__init__()
        self.audio, self.visual = linear(n_audio_features, width), linear(n_visual_features, width)
        self.output = linear(width, n_classes)

    def forward(self, audio, visual, mask=None):
        visual = visual if visual.ndim == 3 else visual.flatten(2, -2).mean(2)
        fused = torch.tanh(self.audio(audio) + self.visual(visual))
        logits = self.output(fused)
        return {"logits": logits, "video_logits": masked_mean(logits, mask), "fused": fused}


class SumLocalizer(BaseLocalizer):
    _network = SumNet
    _supervision = FullSupervision()
    lam = 0.0  # SumNet has no pair similarity

    def __init__(self, *, width=8, max_epochs=20, random_state=None, early_stopping=False, background="background"):
        super().__init__(
            standardize=True,
            max_epochs=max_epochs,
            batch_size=16,
            lr=0.02,
            lr_schedule="one_cycle",
            weight_decay=0.0,
            label_smoothing=0.0,
            early_stopping=early_stopping,
            validation_fraction=0.2,
            n_audio_features=None,
            background=background,
            classes=None,
            precision="float32",
            device="auto",
            random_state=random_state,
            verbose=0,
        )
        self.width = width

    def _network_params(self):
        return {"width": self.width}


class WeakSumLocalizer(SumLocalizer):
    _supervision = WeakSupervision()
    target = "proportion"


@pytest.mark.parametrize("estimator", [SumLocalizer, WeakSumLocalizer])
def test_another_network_gets_the_whole_api(videos, estimator):
    X, y = videos
    localizer = estimator(random_state=0, early_stopping=20).fit(X, y)
    assert localizer.score(X, y) > np.mean(y == "background") + 0.1
    assert localizer.predict_proba(X).shape == (60, 10, 4) and localizer.embed(X).shape == (60, 10, 8)
    assert len(localizer.predict_events(X)) > 0
    assert_array_equal(pickle.loads(pickle.dumps(localizer)).predict(X), localizer.predict(X))
    assert_array_equal(clone(localizer).fit(X, y).predict_proba(X), localizer.predict_proba(X))
