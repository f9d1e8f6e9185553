"""Contract of a network's outputs, and the errors of those that break it."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch


def network_name(network):
    """Return what messages call `network`: its name here, or that of the user's class."""
    return repr(network) if isinstance(network, str) else network.__name__


@dataclass
class Contract:
    """What the outputs of an estimator's network must be; see :mod:`ave_sklearn.nn`.

    Attributes
    ----------
    network : str or class
    n_classes : int
        C.
    background : int or None
        Code of the background class.
    weak : bool
        Whether it is trained on whole videos.
    paired : bool
        Whether the loss takes ``similarity``.
    """

    network: object
    n_classes: int
    background: int | None
    weak: bool
    paired: bool

    def check(self, outputs, n_videos, n_segments):
        """Raise ValueError where the `outputs` for a batch break the contract."""
        if not isinstance(outputs, Mapping):
            raise self.error(f"forward returned a {type(outputs).__name__}; wanted a dict of tensors")
        for name, shapes in self.shapes(outputs, n_videos, n_segments).items():
            if name not in outputs:
                raise self.error(f"forward returned {list(outputs)}; wanted {name!r} too{self.reason(name)}")
            if not torch.is_tensor(outputs[name]) or not outputs[name].is_floating_point():
                kind = getattr(outputs[name], "dtype", type(outputs[name]).__name__)
                raise self.error(f"{name!r} is of the type {kind}; wanted a tensor of floats")
            if tuple(outputs[name].shape) not in shapes:
                wanted = " or ".join(map(str, shapes))
                raise self.error(f"{name!r} has the shape {tuple(outputs[name].shape)}; wanted {wanted}")

    def shapes(self, outputs, n, n_segments):
        """Return the shapes that each output may have."""
        events, classes = (n, self.n_classes - 1), (n, self.n_classes)
        gated = "event_logits" in outputs and "logits" not in outputs
        if gated and self.background is None:
            raise self.error(
                "it decides between event and background, but the background label is not among the classes; "
                "name it by background=, and add it by classes= if no target holds it"
            )
        if gated:
            # a video's category is one of the events; under weak supervision background may be among them
            categories = [events, classes] if self.weak else [events]
            wanted = {"event_logits": [(n, n_segments)], "category_logits": categories}
        else:
            wanted = {"logits": [(n, n_segments, self.n_classes)]}
        if self.weak:
            wanted["video_logits"] = [events, classes] if gated else [classes]
        if self.paired:
            wanted["similarity"] = [(n, n_segments)]
        return wanted

    def reason(self, name):
        """Return why `name` is wanted, where that is not plain."""
        return {
            "similarity": " for the pair similarity loss; set lam=0 without it",
            "video_logits": " for weak supervision",
        }.get(name, "")

    def error(self, what):
        """Return the error to raise."""
        return ValueError(f"network {network_name(self.network)}: {what}. See the contract in ave_sklearn.nn.")
