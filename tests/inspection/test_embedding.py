"""Layers of features in the plane, read from the points, colours, shapes and texts that were drawn."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from readable import unreadable
from sklearn.decomposition import PCA

from ave_sklearn import PSPLocalizer
from ave_sklearn.inspection import EmbeddingDisplay
from ave_sklearn.inspection._style import contrast

FAST = {"method": "pca", "random_state": 0}


@pytest.fixture(scope="module")
def layers():
    """Three layers of 12 videos of 5 segments, audio and visual, and a fused one."""
    rng = np.random.default_rng(0)
    pairs = {
        name: (rng.normal(size=(12, 5, 4)), rng.normal(size=(12, 5, 3))) for name in ("input", "encoded", "propagated")
    }
    return {**pairs, "fused": rng.normal(size=(12, 5, 6))}


@pytest.fixture(scope="module")
def y():
    """Labels of 12 videos of 5 segments, of three classes and background."""
    return np.random.default_rng(1).choice(["background", "bark", "bell", "car"], (12, 5))


def points_of(display, panel):
    """All points drawn in a panel, in the order of the labels."""
    points = np.empty((len(display.labels), 2))
    for label, drawn in display.points_[panel].items():
        points[display.labels == label] = drawn.get_offsets()
    return points


def pairs(layers):
    return {name: layers[name] for name in ("input", "encoded", "propagated")}


# ------------------------------------------------------------------- panels
def test_layers_are_columns_and_modalities_rows(layers, y):
    display = EmbeddingDisplay.from_embeddings(pairs(layers), y, **FAST)
    display.figure_.canvas.draw()
    assert list(display.axes_) == [f"{m}, {name}" for m in ("audio", "visual") for name in pairs(layers)]
    place = {name: ax.get_position() for name, ax in display.axes_.items()}
    assert place["audio, input"].x1 < place["audio, encoded"].x0 < place["audio, propagated"].x0
    assert place["audio, input"].y0 > place["visual, input"].y1
    assert [display.axes_[f"audio, {name}"].get_title() for name in pairs(layers)] == list(pairs(layers))
    assert [display.axes_[f"{m}, input"].get_ylabel() for m in ("audio", "visual")] == ["audio", "visual"]
    sides = [ax.transData.transform([(1, 0), (0, 1)]) - ax.transData.transform([0, 0]) for ax in display.axes_.values()]
    assert all(x == pytest.approx(y) for (x, _), (_, y) in sides)  # one scale for both components
    assert all(not len(ax.get_xticks()) and not len(ax.get_yticks()) for ax in display.axes_.values())


def test_each_panel_has_its_own_two_principal_components(layers, y):
    display = EmbeddingDisplay.from_embeddings(layers, y, **FAST)
    for name, i in (("audio, encoded", 0), ("visual, encoded", 1)):
        expected = PCA(2, random_state=0).fit_transform(layers["encoded"][i].reshape(60, -1))
        np.testing.assert_allclose(np.abs(points_of(display, name)), np.abs(expected), atol=1e-9)
    expected = PCA(2, random_state=0).fit_transform(layers["fused"].reshape(60, -1))
    np.testing.assert_allclose(np.abs(points_of(display, "fused")), np.abs(expected), atol=1e-9)


def test_fused_features_have_one_row(layers, y):
    alone = EmbeddingDisplay.from_embeddings({"fused": layers["fused"]}, y, **FAST)
    assert list(alone.axes_) == ["fused"]
    both = EmbeddingDisplay.from_embeddings({"input": layers["input"], "fused": layers["fused"]}, y, **FAST)
    both.figure_.canvas.draw()
    place = {name: ax.get_position() for name, ax in both.axes_.items()}
    assert place["audio, input"].x1 < place["fused"].x0
    assert place["visual, input"].y1 < np.mean([place["fused"].y0, place["fused"].y1]) < place["audio, input"].y0


def test_tsne_keeps_groups_together():
    rng = np.random.default_rng(0)
    y = np.repeat(["a", "b"], 15).reshape(6, 5)
    features = (y == "a")[..., None] * 10.0 + rng.normal(size=(6, 5, 3))
    display = EmbeddingDisplay.from_embeddings({"fused": features}, y, background=None, random_state=0)
    a, b = (points_of(display, "fused")[display.labels == label] for label in "ab")
    assert np.linalg.norm(a.mean(0) - b.mean(0)) > max(np.ptp(a), np.ptp(b)) / 2
    again = EmbeddingDisplay.from_embeddings({"fused": features}, y, background=None, random_state=0)
    np.testing.assert_array_equal(points_of(again, "fused"), points_of(display, "fused"))
    assert display.title_.get_text() == "t-SNE of 30 segments"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("method", ["tsne", "pca"])
def test_features_that_are_all_the_same_can_be_drawn(method):
    features = np.ones((2, 3, 4), np.float32)
    display = EmbeddingDisplay.from_embeddings({"fused": features}, [[0, 1, 1]] * 2, background=0, method=method)
    assert np.isfinite(points_of(display, "fused")).all()


# ------------------------------------------------------------------- classes
def test_background_is_light_and_lies_below(layers, y):
    display = EmbeddingDisplay.from_embeddings(layers, y, **FAST)
    for drawn in display.points_.values():
        assert list(drawn) == ["background", "bark", "bell", "car"]
        colors = [to_hex(points.get_facecolor()[0]) for points in drawn.values()]
        assert len(set(colors)) == 4
        contrasts = [contrast(color, "white") for color in colors]
        assert contrasts[0] < 2 and contrasts[0] < min(contrasts[1:])
        assert drawn["background"].get_sizes() < drawn["bark"].get_sizes()


@pytest.mark.parametrize("n_classes", [3, 8, 9, 28, 64])
def test_classes_differ_in_colour_and_shape_and_the_legend_says_which(n_classes):
    rng = np.random.default_rng(0)
    y = np.arange(n_classes + 1).repeat(2).reshape(2, -1)
    display = EmbeddingDisplay.from_embeddings({"fused": rng.normal(size=(*y.shape, 3))}, y, background=0, **FAST)
    drawn = display.points_["fused"]
    looks = [
        (to_hex(drawn[c].get_facecolor()[0]), drawn[c].get_paths()[0].vertices.tobytes())
        for c in range(1, n_classes + 1)
    ]
    assert len(set(looks)) == n_classes
    assert len({shape for _, shape in looks}) == min(n_classes, 8)  # grey tells them apart
    assert [text.get_text() for text in display.legend_.get_texts()] == [str(c) for c in range(n_classes + 1)]
    handles = display.legend_.legend_handles
    assert [to_hex(handle.get_color()) for handle in handles[1:]] == [color for color, _ in looks]
    assert len(display.figure_.legends) == 1 and display.axes_["fused"].get_legend() is None


def test_texts_can_be_read(layers, y):
    assert unreadable(EmbeddingDisplay.from_embeddings(layers, y, **FAST).figure_) == []


# -------------------------------------------------------------------- points
def test_at_most_so_many_segments_are_drawn_and_the_title_says_so(layers, y):
    display = EmbeddingDisplay.from_embeddings(layers, y, max_points=25, **FAST)
    assert all(len(points_of(display, name)) == 25 for name in display.axes_)
    assert display.title_.get_text() == "PCA of 25 of 60 segments, drawn at random"
    chosen = np.random.RandomState(0).choice(60, 25, replace=False)
    assert display.labels.tolist() == y.ravel()[np.sort(chosen)].tolist()
    every = EmbeddingDisplay.from_embeddings(layers, y, max_points=60, **FAST)
    assert every.title_.get_text() == "PCA of 60 segments"


def test_points_keep_their_labels(y):
    features = np.stack([np.searchsorted(np.unique(y), y), np.zeros(y.shape)], axis=-1)
    display = EmbeddingDisplay.from_embeddings({"fused": features}, y, max_points=40, **FAST)
    for drawn in display.points_["fused"].values():
        assert np.ptp(drawn.get_offsets()[:, 0]) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("form", ["one-hot", "videos", "nested lists"])
def test_forms_of_y(layers, form):
    codes = np.arange(12) % 3
    labels = np.repeat(codes[:, None], 5, axis=1)
    given = {"one-hot": np.eye(3)[labels], "videos": codes, "nested lists": labels.tolist()}[form]
    display = EmbeddingDisplay.from_embeddings(layers, given, background=0, **FAST)
    assert display.labels.tolist() == labels.ravel().tolist()


def test_axes_of_the_caller_are_used(layers, y):
    figure, axes = plt.subplots(2, 3)
    display = EmbeddingDisplay.from_embeddings(pairs(layers), y, ax=axes, **FAST)
    assert list(display.axes_.values()) == axes.ravel().tolist()
    assert display.figure_ is figure and display.axes_["audio, input"].get_title() == "PCA of 60 segments\ninput"
    assert axes[1, 2].get_legend() is display.legend_ and not figure.legends
    with pytest.raises(ValueError, match=r"ax must hold 6 Axes of matplotlib \(audio, input; audio, encoded.*; got 2"):
        EmbeddingDisplay.from_embeddings(pairs(layers), y, ax=axes[:, 0], **FAST)


# ----------------------------------------------------------------- estimators
def stand_in(layers, **fitted):
    """An estimator whose layers are there."""
    return SimpleNamespace(embed=lambda X, *, layer: layers[layer], **fitted)


def test_layers_of_an_estimator(layers, y):
    estimator = stand_in(layers, classes_=np.unique(y), background_="background")
    display = EmbeddingDisplay.from_estimator(estimator, None, y, **FAST)
    assert list(display.points) == ["input", "encoded", "propagated"]
    assert display.background == "background"
    one = EmbeddingDisplay.from_estimator(estimator, None, y, layers="fused", **FAST)
    assert list(one.axes_) == ["fused"]


def test_a_background_that_is_no_class_marks_nothing(layers):
    estimator = stand_in(layers, classes_=np.arange(3), background_="background")
    display = EmbeddingDisplay.from_estimator(
        estimator, None, np.arange(60).reshape(12, 5) % 3, layers=["fused"], **FAST
    )
    assert display.background is None
    assert list(display.points_["fused"]) == [0, 1, 2]


def test_layers_of_a_localizer(pooled):
    X, y = pooled
    localizer = PSPLocalizer(max_epochs=1, hidden_size=8, random_state=0).fit(X, y)
    display = EmbeddingDisplay.from_estimator(localizer, X, y, max_points=50, **FAST)
    assert list(display.points_) == [
        f"{m}, {n}" for n in ("input", "encoded", "propagated") for m in ("audio", "visual")
    ]


# --------------------------------------------------------------------- errors
@pytest.mark.parametrize(
    ("embeddings", "options", "message"),
    [
        ({}, {}, "embeddings must be a dict of at least one layer; got dict"),
        (np.ones((12, 5, 2)), {}, "embeddings must be a dict of at least one layer; got ndarray"),
        ({"a": np.ones((12, 5))}, {}, r"embeddings\['a'\] must be of shape \(n, T, d\).*got \(12, 5\)"),
        ({"a": np.ones((12, 5, 1))}, {}, r"embeddings\['a'\] must be of shape .* d of 2 or more.*got \(12, 5, 1\)"),
        ({"a": (np.ones((12, 5, 2)),) * 3}, {}, r"embeddings\['a'\] must be a pair \(audio, visual\).*got 3 parts"),
        ({"a": np.full((12, 5, 2), "x")}, {}, r"embeddings\['a'\] must hold real numbers"),
        ({"a": np.full((12, 5, 2), np.nan)}, {}, r"embeddings\['a'\] must be finite"),
        ({"a": np.ones((12, 5, 2)), "b": np.ones((12, 4, 2))}, {}, r"same \(n, T\).*got \(12, 4\) in 'b'"),
        ({"a": np.ones((11, 5, 2))}, {}, r"y must be of shape \(n, T\) = \(11, 5\).*got \(12, 5\)"),
        ({"a": np.ones((12, 5, 2))}, {"method": "umap"}, "method must be 'tsne' or 'pca'; got 'umap'"),
        ({"a": np.ones((12, 5, 2))}, {"max_points": 0}, "max_points must be a positive integer; got 0"),
        ({"a": np.ones((12, 5, 2))}, {"max_points": 2}, "At least three segments .* got 2"),
        ({"a": np.ones((12, 5, 2))}, {"background": 0}, "background=0 is numbers, but the labels are text"),
        ({"a": np.ones((12, 5, 2))}, {"random_state": "x"}, "random_state is 'x'"),
    ],
)
def test_wrong_arguments_are_named(embeddings, options, message, y):
    with pytest.raises(ValueError, match=message):
        EmbeddingDisplay.from_embeddings(embeddings, y, **options)
