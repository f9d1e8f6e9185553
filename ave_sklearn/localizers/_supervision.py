"""Full and weak supervision: targets, losses and warnings of each, and how predicted codes are scored."""

from dataclasses import dataclass
from functools import partial

from ave_sklearn._targets.encoding import (
    encode_segments,
    encode_videos,
    event_category,
    is_video_target,
    segment_proportions,
)
from ave_sklearn._user_warnings import warn_user
from ave_sklearn.metrics import segment_accuracy_score
from ave_sklearn.nn import FullyLoss, WeakLoss


@dataclass(frozen=True)
class FullSupervision:
    """A label for every segment.

    Attributes
    ----------
    lam : float
        Weight of L_avps (Eq. 10).
    """

    lam: float
    name = "full"
    milestones = (60, 120)  # epochs at which the released recipe lowers the learning rate

    def encode(self, y, n_segments, rule):
        """Return the Targets that the loss sees: segment codes (n, T)."""
        return encode_segments(y, n_segments, rule)

    def reference(self, y, n_segments, rule):
        """Return the Targets that a score compares with."""
        return encode_segments(y, n_segments, rule)

    def warn(self, targets, n_segments, background):
        """Say when L_avps cannot be computed; `background` is the user's label."""
        if self.lam and targets.background is None and n_segments > 1:
            warn_user(
                f"The background label {background!r} is not among the classes "
                f"{targets.classes.tolist()}: the loss L_avps is left out, and every segment counts as an event. "
                "Give your background label (28 for the AVE dataset's integers) by background=, or set lam=0."
            )

    def warn_of_undivided(self, X):
        """Say nothing: labels for each segment tell how many a 2-D X has."""

    def criterion(self, background, label_smoothing, extra_loss):
        """Return the loss of Eq. 10; `background` is a code or None, `extra_loss` the network's own or None."""
        return FullyLoss(self.lam, background, label_smoothing, extra_loss)


@dataclass(frozen=True)
class WeakSupervision:
    """A target for every video.

    Attributes
    ----------
    target : {"proportion", "category"}
        What segment labels are pooled to.
    """

    target: str
    name = "weak"
    milestones = (80, 160)

    def encode(self, y, n_segments, rule):
        """Return the Targets that the loss sees: video proportions (n, C)."""
        return encode_videos(y, n_segments, rule, self.target)

    def reference(self, y, n_segments, rule):
        """Return the Targets that a score compares with: segment codes where `y` has them."""
        if y.ndim == 3 or y.ndim == 2 and not is_video_target(y, n_segments, rule):
            return encode_segments(y, n_segments, rule)
        return self.encode(y, n_segments, rule)

    def warn(self, targets, n_segments, background):
        """Say when no target has background; `background` is the user's label."""
        has_background = targets.background is not None and targets.values[:, targets.background].any()
        if not has_background and n_segments > 1:
            warn_user(
                f"No training target has any of the background label {background!r}: such a model calls "
                "every second an event. Train on proportions, or add videos without an event."
            )

    def warn_of_undivided(self, X):
        """Say how a 2-D X was read, which is the AVFeatures `X` now: the target of a whole video does not tell."""
        shape = len(X), X.n_audio_features
        warn_user(
            f"X of shape {shape} was read as {shape[0]} videos of one segment, of which all {shape[1]} columns are "
            "both audio and visual features. If it is AVFeatures that a tool has flattened, pass AVFeatures, "
            "or an array (n_videos, n_segments, n_features) with n_audio_features set. For videos of one segment, set "
            "n_audio_features to the number of its first columns that are audio."
        )

    def criterion(self, background, label_smoothing, extra_loss):
        """Return the loss of Eq. 11; `background` is a code or None, `extra_loss` the network's own or None."""
        return WeakLoss(label_smoothing, background, extra_loss)


SUPERVISIONS = {"full": FullSupervision(lam=0.0), "weak": WeakSupervision(target="proportion")}
"""Those of fitted models, whose targets are only compared with: lam and the pooling of labels do not matter then."""


def code_accuracy(codes, reference, sample_weight=None):
    """Accuracy of predicted segment codes (n, T).

    Of segments, when `reference` has segment codes; of each video's category, its most frequent event class,
    when it has proportions.
    """
    true = reference.values
    if true.dtype.kind == "f":
        true = reference.categories()
        share = segment_proportions(codes, len(reference.classes))
        codes = event_category(share, reference.background)
    return segment_accuracy_score(true, codes, sample_weight=sample_weight)


def validation_score(reference, sample_weight):
    """Return a function from predicted codes to their accuracy against `reference`, videos weighted."""
    return partial(code_accuracy, reference=reference, sample_weight=sample_weight)
