"""Display of attention: maps and pictures, frames of events, the scale and its mark, the caption, and the errors."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from readable import unreadable

from ave_sklearn import PSPLocalizer
from ave_sklearn.inspection import AttentionDisplay
from ave_sklearn.inspection._style import BOX

LABELS = ["background", "dog", "dog", "background"]


@pytest.fixture(scope="module")
def attention():
    """Four segments of 2 x 5 regions; in the third all is on one of them."""
    drawn = np.random.default_rng(0).random((4, 2, 5))
    drawn[2] = 0
    drawn[2, 1, 3] = 1
    return drawn / drawn.sum((1, 2), keepdims=True)


@pytest.fixture(scope="module")
def pictures():
    """Four pictures of 20 x 50 points, all colours in them."""
    return [np.random.default_rng(t).integers(0, 256, (20, 50, 3)).astype(np.uint8) for t in range(4)]


@pytest.fixture(scope="module")
def fitted(videos):
    X, y = videos
    return PSPLocalizer(max_epochs=1, hidden_size=8, random_state=0).fit(X[:20], y[:20])


draw = AttentionDisplay.from_attention


# ---------------------------------------------------------------- what is drawn
def test_a_panel_is_a_segment_and_all_have_one_scale(attention):
    display = draw(attention)
    assert len(display.axes_) == len(display.images_) == 4 and display.pictures_ == []
    for image, weights in zip(display.images_, attention, strict=True):
        np.testing.assert_array_equal(image.get_array(), weights)
        assert (image.norm.vmin, image.norm.vmax) == (0, 1)
        assert image.get_extent() == [0, 5, 2, 0] and image.get_interpolation() == "nearest"
    assert len({image.get_cmap().name for image in display.images_}) == 1
    assert (display.colorbar_.vmin, display.colorbar_.vmax) == (0, 1)


def test_the_segments_asked_for_alone_in_their_order(attention):
    display = draw(attention, segments=[3, 1], labels=LABELS)
    np.testing.assert_array_equal(display.images_[0].get_array(), attention[3])
    np.testing.assert_array_equal(display.images_[1].get_array(), attention[1])
    assert [ax.get_title() for ax in display.axes_] == ["3 to 4 s", "1 to 2 s"]
    assert [ax.get_xlabel() for ax in display.axes_] == ["", "dog"]
    assert display.images_[0].norm.vmax == attention[[1, 3]].max() < 1


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ({}, "2 to 3 s"),
        ({"segment_seconds": 0.5}, "1 to 1.5 s"),
        ({"segment_seconds": 0.96, "hop_seconds": 0.48}, "0.96 to 1.44 s"),
    ],
)
def test_seconds_are_those_of_the_grid(attention, options, seconds):
    assert draw(attention, **options).axes_[2].get_title() == seconds


def test_panels_stand_in_rows(attention):
    display = draw(attention, n_columns=3)
    places = [ax.get_subplotspec() for ax in display.axes_]
    assert [(place.rowspan.start, place.colspan.start) for place in places] == [(0, 0), (0, 1), (0, 2), (1, 0)]
    assert len(display.figure_.axes) == 4 + 1  # and the colour bar


# ---------------------------------------------------------------- pictures
@pytest.mark.parametrize("as_floats", [False, True])
def test_attention_lies_over_the_whole_picture(attention, pictures, as_floats):
    given = [picture / 255 for picture in pictures] if as_floats else pictures
    display = draw(attention, pictures=given)
    for below, above, picture in zip(display.pictures_, display.images_, pictures, strict=True):
        np.testing.assert_allclose(below.get_array(), picture @ [0.299, 0.587, 0.114] / 255)
        assert below.get_extent() == above.get_extent() == [0, 50, 20, 0]
        assert 0 < above.get_alpha() < 1 and above.get_zorder() >= below.get_zorder()
        assert above.get_interpolation() == "bilinear"
    assert list(display.axes_[0].images) == [display.pictures_[0], display.images_[0]]
    assert display.axes_[0].get_xlim() == (0, 50) and display.axes_[0].get_ylim() == (20, 0)


def test_a_line_is_around_more_than_twice_an_even_share(attention, pictures):
    even = np.full((1, 2, 5), 0.1)
    display = draw(np.concatenate([attention[:3], even]), pictures=pictures)
    assert display.contours_[2].levels.tolist() == [0.2] and display.contours_[3] is None
    (line,) = display.contours_[2].get_paths()
    left, top = line.vertices.min(0)
    right, bottom = line.vertices.max(0)
    assert 25 < left < 35 < right < 45 and 5 < top < 15 < bottom == 20  # around the middle of region (1, 3)
    assert "more than twice an even share" in [text.get_text() for text in display.key_.get_texts()]
    assert display.key_.get_lines()[0].get_color() == "white"


def test_pictures_of_the_segments_shown(attention, pictures):
    display = draw(attention, pictures=pictures, segments=[2])
    np.testing.assert_allclose(display.pictures_[0].get_array(), pictures[2] @ [0.299, 0.587, 0.114] / 255)


# ---------------------------------------------------------------- frames, scale and caption
def test_segments_of_events_have_a_thick_frame_and_their_label(attention):
    display = draw(attention, labels=LABELS)
    frames = [ax.spines["left"] for ax in display.axes_]
    is_framed = [to_rgb(frame.get_edgecolor()) == to_rgb(BOX) for frame in frames]
    assert is_framed == [False, True, True, False]
    assert frames[1].get_linewidth() > 3 * frames[0].get_linewidth()  # grey tells them apart too
    assert [ax.get_xlabel() for ax in display.axes_] == ["", "dog", "dog", ""]
    assert [text.get_text() for text in display.key_.get_texts()] == ["segment of an event (true labels)"]


def test_no_event_is_no_frame_and_no_key(attention):
    assert draw(attention).key_ is None
    assert draw(attention, labels=LABELS, segments=[0, 3]).key_ is None


def test_the_colour_bar_is_marked_at_an_even_share(attention):
    display = draw(attention)
    (line,) = display.colorbar_.ax.lines
    assert list(line.get_ydata()) == [0.1, 0.1]
    (side,) = display.colorbar_.ax.child_axes
    assert [text.get_text() for text in side.get_yticklabels()] == ["even:\n1 / 10"]
    assert side.get_yticks().tolist() == [0.1]


def test_the_caption_says_that_attention_always_lands_somewhere(attention):
    display = draw(attention)
    assert "it always lands somewhere" in display.figure_.get_supxlabel() == display.caption_
    figure, axes = plt.subplots(1, 4)
    figure.supxlabel("of mine")
    draw(attention, ax=axes)
    assert figure.get_supxlabel() == "of mine"


@pytest.mark.parametrize("options", [{"n_columns": 2}, {"segments": [1]}])
def test_all_texts_can_be_read(attention, pictures, options):
    labels = ["Female speech, woman speaking"] * 4  # the longest label of AVE
    display = draw(attention, labels=labels, pictures=pictures, **options)
    assert unreadable(display.figure_) == []


def test_axes_of_the_users_are_drawn_into(attention):
    figure, axes = plt.subplots(2, 2)
    display = draw(attention, labels=LABELS, ax=axes)
    assert display.axes_.tolist() == axes.ravel().tolist() and display.figure_ is figure
    assert display.key_ is axes[0, 0].get_legend()


# ---------------------------------------------------------------- a fitted estimator
def test_a_fitted_localizer(fitted, videos):
    X, y = videos
    display = AttentionDisplay.from_estimator(fitted, X, y, video=25)
    np.testing.assert_array_equal(display.attention, fitted.attention(X[25:26])[0])
    assert display.labels.tolist() == y[25].tolist() and display.labels_are == "true"
    predicted = AttentionDisplay.from_estimator(fitted, {"audio": X.audio, "visual": X.visual}, video=25, segments=[4])
    np.testing.assert_array_equal(predicted.attention, display.attention)
    assert predicted.labels.tolist() == fitted.predict(X[25:26])[0].tolist()
    assert predicted.labels_are == "predicted"


def test_pooled_features_have_no_regions(pooled):
    X, y = pooled
    localizer = PSPLocalizer(max_epochs=1, hidden_size=4, random_state=0).fit(X[:12], y[:12])
    with pytest.raises(ValueError, match="attention needs visual maps .* pooled visual features"):
        AttentionDisplay.from_estimator(localizer, X, y)


def test_a_video_that_X_does_not_have(fitted, videos):
    with pytest.raises(ValueError, match="video is 60; wanted the number of one of the 60 videos of X"):
        AttentionDisplay.from_estimator(fitted, *videos, video=60)


# ---------------------------------------------------------------- errors
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a[0], r"attention has the shape \(2, 5\); wanted that of one video"),
        (lambda a: a[None], r"attention has the shape \(1, 4, 2, 5\)"),
        (lambda a: 2 * a, "attention sums to 2 in segment 0; wanted 1"),
        (lambda a: a * [[[1]], [[1]], [[0]], [[1]]], "attention sums to 0 in segment 2"),
        (lambda a: a - 0.1, "attention holds negative shares, or NaN"),
        (lambda a: a * np.nan, "attention holds negative shares, or NaN"),
    ],
)
def test_what_is_no_attention(attention, change, message):
    with pytest.raises(ValueError, match=message):
        draw(change(attention))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p[:3], "pictures holds 3 of them; wanted 4, one for each segment"),
        (lambda p: [*p[:3], p[3][..., 0]], r"pictures\[3\] has the shape \(20, 50\); wanted \(height, width, 3\)"),
        (lambda p: [*p[:3], p[3].transpose(2, 0, 1)], r"pictures\[3\] has the shape \(3, 20, 50\)"),
        (lambda p: [p[0].astype(np.int64), *p[1:]], r"pictures\[0\] holds int64; wanted uint8, or floats"),
        (lambda p: [p[0].astype(float), *p[1:]], r"pictures\[0\] holds float64; wanted uint8, or floats from 0 to 1"),
    ],
)
def test_what_are_no_pictures(attention, pictures, change, message):
    with pytest.raises(ValueError, match=message):
        draw(attention, pictures=change(pictures))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"segments": [4]}, "segments holds 4; wanted numbers from 0 to 3"),
        ({"segments": [0.5]}, "segments holds 0.5; wanted numbers"),
        ({"segments": []}, "segments is empty"),
        ({"labels": LABELS[:3]}, r"labels has the shape \(3,\); wanted a label for each of the 4 segments"),
        ({"labels": [0, 1, 2, 3]}, "background='background' is text, but the labels are numbers"),
        ({"hop_seconds": 0}, "hop_seconds must be a positive number"),
        ({"n_columns": 0}, "n_columns must be a positive integer"),
        ({"ax": Figure().subplots(3)}, "ax must hold 4 Axes of matplotlib.*; got 3"),
    ],
)
def test_other_errors(attention, options, message):
    with pytest.raises(ValueError, match=message):
        draw(attention, **options)
    assert not plt.get_fignums()
