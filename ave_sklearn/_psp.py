"""What the two PSP estimators share: the network's parameters, its connections, the authors' checkpoints."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import check_is_fitted

from ave_sklearn._base import BaseLocalizer
from ave_sklearn._checkpoint import read_state_dict, rename, sort_classes, square_map
from ave_sklearn._labels import background_code
from ave_sklearn._targets import sorted_classes
from ave_sklearn.nn import PSPNet

RELEASED_SEGMENTS, RELEASED_HIDDEN = 10, 256
PRUNES_ALL = 1.5  # tau * n_segments above this leaves next to no connection


class PSPMixin:
    """What the fully and the weakly supervised PSP share, beside :class:`BaseLocalizer`."""

    _network = PSPNet
    _parameter_constraints: dict = {
        **BaseLocalizer._parameter_constraints,
        "tau": [None, Interval(Real, 0, 1, closed="both"), Options(Real, {-np.inf})],
        "variant": [StrOptions({"paper", "released"})],
        "self_attention": ["boolean"],
        "hidden_size": [Interval(Integral, 2, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
    }

    def _network_params(self):
        if self.hidden_size % 2:
            raise ValueError(
                f"hidden_size is {self.hidden_size}; wanted an even number, half of it for each LSTM direction."
            )
        return {
            "tau": self.tau if self.tau is None else float(self.tau),
            "variant": self.variant,
            "self_attention": bool(self.self_attention),
            "hidden_size": int(self.hidden_size),
            "dropout": float(self.dropout),
        }

    def _warn(self, X, targets):
        super()._warn(X, targets)
        if self.tau is not None and self.tau * X.n_segments > PRUNES_ALL:
            warnings.warn(
                f"tau={self.tau} prunes nearly all connections of videos of {X.n_segments} segments, whose shares "
                f"are about {1 / X.n_segments:.3g}; about {0.95 / X.n_segments:.3g} is the paper's choice for them.",
                UserWarning,
                stacklevel=4,
            )

    def propagation(self, X):
        """Return the connections that PSP keeps (Eq. 2).

        Parameters
        ----------
        X : like `X` of :meth:`fit`

        Returns
        -------
        gamma_va, gamma_av : ndarrays of shape (n, T, T)
            Row t of `gamma_va` holds what visual segment t takes from each audio segment, and `gamma_av` the
            reverse. Rows sum to 1, or are 0 where all connections were cut.

        Raises
        ------
        ValueError
            After a fit with ``tau=None``, which has no propagation.
        """
        check_is_fitted(self)
        if self._plan_["params"]["tau"] is None:
            raise ValueError(
                "propagation needs connections, but this estimator was fitted with tau=None, without propagation; "
                "fit with tau=0 to see all positive ones."
            )
        gamma_va, gamma_av = self._outputs(X, "gamma_va", "gamma_av")
        return gamma_va, gamma_av

    @classmethod
    def _from_released(cls, checkpoint, names, classes, background, tau, device):
        """Return an estimator fitted with the weights of a checkpoint of the authors, whose names are `names`."""
        estimator = cls(
            variant="released",
            tau=tau,
            hidden_size=RELEASED_HIDDEN,
            standardize=False,
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
        if len(sorted_labels) != n_classes or background_code(sorted_labels, background) is None:
            raise ValueError(
                f"classes is {list(classes)} with the background {background!r}; wanted {n_classes} labels, the "
                "background label among them."
            )
        if tau is None:
            weights = {name: value for name, value in weights.items() if not name.startswith("psp.")}
        estimator._take_released(sorted_labels, released_layout(weights))
        estimator._restore(sort_classes(weights, order, head))
        return estimator

    def _take_released(self, classes, layout):
        """Set the fitted attributes of an estimator that was trained elsewhere."""
        self._remember(layout, classes, flat=False)
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
