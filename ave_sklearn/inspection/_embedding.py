"""Features of segments in the plane, layer by layer, coloured by class (Figure 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ave_sklearn._checks import check_positive_integer
from ave_sklearn._random import own_random_state
from ave_sklearn._targets.labels import background_code, is_background, read_labels, read_numbers
from ave_sklearn.inspection._mosaic import mosaic_axes
from ave_sklearn.inspection._style import CLASS_COLORS, INK, QUIET, class_colors
from ave_sklearn.inspection._wrapped import unwrap

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Literal

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

    from ave_sklearn._typing import Features, Label, RandomStateLike

MODALITIES = ("audio", "visual")
METHODS = {"tsne": "t-SNE", "pca": "PCA"}
BACKGROUND_COLOR = "#c4c4c4"
MARKERS = "os^DvPX*"
PERPLEXITY = 30


class EmbeddingDisplay:
    """Features of segments in the plane, a column for each layer, rows of audio and visual features (Figure 5).

    A point is a segment; its colour and shape are its class, and background is light. Each panel is reduced to two
    dimensions by itself, so that neither places nor distances may be compared between panels: look whether classes lie
    apart within a panel.

    Parameters
    ----------
    points : dict
        Of each layer, a pair of ndarrays (audio, visual) of shape (n_points, 2), or one for a layer of both together.
    labels : ndarray of shape (n_points,)
        Class of each point.
    background : label or None, default="background"
        The label that is drawn light.
    method : {"tsne", "pca"}, default="tsne"
        How the points were found.
    n_segments_in_all : int, default=None
        Segments of which the points are some; None for all.

    Attributes
    ----------
    axes_ : dict of Axes
        By ``"audio, input"`` and so on, or by the layer's name for one that has both modalities together.
    figure_ : Figure
    points_ : dict of dicts of PathCollection
        The points drawn, by panel and label.
    legend_ : Legend
    title_ : Text
        How many segments are drawn.

    Notes
    -----
    t-SNE [1]_ keeps neighbours, not distances: sizes of groups and gaps between them mean nothing.

    References
    ----------
    .. [1] L. van der Maaten, G. Hinton, "Visualizing data using t-SNE", JMLR 9, 2008.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from ave_sklearn import PSPLocalizer
    >>> from ave_sklearn.datasets import make_av_events
    >>> from ave_sklearn.inspection import EmbeddingDisplay
    >>> X, y = make_av_events(n_videos=40, random_state=0)
    >>> localizer = PSPLocalizer(max_epochs=2, random_state=0).fit(X, y)
    >>> embeddings = {"fused": localizer.embed(X)}
    >>> display = EmbeddingDisplay.from_embeddings(embeddings, y, method="pca", max_points=100, random_state=0)
    >>> display.points["fused"].shape
    (100, 2)
    """

    def __init__(
        self,
        *,
        points: Mapping[str, Any],
        labels: NDArray[Any],
        background: Label | None = "background",
        method: Literal["tsne", "pca"] = "tsne",
        n_segments_in_all: int | None = None,
    ) -> None:
        self.points, self.labels, self.background = points, labels, background
        self.method, self.n_segments_in_all = method, n_segments_in_all

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Features,
        y: ArrayLike,
        *,
        layers: Sequence[str] = ("input", "encoded", "propagated"),
        method: Literal["tsne", "pca"] = "tsne",
        max_points: int = 500,
        random_state: RandomStateLike = None,
        ax: Axes | Sequence[Axes] | None = None,
    ) -> EmbeddingDisplay:
        """Draw the layers of a fitted estimator.

        Parameters
        ----------
        estimator : fitted localizer, or a pipeline or search that ends in one
        X : features of n videos
        y : array-like of shape (n, T) or (n,)
            As in `from_embeddings`.
        layers : sequence of str, default=("input", "encoded", "propagated")
            Columns, as ``estimator.embed(X, layer=...)`` has them; "fused" too.
        method, max_points, random_state, ax
            As in `from_embeddings`.

        Returns
        -------
        display : EmbeddingDisplay

        Raises
        ------
        ValueError
            For a layer that the network lacks, no layer at all, and as `from_embeddings`.
        """
        layers = [layers] if isinstance(layers, str) else list(layers)
        localizer, X = unwrap(estimator, X, "embed")
        embeddings = {layer: localizer.embed(X, layer=layer) for layer in layers}
        has_background = background_code(np.asarray(localizer.classes_), localizer.background_) is not None
        return cls.from_embeddings(
            embeddings,
            y,
            background=localizer.background_ if has_background else None,
            method=method,
            max_points=max_points,
            random_state=random_state,
            ax=ax,
        )

    @classmethod
    def from_embeddings(
        cls,
        embeddings: Mapping[str, Any],
        y: ArrayLike,
        *,
        background: Label | None = "background",
        method: Literal["tsne", "pca"] = "tsne",
        max_points: int = 500,
        random_state: RandomStateLike = None,
        ax: Axes | Sequence[Axes] | None = None,
    ) -> EmbeddingDisplay:
        """Draw features that are there.

        Parameters
        ----------
        embeddings : dict
            Of each layer, a pair (audio, visual) of array-likes of shape (n, T, d_a) and (n, T, d_v), or one array-like
            of shape (n, T, d) for features of both together.
        y : array-like of shape (n, T), (n, T, C) or (n,)
            Labels of the segments or their one-hot form; of videos, then all segments have the label of their video.
        background : label or None, default="background"
            The label that is drawn light; None draws none so.
        method : {"tsne", "pca"}, default="tsne"
            scikit-learn's `TSNE` with a perplexity of 30, less for few points, or `PCA`.
        max_points : int, default=500
            Segments drawn in each panel, the same in all of them: where there are more, some at random. t-SNE of 500
            takes some seconds a panel.
        random_state : int, RandomState instance or None, default=None
            Draws these segments, and seeds t-SNE.
        ax : Axes or sequence of Axes, default=None
            As many as there are panels: the layers' audio features, then their visual features. None makes a figure.

        Returns
        -------
        display : EmbeddingDisplay

        Raises
        ------
        ValueError
            If there is no layer, or one is not of the shape of `y`, holds NaN or has fewer than two features; if there
            are fewer than three segments, or `method`, `max_points`, the labels or the number of axes are not as above.
        """
        if method not in METHODS:
            raise ValueError(f"method must be 'tsne' or 'pca'; got {method!r}.")
        check_positive_integer(max_points, "max_points")
        layers = _read_layers(embeddings)
        labels = _segment_labels(y, next(iter(layers.values()))[0].shape)
        is_background(labels, background)
        random_state = own_random_state(random_state)
        chosen = np.arange(labels.size)
        if labels.size > max_points:
            chosen = np.sort(random_state.choice(labels.size, max_points, replace=False))
        if len(chosen) < 3:
            raise ValueError(f"At least three segments are needed for a picture; got {len(chosen)} (see max_points).")
        seed = random_state.randint(2**31 - 1)
        points = {
            layer: tuple(_reduce(part.reshape(labels.size, -1)[chosen], method, seed) for part in parts)
            for layer, parts in layers.items()
        }
        return cls(
            points={layer: parts if len(parts) == 2 else parts[0] for layer, parts in points.items()},
            labels=labels.ravel()[chosen],
            background=background,
            method=method,
            n_segments_in_all=labels.size,
        ).plot(ax=ax)

    def plot(self, *, ax: Axes | Sequence[Axes] | None = None) -> EmbeddingDisplay:
        """Draw the points.

        Parameters
        ----------
        ax : Axes or sequence of Axes, default=None
            As in `from_embeddings`.

        Returns
        -------
        display : EmbeddingDisplay
        """
        panels = _panels(self.points)
        mosaic = [[panels[layer][min(i, len(panels[layer]) - 1)] for layer in panels] for i in range(2)]
        mosaic = mosaic if mosaic[0] != mosaic[1] else mosaic[:1]
        size = 2.6 * len(mosaic[0]) + 1.6, 2.5 * len(mosaic) + 0.5
        self.axes_ = mosaic_axes(ax, mosaic, figsize=size)
        self.figure_ = next(iter(self.axes_.values())).figure
        looks, self.points_ = _looks(self.labels, self.background), {}
        for layer, names in panels.items():
            parts = self.points[layer] if len(names) == 2 else [self.points[layer]]
            for name, points in zip(names, parts, strict=True):
                self.points_[name] = self._plot_panel(self.axes_[name], np.asarray(points), looks)
            self.axes_[names[0]].set_title(layer, color=INK)
        first = next((names for names in panels.values() if len(names) == 2), ())
        for name, modality in zip(first, MODALITIES, strict=False):
            self.axes_[name].set_ylabel(modality, color=INK, fontsize="large")
        self._finish(looks, own=ax is None)
        return self

    def _plot_panel(self, ax, points, looks):
        """Draw the points of a panel, those of background first, and return them by label."""
        ax.set(xticks=[], yticks=[])
        ax.set_aspect("equal", adjustable="datalim")  # both components in one scale
        ax.set_box_aspect(1)
        for spine in ax.spines.values():
            spine.set_color(QUIET)
        drawn = {}
        for label, look in looks.items():
            mask = self.labels == label
            drawn[label] = ax.scatter(*points[mask].T, label=str(label), **look)
        return drawn

    def _finish(self, looks, own):
        """Say what the colours are and how many segments are drawn: once, for all panels."""
        handles = [_legend_handle(label, look) for label, look in looks.items()]
        options = {"frameon": False, "labelcolor": INK, "fontsize": "small", "ncols": 1 + (len(handles) - 1) // 18}
        n, n_all = len(self.labels), self.n_segments_in_all or len(self.labels)
        drawn = f"{n} of {n_all} segments, drawn at random" if n < n_all else f"{n} segments"
        title = f"{METHODS[self.method]} of {drawn}"
        if own:
            self.legend_ = self.figure_.legend(handles=handles, loc="outside right center", **options)
            self.title_ = self.figure_.suptitle(title, color=INK, fontsize="medium")
        else:  # the figure is the caller's
            panels = list(self.axes_.values())
            self.legend_ = panels[-1].legend(handles=handles, loc="center left", bbox_to_anchor=(1.01, 0.5), **options)
            self.title_ = panels[0].set_title(f"{title}\n{panels[0].get_title()}", color=INK, fontsize="medium")


def _legend_handle(label, look):
    """Return the mark of a label in the legend: a point of a size that can be read."""
    from matplotlib.lines import Line2D

    edge = {"markeredgecolor": look["edgecolors"], "markeredgewidth": look["linewidths"]}
    style = {"linestyle": "none", "marker": look["marker"], "color": look["color"], "markersize": 6}
    return Line2D([], [], label=str(label), **style, **edge)


def _panels(points):
    """Return the names of each layer's panels: two, or one where both modalities are together."""
    return {
        layer: [layer] if isinstance(parts, np.ndarray) else [f"{modality}, {layer}" for modality in MODALITIES]
        for layer, parts in points.items()
    }


