"""Display of connections: what is drawn of them, which cells are cut, boxed and written, and the errors."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from readable import unreadable

from ave_sklearn import AVFeatures, PSPLocalizer
from ave_sklearn.inspection import PropagationDisplay
from ave_sklearn.inspection._style import BOX, LEAST_CONTRAST, contrast

T = 6
LABELS = ["background", "dog", "dog", "background", "dog", "cat"]


class Pruned:
    """A fitted localizer whose similarities are drawn, and pruned as Eq. 2 has it; it keeps what it was asked."""

    background_ = "background"
    classes_ = np.array(["background", "cat", "dog"])

    def __init__(self, seed=0):
        self.similarity = np.random.default_rng(seed).normal(0.3, 1, (T, T))
        self.seen = []

    def propagation(self, X, *, tau="fitted"):
        self.seen.append(X)
        tau = 0.1 if tau == "fitted" else tau
        return tuple(prune(matrix, tau)[None] for matrix in (self.similarity, self.similarity.T))

    def predict(self, X):
        return np.array([["background", "background", "cat", "cat", "cat", "background"]])


def prune(similarity, tau):
    if tau == -np.inf:
        return similarity / abs(similarity).sum(1, keepdims=True)
    share = np.maximum(similarity, 0)
    share /= share.sum(1, keepdims=True)
    share = np.where(share >= tau, share, 0)
    return share / np.maximum(share.sum(1, keepdims=True), 1e-12)


def draw(tau="fitted", y=None, **options):
    X = AVFeatures(np.zeros((3, T, 2)), np.zeros((3, T, 4)))
    return PropagationDisplay.from_estimator(Pruned(), X, y, tau=tau, **options)


def bounds(boxes):
    """Left, right, top and bottom of rectangles."""
    return [(b.get_x(), b.get_x() + b.get_width(), b.get_y(), b.get_y() + b.get_height()) for b in boxes]


# ---------------------------------------------------------------- what is drawn
def test_each_panel_has_the_connections_of_its_threshold_and_direction():
    display = draw(tau=[0, 0.15, "fitted"])
    similarity = Pruned().similarity
    wanted = [prune(matrix, tau) for matrix in (similarity, similarity.T) for tau in (0, 0.15, 0.1)]
    for image, gamma in zip(display.images_, wanted, strict=True):
        drawn = image.get_array()
        np.testing.assert_array_equal(drawn.filled(0), gamma)
        np.testing.assert_array_equal(drawn.mask, gamma == 0)
    assert display.gamma_va.shape == display.gamma_av.shape == (3, T, T)
    assert display.figure_ is display.axes_[5].figure


def test_rows_of_the_picture_take_and_columns_give():
    gamma = np.zeros((T, T))
    gamma[1, 4] = 1
    display = PropagationDisplay.from_connections(gamma, gamma)
    va, av = display.axes_
    assert (va.get_ylabel(), va.get_xlabel()) == ("visual segment t takes ...", "... from audio segment s")
    assert (av.get_ylabel(), av.get_xlabel()) == ("audio segment t takes ...", "... from visual segment s")
    (text,) = display.texts_[0]
    assert (text.get_position(), text.get_text()) == ((4, 1), "100")
    assert va.get_ylim() == (T - 0.5, -0.5)  # row 0 above
    assert display.images_[0].get_extent() == [-0.5, T - 0.5, T - 0.5, -0.5]


@pytest.mark.parametrize(("direction", "letters"), [("va", ["va"]), ("av", ["av"]), ("both", ["va", "av"])])
def test_a_direction_alone(direction, letters):
    display = draw(direction=direction)
    assert [ax.get_title().partition("}")[0] for ax in display.axes_] == [rf"$\gamma^{{{name}" for name in letters]


def test_titles_say_the_threshold_and_how_much_is_kept():
    display = draw(tau=[-np.inf, 0.25, "fitted"], direction="av")
    first, second, third = (ax.get_title() for ax in display.axes_)
    assert r"$\tau = -\infty$" in first and first.endswith("\n36 of 36 kept")
    n_kept = np.count_nonzero(prune(Pruned().similarity.T, 0.25))
    assert r"$\tau = 0.25$" in second and second.endswith(f"\n{n_kept} of 36 kept")
    assert r"$\tau$ of the fit" in third


# ---------------------------------------------------------------- colours
def test_one_scale_from_zero_to_the_largest_share_shown():
    display = draw(tau=[0, 0.15, 0.25])
    largest = max(display.gamma_va.max(), display.gamma_av.max())
    assert {(image.norm.vmin, image.norm.vmax) for image in display.images_} == {(0, largest)}
    assert len({image.get_cmap().name for image in display.images_}) == 1
    assert (display.colorbar_.vmin, display.colorbar_.vmax) == (0, largest)
    assert draw(tau=[0, 0.15, 0.25], direction="va").images_[0].norm.vmax == display.gamma_va.max()


def test_cut_connections_look_like_no_share_in_the_panel_and_in_the_colour_bar():
    display = draw()
    image, ground = display.images_[0], display.axes_[0].patch
    cut = image.get_cmap()(np.ma.masked)
    assert cut[3] == 0  # what lies below is seen
    assert ground.get_hatch() and to_rgb(ground.get_facecolor()) == (1, 1, 1)
    (cell,) = [patch for patch in display.colorbar_.ax.patches if patch.get_hatch() == ground.get_hatch()]
    assert cell.get_facecolor() == ground.get_facecolor() and cell.get_edgecolor() == ground.get_edgecolor()
    assert "cut" in [text.get_text() for text in display.colorbar_.ax.texts]
    assert contrast(image.to_rgba(1e-9), "white") > 3  # the smallest share


def test_weights_below_zero_have_a_scale_with_two_sides():
    display = draw(tau=[-np.inf, 0])
    largest = max(abs(gamma).max() for gamma in (display.gamma_va, display.gamma_av))
    assert {(image.norm.vmin, image.norm.vmax) for image in display.images_} == {(-largest, largest)}
    assert {image.get_cmap().name for image in display.images_} == {"PuOr"}
    negative = [text for text in display.texts_[0] if display.gamma_va[0][text.get_position()[::-1]] < -0.005]
    assert negative and all(text.get_text().startswith("\N{MINUS SIGN}") for text in negative)


def test_without_written_signs_cells_below_zero_are_dotted_in_the_colour_bar_too():
    gamma = np.eye(3) - np.ones((3, 3)) / 4
    display = PropagationDisplay.from_connections(gamma, include_values=False)
    (dotted,) = display.axes_[0].collections
    assert dotted.get_hatch() and dotted.get_array().compressed().tolist() == [-0.25] * 6
    (side,) = [patch for patch in display.colorbar_.ax.patches if patch.get_hatch() == dotted.get_hatch()]
    assert (side.get_y(), side.get_y() + side.get_height()) == (-0.75, 0)
    assert not PropagationDisplay.from_connections(abs(gamma), include_values=False).axes_[0].collections


def test_nothing_kept_is_a_picture_too():
    display = PropagationDisplay.from_connections(np.zeros((T, T)), labels=LABELS)
    assert display.images_[0].get_array().mask.all() and display.texts_ == [[]]
    assert display.axes_[0].get_title().endswith("0 of 36 kept")
    display.figure_.canvas.draw()


# ---------------------------------------------------------------- texts
def test_every_kept_share_is_written_where_it_can_be_read():
    display = draw(tau=[-np.inf, 0, 0.25])
    for gammas, start in ((display.gamma_va, 0), (display.gamma_av, 3)):
        for gamma, texts, image in zip(gammas, display.texts_[start:], display.images_[start:], strict=False):
            assert len(texts) == np.count_nonzero(gamma)
            for text in texts:
                s, t = text.get_position()
                number = text.get_text().replace("\N{MINUS SIGN}", "-")
                assert abs(float(number.replace("\N{ALMOST EQUAL TO}", "")) / 100 - gamma[t, s]) <= 0.005
                assert contrast(text.get_color(), image.to_rgba(gamma[t, s])) >= LEAST_CONTRAST


def test_a_small_share_is_not_written_as_zero():
    (_, small), *_ = PropagationDisplay.from_connections([[0.997, 0.003], [0, 0]]).texts_
    assert small.get_text() == "\N{ALMOST EQUAL TO}0"


@pytest.mark.parametrize(("n", "include", "written"), [(12, None, 12), (13, None, 0), (13, True, 13), (3, False, 0)])
def test_values_are_written_for_few_segments_or_as_asked(n, include, written):
    display = PropagationDisplay.from_connections(np.eye(n), include_values=include)
    assert len(display.texts_[0]) == written


@pytest.mark.parametrize("options", [{"tau": [0, 0.2], "y": [LABELS] * 3}, {"direction": "va"}])
def test_all_other_texts_can_be_read(options):
    display = draw(**options)
    assert unreadable(display.figure_, but=[text for panel in display.texts_ for text in panel]) == []


# ---------------------------------------------------------------- boxes
def test_boxes_are_around_cells_whose_segments_have_one_event():
    display = draw(y=[LABELS] * 3)
    dog, lone, cat = (0.5, 2.5), (3.5, 4.5), (4.5, 5.5)
    wanted = {(*s, *t) for s in (dog, lone) for t in (dog, lone)} | {(*cat, *cat)}
    for boxes in display.boxes_:
        assert set(bounds(boxes)) == wanted and len(boxes) == 5
        assert {to_rgb(box.get_edgecolor()) for box in boxes} == {to_rgb(BOX)}
    assert [text.get_text() for text in display.key_.get_texts()] == ["both segments belong to the event (true labels)"]


def test_without_labels_the_prediction_is_boxed_and_said_so():
    display = draw()
    assert [bounds(boxes) for boxes in display.boxes_] == [[(1.5, 4.5, 1.5, 4.5)]] * 2
    assert display.key_.get_texts()[0].get_text().endswith("(predicted labels)")


def test_no_event_is_no_box_and_no_key():
    display = draw(y=[["background"] * T] * 3)
    assert display.boxes_ == [[], []] and display.key_ is None
    assert PropagationDisplay.from_connections(np.eye(T)).boxes_ == [[]]


@pytest.mark.parametrize("form", ["numbers", "one-hot"])
def test_labels_in_other_forms(form):
    numbers = np.array([[9, 9, 0, 0, 1, 9]] * 3)
    estimator = Pruned()
    estimator.background_, estimator.classes_ = 9, np.array([0, 1, 9])
    y = numbers if form == "numbers" else numbers[..., None] == [0, 1, 9]
    X = AVFeatures(np.zeros((3, T, 2)), np.zeros((3, T, 4)))
    display = PropagationDisplay.from_estimator(estimator, X, y)
    assert display.labels.tolist() == [9, 9, 0, 0, 1, 9]
    assert bounds(display.boxes_[0]) == [(1.5, 3.5, 1.5, 3.5), (3.5, 4.5, 3.5, 4.5)]


# ---------------------------------------------------------------- one video of X
class OneRead(np.ndarray):
    """Features of which only slices of one video may be read."""

    def __getitem__(self, rows):
        assert isinstance(rows, slice) and rows.stop - rows.start == 1
        return np.asarray(self)[rows]


def test_the_video_alone_is_read_in_every_form_of_X():
    pd = pytest.importorskip("pandas")
    audio, visual = np.arange(24.0).reshape(4, 3, 2), np.arange(48.0).reshape(4, 3, 4)
    estimator = Pruned()
    for X in (
        AVFeatures(audio, visual),
        {"audio": audio.view(OneRead), "visual": visual.view(OneRead)},
        np.concatenate([audio, visual], 2).view(OneRead),
        audio.tolist(),
        pd.DataFrame(audio[:, 0]),
    ):
        PropagationDisplay.from_estimator(estimator, X, [LABELS] * 4, video=2)
    container, mapping, joined, nested, frame = estimator.seen
    np.testing.assert_array_equal(container.audio, audio[2:3])
    np.testing.assert_array_equal(mapping["visual"], visual[2:3])
    np.testing.assert_array_equal(joined[..., :2], audio[2:3])
    assert nested == audio[2:3].tolist()
    assert frame.index.tolist() == [2] and frame.to_numpy().tolist() == audio[2:3, 0].tolist()


def test_axes_of_the_users_are_drawn_into():
    figure, axes = plt.subplots(2, 2)
    display = draw(tau=[0, 0.2], y=[LABELS] * 3, ax=axes)
    assert display.axes_.tolist() == axes.ravel().tolist() and display.figure_ is figure
    assert display.key_ is axes[0, 0].get_legend()
    assert draw(direction="av", ax=plt.figure().subplots()).axes_.shape == (1,)


def test_a_display_can_be_drawn_again():
    display = draw(tau=[0, 0.2])
    first = display.figure_
    assert display.plot(include_values=False) is display
    assert display.figure_ is not first and display.texts_ == [[]] * 4


# ---------------------------------------------------------------- errors
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"video": 3}, "video is 3; wanted the number of one of the 3 videos of X"),
        ({"video": -1}, "video is -1; wanted"),
        ({"video": np.int64(3)}, "video is 3; wanted"),
        ({"video": True}, "video is True; wanted"),
        ({"video": "a.mp4"}, "video is 'a.mp4'; wanted"),
        ({"direction": "visual"}, "direction is 'visual'; wanted 'va', 'av' or 'both'"),
        ({"tau": []}, "tau is empty"),
        (
            {"ax": Figure().subplots(3)},
            r"ax must hold 2 Axes of matplotlib \(one for .* panel\), .*; got 3",
        ),
        ({"ax": ["left", "right"]}, "ax must hold 2 Axes of matplotlib.*; got a str"),
        ({"y": [LABELS] * 2}, "y has labels of 2 videos.*wanted those of the 3 of X"),
        ({"y": [LABELS[:4]] * 3}, r"y has the shape \(3, 4\); wanted labels \(n_videos, 6\)"),
        ({"y": ["dog"] * 3}, r"y has the shape \(3,\); wanted labels"),
    ],
)
def test_errors_of_from_estimator(options, message):
    with pytest.raises(ValueError, match=message):
        draw(**options)


def test_a_mapping_without_visual_features():
    with pytest.raises(ValueError, match=r"X is a dict with the keys \['audio'\]; wanted 'audio' and 'visual'"):
        PropagationDisplay.from_estimator(Pruned(), {"audio": np.zeros((3, T, 2))})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "gamma_va and gamma_av are None"),
        ({"gamma_va": np.zeros((3, 4))}, r"gamma_va has the shape \(3, 4\); wanted a square matrix"),
        ({"gamma_av": np.zeros(3)}, r"gamma_av has the shape \(3,\)"),
        ({"gamma_av": np.zeros((0, 0))}, r"gamma_av has the shape \(0, 0\)"),
        ({"gamma_va": np.full((2, 2), np.nan)}, "gamma_va holds NaN or infinity"),
        ({"gamma_va": [["a"]]}, "gamma_va must hold real numbers"),
        ({"gamma_va": np.eye(3), "gamma_av": np.eye(4)}, "gamma_va and gamma_av have the shapes"),
        ({"gamma_va": np.eye(3), "tau": [0, 0.1]}, "tau holds 2 thresholds; wanted 1"),
        ({"gamma_va": np.eye(3), "tau": "none"}, "tau holds 'none'; wanted numbers or 'fitted'"),
        ({"gamma_va": np.eye(3), "labels": ["dog"] * 4}, r"labels has the shape \(4,\); wanted a label for each of"),
        ({"gamma_va": np.eye(1), "labels": [0]}, "background='background' is text, but the labels are numbers"),
        ({"gamma_va": np.eye(1), "labels": ["a"], "labels_are": "mine"}, "labels_are is 'mine'"),
    ],
)
def test_errors_of_from_connections(options, message):
    with pytest.raises(ValueError, match=message):
        PropagationDisplay.from_connections(**options)
    assert not plt.get_fignums()


# ---------------------------------------------------------------- a real estimator
def test_a_fitted_localizer(pooled):
    X, y = pooled
    localizer = PSPLocalizer(max_epochs=1, hidden_size=8, tau=0.11, random_state=0).fit(X[:20], y[:20])
    display = PropagationDisplay.from_estimator(localizer, X, y, video=25, tau=[-np.inf, 0, "fitted", 0.14])
    np.testing.assert_array_equal(display.gamma_va[2], localizer.propagation(X[25:26])[0][0])
    kept = np.count_nonzero(display.gamma_av, axis=(1, 2))
    assert kept[0] == 64 and all(kept[1:] <= kept[:-1])
    assert display.labels.tolist() == y[25].tolist()


def test_a_fitted_localizer_of_one_segment():
    X, y = np.random.default_rng(0).normal(size=(12, 4)), np.array(["background", "dog"] * 6)
    localizer = PSPLocalizer(max_epochs=1, hidden_size=4, random_state=0).fit(X, y)
    display = PropagationDisplay.from_estimator(localizer, X, video=1)
    assert display.gamma_va.shape == (1, 1, 1) and display.labels.tolist() == localizer.predict(X[1:2]).tolist()
