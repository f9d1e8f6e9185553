"""What the two PSP estimators share: the network's parameters by name, the authors' checkpoints."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import Interval, Options, StrOptions

from ave_sklearn._targets.encoding import Targets, sorted_classes
from ave_sklearn._targets.labels import background_code
from ave_sklearn.localizers._base import BaseLocalizer
from ave_sklearn.localizers._released import read_state_dict, rename, sort_classes, square_map

RELEASED_SEGMENTS, RELEASED_HIDDEN = 10, 256


class PSPMixin:
    """What the fully and the weakly supervised PSP share, beside :class:`BaseLocalizer`."""

    _parameter_constraints: dict = {
        **BaseLocalizer._parameter_constraints,
        "tau": [None, Interval(Real, 0, 1, closed="both"), Options(Real, {-np.inf})],
        "variant": [StrOptions({"paper", "released"})],
        "self_attention": ["boolean"],
        "hidden_size": [Interval(Integral, 2, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
    }

    def _network_choice(self):
        return "psp", {
            "tau": self.tau if self.tau is None else float(self.tau),
            "variant": self.variant,
            "self_attention": bool(self.self_attention),
            "hidden_size": int(self.hidden_size),
            "dropout": float(self.dropout),
        }

    @classmethod
    def _from_released(cls, checkpoint, names, classes, background, tau, device):
        """Return an estimator fitted with the weights of a checkpoint of the authors, whose names are `names`."""
        estimator = cls(
            variant="released",
            tau=tau,
            hidden_size=RELEASED_HIDDEN,
            standardize=False,
            feature_dropout=0.0,
            classes=classes,
            background=background,
            device=device,
        )
        estimator._validate_params()
        state_dict = checkpoint if hasattr(checkpoint, "items") else read_state_dict(checkpoint)
        weights = rename(state_dict, names)
        head = names["L2"]
        n_classes = len(weights[f"{head}.weight"])
        sorted_labels, order = sorted_classes(classes)
        code = background_code(sorted_labels, background)
        if len(sorted_labels) != n_classes or code is None:
            raise ValueError(
                f"classes is {list(classes)} with the background {background!r}; wanted {n_classes} labels, the "
                "background label among them."
            )
        if tau is None:
            weights = {name: value for name, value in weights.items() if not name.startswith("psp.")}
        estimator._take_released(Targets(None, sorted_labels, code), released_layout(weights))
        estimator._restore(sort_classes(weights, order, head))
        return estimator

    def _take_released(self, targets, layout):
        """Set the fitted attributes of an estimator that was trained elsewhere."""
        self._remember(layout, targets)
        n_regions = int(np.prod(layout["map_size"]))
        self.n_features_in_ = layout["n_audio_features"] + n_regions * layout["n_visual_features"]
        self.history_, self.n_iter_, self.best_epoch_, self.validation_score_ = [], 0, 0, None


def released_layout(weights):
    """Return the layout of the videos that released `weights`, by this package's names, were trained on."""
    audio = weights.get("encoder.audio_input.0.weight", weights["encoder.attention.audio.weight"])
    return {
        "n_audio_features": audio.shape[1],
        "n_visual_features": weights["encoder.attention.visual.weight"].shape[1],
        "map_size": square_map(len(weights["encoder.attention.audio_key.weight"])),
        "n_segments": RELEASED_SEGMENTS,
    }
