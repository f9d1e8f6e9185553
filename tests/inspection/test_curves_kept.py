"""Curves of searches whose scores are kept in a folder."""

import matplotlib
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from ave_sklearn import PSPLocalizer
from ave_sklearn.datasets import make_av_events
from ave_sklearn.inspection import TauCurveDisplay
from ave_sklearn.model_selection import KeptScores

matplotlib.use("Agg")


def test_shares_of_the_localizer_within_kept_scores(tmp_path):
    X, y = make_av_events(n_videos=20, random_state=0)
    kept = KeptScores(PSPLocalizer(max_epochs=1, hidden_size=8, random_state=0), tmp_path)
    search = GridSearchCV(kept, {"estimator__tau": [0, 0.1]}, cv=2).fit(X, y)
    display = TauCurveDisplay.from_estimator(search, X)
    gammas = search.best_estimator_.estimator_.propagation(X, tau=0.1)
    assert display.kept[1] == pytest.approx(np.mean([np.mean(gamma != 0) for gamma in gammas]))
    assert "not trained again" in display.axes_["kept"].get_title(loc="left")
