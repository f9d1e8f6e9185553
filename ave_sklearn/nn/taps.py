"""Places in a network where the features of a layer are read, while it predicts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Mapping

LAYER_OUTPUTS = ("audio_layer", "visual_layer")  # what `tap` adds to a network's outputs


class Tap(NamedTuple):
    """A place in a network where the features (n, T, d) of a layer are: what one of its modules is given, or gives.

    A network's class attribute ``layer_taps`` has a pair of them, audio and visual, for each layer that ``embed`` can
    show, see the contract in :mod:`ave_sklearn.nn`.

    Parameters
    ----------
    module : str
        Name of the module within the network, as :meth:`torch.nn.Module.get_submodule` takes it. The network calls it
        once a batch; of several calls the last one counts.
    argument : int or None, default=None
        Position of the features among the module's arguments, which the network hands over by position; None for what
        the module returns.
    item : int or None, default=None
        Position of the features in what the module returns, where that is a tuple.

    Examples
    --------
    PSP names what its two LSTMs are given, and the two parts of what its module ``psp`` returns:

    >>> from ave_sklearn.nn import PSPNet, Tap
    >>> PSPNet.layer_taps["input"]  # doctest: +NORMALIZE_WHITESPACE
    (Tap(module='encoder.audio_lstm', argument=0, item=None),
     Tap(module='encoder.visual_lstm', argument=0, item=None))
    >>> PSPNet.layer_taps["propagated"] == (Tap("psp", item=1), Tap("psp", item=0))
    True

    A subclass may name another layer, here the normalised summands of Eq. 4, for ``embed(X, layer="normed")``:

    >>> class MyNetwork(PSPNet):
    ...     normed = Tap("fusion", item=2), Tap("fusion", item=1)
    ...     layer_taps = {**PSPNet.layer_taps, "normed": normed}
    >>> from ave_sklearn import EventLocalizer
    >>> from ave_sklearn.datasets import make_av_events
    >>> X, y = make_av_events(n_videos=20, random_state=0)
    >>> localizer = EventLocalizer(network=MyNetwork, max_epochs=1).fit(X, y)
    >>> audio, visual = localizer.embed(X, layer="normed")
    >>> audio.shape, visual.shape
    ((20, 10, 128), (20, 10, 128))
    """

    module: str
    argument: int | None = None
    item: int | None = None

    def read(self, arguments: tuple[Any, ...], result: Any) -> Any:
        """Return the features, of a call with these `arguments` that gave `result`."""
        if self.argument is not None:
            return arguments[self.argument]
        return result if self.item is None else result[self.item]


def encoder_taps(audio: str, visual: str) -> dict[str, tuple[Tap, Tap]]:
    """Return the taps of the layers "input" and "encoded": what goes into the modules of these names, and comes out."""
    return {"input": (Tap(audio, argument=0), Tap(visual, argument=0)), "encoded": (Tap(audio), Tap(visual))}


def layer_names(network: nn.Module) -> list[str]:
    """Return the names of the layers that a network has taps for, in its order."""
    return list(getattr(network, "layer_taps", {}))


def tap(network: nn.Module, layer: str) -> None:
    """Let a network give the features of a layer too, as ``audio_layer`` and ``visual_layer``, from now on.

    Forward hooks do it, which stay: hand over a copy that nobody else uses.

    Raises
    ------
    ValueError
        Here or in a forward pass, for a tap that does not lead to features (n, T, d).
    """
    places, found = network.layer_taps[layer], {}
    if not isinstance(places, tuple) or [type(place) for place in places] != [Tap, Tap]:
        raise broken(network, layer, f"they are {places}; wanted a pair of Tap")
    for name, place in zip(LAYER_OUTPUTS, places, strict=True):
        try:
            module = network.get_submodule(place.module)
        except AttributeError as error:
            raise broken(network, layer, f"{place.module!r} is none of its modules") from error
        module.register_forward_hook(partial(keep, found, name, place))
    network.register_forward_hook(partial(add_features, found, layer))


def keep(found, name, place, module, arguments, result):
    """Forward hook of a tapped module: put the features into `found`, or why there are none."""
    try:
        found[name] = place.read(arguments, result)
    except (IndexError, KeyError, TypeError) as error:
        found[name] = error


def add_features(
    found: dict[str, Any], layer: str, network: nn.Module, arguments: tuple[Tensor, ...], outputs: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Forward hook of the network: return its outputs with the features that its modules put into `found`."""
    for name, place in zip(LAYER_OUTPUTS, network.layer_taps[layer], strict=True):
        features = found.get(name, "nothing, for it was not called")
        is_tensor = torch.is_tensor(features) and features.is_floating_point()
        if not is_tensor or features.ndim != 3 or features.shape[:2] != arguments[0].shape[:2]:
            what = f"a tensor {tuple(features.shape)} of {features.dtype}" if torch.is_tensor(features) else features
            raise broken(network, layer, f"{place} finds {what}; wanted floats of shape (n, T, d)")
    outputs = {**outputs, **found}
    found.clear()
    return outputs


def broken(network, layer, what):
    """Return the error for taps of a user's network that do not lead to features."""
    return ValueError(
        f"network {type(network).__name__}: its layer_taps[{layer!r}] are wrong, {what}. See the contract in "
        "ave_sklearn.nn."
    )
