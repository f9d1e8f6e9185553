"""What a network is built from: plain values that a saved model is made of."""

import copy
import threading
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from ave_sklearn._device import WEIGHT_DTYPES, naming_network
from ave_sklearn.nn import NETWORKS, StandardizedNetwork, class_probabilities, initialize
from ave_sklearn.nn.contract import Contract, network_name

GLOBAL_GENERATOR = threading.RLock()  # held while torch's global generators are seeded for a network of the user's


@dataclass(frozen=True)
class NetworkSpec:
    """What a network is built from, in plain values.

    Attributes
    ----------
    network : str or type
        A name of :data:`ave_sklearn.nn.NETWORKS`, or a class of the user's.
    params : dict
        Of the network's constructor, ``supervision`` among them if it takes that.
    supervision : {"full", "weak"}
    seed : int
        Draws the weights, and whatever else the constructor of a class of the user's draws.
    n_audio_features, n_visual_features : int
    map_size : tuple of int or None
        Height and width of the visual maps; None for pooled features.
    n_segments : int
        Of the videos of the fit.
    n_classes : int
        C.
    background : int or None
        Code of the background class.
    standardize : bool
    feature_dropout : float
    precision : str
        A key of ``WEIGHT_DTYPES``.
    """

    network: str | type
    params: dict
    supervision: str
    seed: int
    n_audio_features: int
    n_visual_features: int
    map_size: tuple | None
    n_segments: int
    n_classes: int
    background: int | None
    standardize: bool
    feature_dropout: float
    precision: str

    @property
    def network_class(self):
        """The class of the network."""
        return NETWORKS[self.network] if isinstance(self.network, str) else self.network

    @property
    def is_foreign(self):
        """Whether the network is a class of the user's, which draws from torch's global generator."""
        return self.network_class not in NETWORKS.values()

    def build(self, *, draw):
        """Return the module; without `draw`, the package's networks are on the meta device, without weights."""
        with naming_network(network_name(self.network), self.params):
            return self._build(draw)

    def _build(self, draw):
        widths = self.n_audio_features, self.n_visual_features
        n_regions = self.map_size and int(np.prod(self.map_size))
        build = partial(self.network_class, *widths, self.n_classes, n_regions, **copy.deepcopy(self.params))
        module = self._build_foreign(build) if self.is_foreign else self._build_own(build)
        check_trainable(module, self.network)
        if self.standardize or self.feature_dropout:
            with nullcontext() if self.is_foreign else torch.device("meta"):
                module = StandardizedNetwork(module, *widths, self.feature_dropout)
        module = module.to(getattr(torch, WEIGHT_DTYPES[self.precision]))
        if self.is_foreign:
            return module
        if draw:
            initialize(module.to_empty(device="cpu"), torch.Generator().manual_seed(self.seed))
        return module

    def _build_foreign(self, build):
        with torch_seed(self.seed):
            return build()

    def _build_own(self, build):
        try:
            with torch.device("meta"):
                return build()
        except (TypeError, RuntimeError) as error:  # sizes that torch has no integers for
            raise ValueError(f"network {self.network!r} cannot be built with {self.params}: {error}") from error

    def contract(self, *, paired=False):
        """Return what the outputs of the network must be; `paired` tells whether the loss takes ``similarity``."""
        return Contract(self.network, self.n_classes, self.background, self.supervision == "weak", paired)

    def decode(self, outputs):
        """Return the finite class probabilities (n, T, C) of the network's outputs for a batch."""
        proba = class_probabilities(outputs, self.n_classes, self.background)
        if not proba.isfinite().all():
            name = network_name(self.network)
            raise ValueError(
                f"network {name} gives outputs that are not finite in evaluation mode; wanted numbers. The features X "
                "may be much larger than those of the fit."
            )
        return proba

    def choose(self, outputs, names):
        """Return the outputs of these names; raise ValueError if the network does not give one of them."""
        missing = [name for name in names if name not in outputs]
        if missing:
            name = network_name(self.network)
            raise ValueError(f"network {name} does not give {missing}; it gives {list(outputs)}.")
        return [outputs[name] for name in names]


def check_trainable(module, network):
    """Raise ValueError for a module without weights to train."""
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise ValueError(f"network {network_name(network)} has no parameters to train; wanted some.")


@contextmanager
def torch_seed(seed):
    """Seed torch's global generators, and set them back afterwards; a `seed` of None leaves them alone.

    Other threads that want them wait.
    """
    if seed is None:
        yield
        return
    with GLOBAL_GENERATOR, torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
