"""Choice of a network: one of the package's by name, or a class of the user's own, with parameters that it takes."""

import copy
import inspect
import math
from collections.abc import Mapping
from numbers import Real

import torch

from ave_sklearn._checks import plain
from ave_sklearn._systems import SUPERVISIONS
from ave_sklearn._user_warnings import warn_user
from ave_sklearn.nn import NETWORKS, PSPTrunk
from ave_sklearn.nn.contract import network_name

PRUNES_ALL = 1.5  # tau * n_segments above this leaves next to no connection
WEAK_ONLY = ("weighting", "pooling")  # parameters of the package's networks that change nothing fully supervised


def network_class(network):
    """Return the class that `network` names or is; raise ValueError for anything else."""
    if isinstance(network, str) and network in NETWORKS:
        return NETWORKS[network]
    is_class = isinstance(network, type) and issubclass(network, torch.nn.Module)
    if is_class and network is not torch.nn.Module:
        return network
    hint = "; pass the class, and its parameters as network_params" if isinstance(network, torch.nn.Module) else ""
    raise ValueError(
        f"network is {network!r}{hint}; wanted one of {list(NETWORKS)} or a torch.nn.Module class that follows the "
        "contract in ave_sklearn.nn."
    )


def pair_loss_weight(network):
    """Return the weight of L_avps that `network` comes with: what ``lam="auto"`` means."""
    return getattr(network_class(network), "pair_loss_weight", 0.0)


def check_network(network, params, supervision):
    """Return the parameters of `network`, those that the user gave and ``supervision`` if it takes that.

    Raises
    ------
    ValueError
        For an unknown network, parameters that it does not take or lacks or that have no effect, and a `supervision`,
        "full" or "weak", that it has no form for.
    """
    cls, name = network_class(network), network_name(network)
    if supervision not in getattr(cls, "supervisions", SUPERVISIONS):
        raise ValueError(f"network {name} has no form for {supervision} supervision; wanted a network that has one.")
    params = check_params(cls, name, {} if params is None else params)
    idle = [key for key in WEAK_ONLY if key in params]
    if idle and supervision == "full" and cls in NETWORKS.values():
        raise ValueError(f"network_params holds {idle}, of weak supervision only; wanted none of them here.")
    if find_parameter(cls, "supervision"):
        params["supervision"] = supervision
    try:
        inspect.signature(cls).bind(1, 1, 1, None, **params)
    except TypeError as error:
        raise ValueError(
            f"network {name} cannot be called as network(n_audio_features, n_visual_features, n_classes, n_regions, "
            f"**network_params) with network_params={params}: {error}."
        ) from error
    return params


def check_params(cls, name, params):
    """Return a copy of the `params` given for the class `cls`; raise ValueError for names that it does not take."""
    if not isinstance(params, Mapping) or not all(isinstance(key, str) for key in params):
        raise ValueError(f"network_params is {params!r}; wanted a dict of the network's parameters by name, or None.")
    own, is_open = own_parameters(inspect.signature(cls).parameters)
    unknown = [key for key in params if key not in own and not is_open or key == "supervision"]
    if unknown:
        raise ValueError(f"network_params holds {unknown}; network {name} takes {own}.")
    return copy.deepcopy(dict(params))


def find_parameter(cls, name):
    """Return the parameter of the constructor of `cls`, or of the one that it hands its ``**kwargs`` on to, or None."""
    for base in cls.__mro__:
        if "__init__" in vars(base):
            takes = inspect.signature(base.__init__).parameters
            if name in takes:
                return takes[name]
            if not any(p.kind == p.VAR_KEYWORD for p in takes.values()):
                return None
    return None


def own_parameters(takes):
    """Return the names that network_params may hold, behind the four sizes, and whether it may hold any name."""
    positional = [name for name, p in takes.items() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    named = positional[4:] + [name for name, p in takes.items() if p.kind == p.KEYWORD_ONLY]
    is_open = any(p.kind == p.VAR_KEYWORD for p in takes.values())
    return [name for name in named if name != "supervision"], is_open


def takes_threshold(network):
    """Whether `network` can be built with another `tau`."""
    return find_parameter(network_class(network), "tau") is not None


def is_without_propagation(network, params):
    """Whether `network` takes a `tau`, and has None, given or by default."""
    tau = find_parameter(network_class(network), "tau")
    return tau is not None and params.get("tau", tau.default) is None


def check_threshold(tau):
    """Return the `tau` of ``propagation`` as a float, or None for that of the fit; raise ValueError for any other."""
    tau = plain(tau)
    if isinstance(tau, str) and tau == "fitted":
        return None
    if not isinstance(tau, Real) or isinstance(tau, bool) or not (0 <= tau <= 1 or tau == -math.inf):
        raise ValueError(
            f"tau is {tau!r}; wanted 'fitted' for the threshold of the fit, a number in [0, 1], or -inf for all "
            "connections."
        )
    return float(tau)


def warn_of_pruning(network, params, n_segments):
    """Warn where the threshold of a network with propagation cuts nearly every connection."""
    cls = network_class(network)
    default = inspect.signature(cls).parameters.get("tau")
    tau = params.get("tau", default and default.default) if issubclass(cls, PSPTrunk) else None
    if isinstance(tau, Real) and tau * n_segments > PRUNES_ALL:
        warn_user(
            f"tau={tau} prunes nearly all connections of videos of {n_segments} segments, whose shares are about "
            f"{1 / n_segments:.3g}; about {0.95 / n_segments:.3g} is for them what the paper's 0.095 is for 10."
        )
