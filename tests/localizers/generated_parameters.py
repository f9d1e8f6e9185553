"""Values of parameters for generated cases, the right and the wrong ones, and what is expected of each."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import torch
from generated_forms import EITHER, NAMES, REFUSED, WORKS
from torch import nn

NUMBERS = [
    *(0, 1, -1, 2, 0.5, -0.5, 1e-300, 1e300, 10**400, np.nan, np.inf, -np.inf, True, False),
    *(np.float64(0.5), np.float32(0.25), np.float16(0.5), np.float64("nan"), np.float32("inf"), np.longdouble(0.5)),
    *(np.int64(2), np.int8(1), np.uint8(2), np.uint64(2), np.int64(-1), np.bool_(True), np.bool_(False)),
    *(Fraction(1, 2), Decimal("0.5"), 1j, "0.1", "auto", b"1", None, pd.NA, [0.5], (1,), {"a": 1}),
    *(np.array(0.5), np.array([0.5]), np.array([1, 2]), torch.tensor(0.5), object, int),
]
INTERVALS = {  # least, greatest, and whether they belong to it
    "tau": (0, 1, True, True),
    "lam": (0, np.inf, True, False),
    "dropout": (0, 1, True, False),
    "feature_dropout": (0, 1, True, False),
    "lr": (0, np.inf, False, False),
    "weight_decay": (0, np.inf, True, False),
    "label_smoothing": (0, 1, True, False),
    "validation_fraction": (0, 1, False, False),
}
LEAST = {"max_epochs": 1, "batch_size": 1, "hidden_size": 2, "early_stopping": 1}
SWITCHES = ("standardize", "self_attention", "weighting")
SWITCH_VALUES = [True, False, np.True_, np.False_, 0, 1, np.int64(1), None, "yes", [], np.array(True), np.nan]
CHOICES = {
    "variant": ["paper", "released"],
    "target": ["proportion", "category"],
    "lr_schedule": ["one_cycle", "constant", "released"],
    "precision": ["auto", "float32", "float64"],
}
NO_NUMBERS = ("random_state", "verbose", "device", "background", "classes", "network_params", "network")


def own_values(name):
    """Return values to try of one parameter, made anew: generators have a state."""
    return {
        "tau": [0, 0.095, 1, 1.0, -np.inf, None, np.nextafter(1, 2), 0.3, np.float32(0.1)],
        "lam": ["auto", 1e6, 1e30, 3],
        "lr": [1e-300, 1e-12, 1e-3, 1, 10, 1e10, 1e30, 1e38, 5e-324],
        "weight_decay": [1e-12, 10, 1e10, 1e38],
        "label_smoothing": [np.nextafter(1, 0), 0.999],
        "dropout": [0.999, np.nextafter(1, 0)],
        "feature_dropout": [0.999, np.nextafter(1, 0)],
        "validation_fraction": [0.01, 0.99, 0.3, 5e-324],
        "max_epochs": [1, 2, 3, np.int32(2), 2.0, np.float64(2)],
        "batch_size": [1, 2, 3, 10**6, 2**31, 2**63, 10**30, np.int32(4), np.uint16(5), 4.0, np.float64(4)],
        "hidden_size": [2, 3, 6, 8, np.int32(4), np.uint8(200), 4.0, 2**30, 2**62, 10**30],
        "early_stopping": [1, 3, "best", np.int16(2), np.uint8(255), 1.5, 10**6, "worst"],
        "random_state": [
            *(0, 1, 2**32 - 1, 2**32, 2**70, -1, None, 1.0, np.nan, True, "seed", [1, 2], np.array(1), np.random),
            *(np.int64(3), np.uint8(3), np.uint32(2**32 - 1)),
            *(np.random.RandomState(0), np.random.default_rng(0), torch.Generator()),
        ],
        "verbose": [0, False, np.int64(0), np.False_, -1, "loud", None, 1.5],
        "device": [
            *("cpu", "auto", "cpu:0", "cpu:7", torch.device("cpu"), np.str_("cpu"), torch.device("meta")),
            *("gpu", "cuda", "cuda:99", "cuda:-1", "meta", "mps", "xla", "hpu", "vulkan", "privateuseone", ""),
            *(0, None, 1.5, ["cpu"]),
        ],
        "background": [
            *("background", np.str_("background"), "nothing", "", "cat", None, 0, -1, 1.0, True, np.int64(0)),
            *(np.nan, pd.NA, ["background"], ("background",), {"a": 1}, object, b"background"),
            *(np.array("background"), np.array(["background"])),
        ],
        "classes": [
            *(None, [], "background", ["background"], ["background"] * 2, [[1, 2], [3, 4]], [0, 1, 2, 3, 4]),
            *(["cat", 1], [None, "cat"], [np.nan, 1.0], [("a", 1), ("b", 2)], 5, object, {"background": 0}),
            *(NAMES[::-1].tolist(), NAMES, NAMES.astype(object), tuple(NAMES), pd.Series(NAMES), pd.Index(NAMES)),
            *([*NAMES, "wolf"], NAMES[1:], NAMES[:1], NAMES[[1, 2, 0, 3, 4]], pd.Categorical(NAMES)),
            *(NAMES.astype("S"), NAMES.astype(np.dtypes.StringDType()), np.array("cat"), {"cat"}, iter(NAMES)),
            np.ma.masked_array(NAMES, [1, 0, 0, 0, 0]),
        ],
        "network_params": [
            *(None, {}, [], "hidden_size", 8, [("hidden_size", 8)], {"unknown": 1}, {1: 2}, {"k": {}}),
            *({"hidden_size": size} for size in (4, np.int64(4), np.uint8(8), 8.0, "8", 0, -4, 5, True, None)),
            *({"hidden_size": size} for size in (np.nan, 2**62, [8], np.array(8), torch.tensor(8))),
            *({"dropout": share} for share in (0.5, 1.0, -0.1, "0.1", np.nan, None, np.float32(0.1))),
            *({"tau": tau} for tau in (0.1, np.nan, 2, "0.1", None, np.float16(0.1), -1)),
            *({"weighting": True}, {"weighting": "yes"}, {"pooling": "max"}, {"pooling": "sum"}),
            *({"n_heads": 2}, {"n_heads": 3}, {"n_heads": 0}, {"feedforward_size": 8}, {"feedforward_size": -1}),
            *({"n_layers": 1}, {"n_layers": 0}, {"n_layers": -1}, {"n_layers": 1.5}, {"n_classes": 3}),
            *({"variant": "released"}, {"variant": "x"}, {"supervision": "weak"}, {"n_regions": 4}),
            *({"self_attention": True}, {"self_attention": np.True_}, {"self_attention": "no"}),
        ],
        "network": [
            *("PSP", "psp ", "", "resnet", np.str_("psp"), None, 3, b"psp", ["psp"], np.nan, object(), dict),
            *(nn.Linear, nn.Module, nn.Identity, nn.Linear(2, 2), lambda *sizes: None),
        ],
    }.get(name, [])


def parameter_values(name):
    """Return the values to try of a parameter."""
    if name in SWITCHES:
        return SWITCH_VALUES
    if name in CHOICES:
        others = [name.upper(), "", None, 0, b"paper", [CHOICES[name][0]], np.nan, True, str]
        return [*CHOICES[name], np.str_(CHOICES[name][0]), *others]
    own = own_values(name)
    numbers = [] if name in NO_NUMBERS else NUMBERS
    if name == "max_epochs":  # which may not take long
        numbers = [value for value in numbers if not isinstance(value, int) or value < 10]
    return [*own, *own, *numbers]


def parameter_outcome(name, value):
    """Return what is expected of a parameter's value."""
    if name in SWITCHES:
        if isinstance(value, bool | np.bool_):
            return WORKS
        return EITHER if isinstance(value, int | np.integer) else REFUSED
    if name in CHOICES:
        if isinstance(value, str) and value in CHOICES[name]:
            return WORKS
        return EITHER if name == "precision" else REFUSED  # not all machines have all
    if name in INTERVALS:
        return number_outcome(name, value)
    if name in LEAST:
        return integer_outcome(name, value)
    return EITHER


