"""What full and weak supervision do differently: targets, losses and warnings; and how codes are scored."""

import warnings

from ave_sklearn._targets.encoding import encode_segments, encode_videos, is_proportions, segment_proportions
from ave_sklearn._targets.labels import event_category
from ave_sklearn.metrics._segments import segment_accuracy_score
from ave_sklearn.nn import FullyLoss, WeakLoss


class FullSupervision:
    """A label for every segment."""

    name = "full"
    milestones = (60, 120)  # epochs at which the released recipe lowers the learning rate

    def encode(self, y, n_segments, rule, estimator):
        """Return the Targets that the loss sees: segment codes (n, T)."""
        return encode_segments(y, n_segments, rule)

    reference = encode

    def warn(self, targets, n_segments, estimator):
        """Say when L_avps cannot be computed."""
        if estimator._pair_loss_weight() and targets.background is None and n_segments > 1:
            warnings.warn(
                f"The background label {estimator.background!r} is not among the classes "
                f"{targets.classes.tolist()}: the loss L_avps is left out, and every segment counts as an event. "
                "Set background= to your background label (28 for the AVE dataset's integers), or lam=0.",
                UserWarning,
                stacklevel=5,
            )

    def criterion(self, background, estimator, extra_loss):
        """Return the loss of Eq. 10."""
        return FullyLoss(estimator._pair_loss_weight(), background, estimator.label_smoothing, extra_loss)


class WeakSupervision:
    """A target for every video."""

    name = "weak"
    milestones = (80, 160)

    def encode(self, y, n_segments, rule, estimator):
        """Return the Targets that the loss sees: video proportions (n, C)."""
        return encode_videos(y, n_segments, rule, estimator.target)

    def reference(self, y, n_segments, rule, estimator):
        """Return the Targets that a score compares with: segment codes where `y` has them."""
        if y.ndim == 2 and not is_proportions(y, n_segments, rule):
            return encode_segments(y, n_segments, rule)
        return self.encode(y, n_segments, rule, estimator)

    def warn(self, targets, n_segments, estimator):
        """Say when no target has background."""
        has_background = targets.background is not None and targets.values[:, targets.background].any()
        if not has_background and n_segments > 1:
            warnings.warn(
                f"No training target has any of the background label {estimator.background!r}: such a model calls "
                "every second an event. Train on proportions, or add videos without an event.",
                UserWarning,
                stacklevel=5,
            )

    def criterion(self, background, estimator, extra_loss):
        """Return the loss of Eq. 11."""
        return WeakLoss(estimator.label_smoothing, background, extra_loss)


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