def _looks(labels, background):
    """Return how each label is drawn, background first; colour and shape together tell up to 64 classes apart."""
    found = np.unique(labels).tolist()
    size = float(np.clip(10_000 / len(labels), 10, 26))
    looks = {}
    if background_code(np.array(found), background) is not None:
        looks[background] = {
            "color": BACKGROUND_COLOR,
            "marker": "o",
            "s": 0.4 * size,
            "edgecolors": "none",
            "linewidths": 0,
        }
    for i, (label, color) in enumerate(class_colors(found, background).items()):
        turn = i // len(CLASS_COLORS)  # the same colour comes again, with the next shape
        marker = MARKERS[(i + turn) % len(MARKERS)]
        looks[label] = {"color": color, "marker": marker, "s": size, "edgecolors": INK, "linewidths": 0.3}
    return looks


def _read_layers(embeddings):
    """Return the arrays of each layer, one or two, after a check that all are of the same segments."""
    if not hasattr(embeddings, "items") or not embeddings:
        raise ValueError(
            f"embeddings must be a dict of at least one layer; got {type(embeddings).__name__} {embeddings!r:.40}."
        )
    layers = {layer: _read_layer(layer, value) for layer, value in embeddings.items()}
    shape = next(iter(layers.values()))[0].shape[:2]
    for layer, parts in layers.items():
        for part in parts:
            if part.shape[:2] != shape:
                raise ValueError(
                    f"embeddings must be of the same (n, T), {shape} of the first; got {part.shape[:2]} in {layer!r}."
                )
    return layers