def number_outcome(name, value):
    """Return what is expected of a number of an interval."""
    if value is None or isinstance(value, bool | np.bool_ | Fraction | Decimal | np.ndarray | torch.Tensor):
        return EITHER
    if not isinstance(value, int | float | np.integer | np.floating):
        return EITHER if isinstance(value, str) and value == "auto" else REFUSED
    low, high, with_low, with_high = INTERVALS[name]
    inside = (low <= value if with_low else low < value) and (value <= high if with_high else value < high)
    if name == "tau" and value == -np.inf:
        return WORKS
    if not inside:
        return REFUSED
    greatest = 0.3 if name == "validation_fraction" else 1  # of so few videos
    return WORKS if 1e-3 <= value <= greatest or value == 0 and with_low else EITHER


def integer_outcome(name, value):
    """Return what is expected of an integer with a least value."""
    if value is None or isinstance(value, bool | np.bool_ | np.ndarray | torch.Tensor | Fraction | Decimal):
        return EITHER
    if not isinstance(value, int | np.integer):
        return EITHER if isinstance(value, str) and name == "early_stopping" else REFUSED
    if value < LEAST[name]:
        return REFUSED
    small = value <= (16 if name == "hidden_size" else 10**6)
    fits = small and (name != "hidden_size" or value % 2 == 0)
    return WORKS if fits and name in ("max_epochs", "batch_size", "hidden_size") else EITHER


DURATIONS = [1, 1.0, 0.5, np.float32(0.96), np.int64(2), *NUMBERS]
