"""Summary of a fit, for those who look at an estimator."""

N_CLASSES = 8  # that are named
LONGEST = 40  # characters of a name


def fit_summary(spec, classes, background, n_iter, best_epoch, score):
    """Return what is to be said of a fit, a dict of texts.

    Parameters
    ----------
    spec : NetworkSpec
    classes : ndarray of shape (C,)
    background : object
        The background label, among the classes or not.
    n_iter, best_epoch : int
        Epochs that were trained, and the one whose weights were kept; 0 for weights that were trained elsewhere.
    score : float or None
        Of the validation videos.
    """
    return {
        "classes": classes_text(classes, background, has_background=spec.background is not None),
        "segments": f"{spec.n_segments} a video",
        "audio": f"{spec.n_audio_features} features a segment",
        "visual": visual_text(spec.n_visual_features, spec.map_size),
        "epochs": f"{n_iter} trained, the weights are those of epoch {best_epoch}" if n_iter else "none trained here",
        "validation score": "none, there were no validation videos" if score is None else f"{score:.4f}",
    }


def classes_text(classes, background, has_background):
    """Return how many classes there are, the first ones, and the background label."""
    named = [*map(shortened, classes.tolist()[:N_CLASSES]), *(["..."] if len(classes) > N_CLASSES else [])]
    of = f"background is {shortened(background)}" if has_background else "none of them is background"
    return f"{len(classes)}: {', '.join(named)}; {of}"


def shortened(label):
    """Write a label as Python does, its end left out where it is long."""
    text = repr(label.item() if hasattr(label, "item") else label)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def visual_text(n_features, map_size):
    """Return how many visual features a segment has, and how its map is laid out."""
    if map_size is None:
        return f"{n_features} features a segment, pooled"
    height, width = map_size
    return f"{n_features} features at {height} x {width} regions of a segment"