def _read_layer(layer, value):
    """Return a layer's features as a tuple of one or two arrays (n, T, d)."""
    name = f"embeddings[{layer!r}]"
    is_pair = (
        isinstance(value, tuple) or isinstance(value, list) and any(isinstance(part, np.ndarray) for part in value)
    )
    if is_pair and len(value) != 2:
        raise ValueError(f"{name} must be a pair (audio, visual), or one array; got {len(value)} parts.")
    parts = tuple(read_numbers(part, name) for part in (value if is_pair else (value,)))
    for part in parts:
        if part.ndim != 3 or part.shape[2] < 2:
            raise ValueError(
                f"{name} must be of shape (n, T, d) with d of 2 or more, or a pair of such; got {part.shape}."
            )
        if not np.isfinite(part).all():
            raise ValueError(f"{name} must be finite; got NaN or infinity.")
    return parts


def _segment_labels(y, shape):
    """Return the label of each segment, (n, T); labels of videos are those of all their segments."""
    labels = read_labels(y)
    if labels.shape == shape[:1]:
        labels = np.repeat(labels[:, None], shape[1], axis=1)
    if labels.shape != shape[:2]:
        raise ValueError(f"y must be of shape (n, T) = {shape[:2]}, or (n,), as the features are; got {labels.shape}.")
    return labels


def _reduce(features, method, seed):
    """Return features (n_points, d) in two dimensions; those that are all the same are one point."""
    features = features.astype(np.float64)
    if not np.ptp(features, axis=0).any():
        return np.zeros((len(features), 2))
    if method == "pca":
        from sklearn.decomposition import PCA

        return PCA(2, random_state=seed).fit_transform(features)
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(features) - 1) / 3)
    return TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(features)
