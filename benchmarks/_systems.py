"""The rows of the tables: which estimator each is, and what the paper reports."""

from dataclasses import dataclass, field

from sklearn.model_selection import ParameterGrid

from ave_sklearn import EventLocalizer, PSPLocalizer, WeakEventLocalizer
from ave_sklearn._systems import SYSTEMS
from ave_sklearn.inspection import ablations
from ave_sklearn.inspection._ablations import row_names
from ave_sklearn.nn import AVELNet, PSPNet
from ave_sklearn.nn.propagation import PROPAGATED_GAIN

ESTIMATORS = {"full": EventLocalizer, "weak": WeakEventLocalizer}
NAMES = {name: SYSTEMS[name].title for name in sorted(SYSTEMS, key="psp".__eq__)}  # the paper's own comes last
BASELINES = {
    "majority": "majority class",
    "oracle": "right category, every second an event",
    "logistic": "logistic regression on single seconds",
}


class BiLSTMNet(AVELNet):
    """A BiLSTM a modality on the mean of the regions: AVEL without attention."""

    def __init__(self, n_audio_features, n_visual_features, n_classes, n_regions, *, supervision):
        super().__init__(n_audio_features, n_visual_features, n_classes, None, supervision=supervision)

    def forward(self, audio, visual):
        """Return the outputs for mean-pooled regions."""
        return super().forward(audio, visual if visual.ndim == 3 else visual.flatten(2, -2).mean(2))


class XavierPSPNet(PSPNet):
    """PSP whose W2 (Eq. 3) starts at the size of Xavier's rule, as its other layers do."""

    def __init__(self, n_audio_features, n_visual_features, n_classes, n_regions, *, supervision):
        super().__init__(n_audio_features, n_visual_features, n_classes, n_regions, supervision=supervision)
        for layer in (self.psp.w2_v, self.psp.w2_a):
            layer.weight.data /= PROPAGATED_GAIN


@dataclass(frozen=True)
class System:
    """One row: an estimator with its parameters, or a baseline.

    Attributes
    ----------
    key : str
        Names its results.
    label : str
    supervision : {"full", "weak"}
    network : str, class or None
        None is the baseline `key`.
    params : dict
        Of the network.
    estimator_params : dict
        Of the estimator, such as lam.
    paper : float or None
        Accuracy on the AVE dataset that the paper reports (%).
    scale_each : bool
        Divide each feature by its own standard deviation beforehand.
    """

    key: str
    label: str
    supervision: str
    network: object = None
    params: dict = field(default_factory=dict)
    estimator_params: dict = field(default_factory=dict)
    paper: float | None = None
    scale_each: bool = False

    def estimator(self, **recipe):
        """Return the estimator, with the parameters `recipe` for all rows."""
        own = {"network": self.network, "network_params": self.params or None, **self.estimator_params}
        return ESTIMATORS[self.supervision](**{**recipe, **own})


def psp(supervision, label, paper=None, recipe=None, **params):
    """Return a variant of PSP by parameters of the estimator, `recipe`, and of the network; its key holds them."""
    differs = {**params, **(recipe or {})}
    key = "-".join([supervision, "psp", *(f"{name}={value}" for name, value in differs.items())])
    return System(key, label, supervision, "psp", params, recipe or {}, paper)


def system(supervision, network, paper=None):
    """Return a system of Table 4."""
    return System(f"{supervision}-{network}", NAMES[network], supervision, network, paper=paper)


def both(label, papers, **params):
    """Return a variant of PSP with both kinds of supervision."""
    return [psp(supervision, label, paper, **params) for supervision, paper in zip(ESTIMATORS, papers, strict=True)]


def ablation_rows(number, papers):
    """Return the rows of Table 1 or 3 as the package has them, with what the paper reports of each."""
    usual = PSPLocalizer().get_params()
    settings = list(ParameterGrid(ablations()[number]))
    rows = []
    for label, params, pair in zip(row_names(settings), settings, papers, strict=True):
        rows += both(label, pair, **{name: value for name, value in params.items() if value != usual[name]})
    return rows


def table_1():
    """Return the ablations of PSP."""
    return ablation_rows(1, [(73.7, 70.2), (75.9, 71.2), (76.0, 71.2), (75.4, 70.8), (77.8, 73.5)])


def table_2():
    """Return the rows of the pair similarity loss and of the weighting branch, on PSP and on AVEL."""
    weighting = {"weighting": True}
    return [
        psp("full", "PSP, L_ce", 76.6, {"lam": 0}),
        psp("full", "PSP, L_ce + lam L_avps", 77.8),
        System("full-avel", "AVEL, L_ce", "full", "avel", paper=69.8),
        System("full-avel-lam=10", "AVEL, L_ce + lam L_avps", "full", "avel", {}, {"lam": 10}, 71.3),
        psp("weak", "PSP, w/o weighting branch", 71.6, weighting=False),
        psp("weak", "PSP, w/ weighting branch", 73.5),
        System("weak-avel", "AVEL, w/o weighting branch", "weak", "avel", paper=66.9),
        System("weak-avel-weighting=True", "AVEL, w/ weighting branch", "weak", "avel", weighting, paper=69.2),
    ]


def table_3():
    """Return the rows of the threshold tau."""
    return ablation_rows(3, [(75.9, 71.2), (76.1, 71.7), (75.3, 70.4), (77.8, 73.5), (76.6, 72.8)])


def table_4():
    """Return every system, and baselines."""
    full = {"avel": 68.6, "avsdn": 72.6, "cman": 73.3, "dam": 74.5, "avrb": 74.8, "avin": 75.2, "avt": 76.8}
    weak = {"avel": 66.7, "avsdn": 67.3, "cman": 70.4, "avrb": 68.9, "avin": 69.4, "avt": 70.2}
    full, weak = {**full, "cmran": 77.4, "psp": 77.8}, {**weak, "cmran": 72.9, "psp": 73.5}
    rows = []
    for supervision, papers in (("full", full), ("weak", weak)):
        rows += [System(key, label, supervision) for key, label in BASELINES.items() if supervision == "full"]
        rows.append(System(f"{supervision}-bilstm", "BiLSTM, no attention", supervision, BiLSTMNet))
        names = [name for name in NAMES if supervision in SYSTEMS[name].supervisions]
        rows += [system(supervision, name, papers.get(name)) for name in names]
    return rows


NETWORK_CHANGES = {
    "full": [{"hidden_size": 256}, {"dropout": 0.2}, {"dropout": 0.4}],
    "weak": [{"hidden_size": 256}, {"dropout": 0.0}, {"dropout": 0.4}],
}
RECIPE_CHANGES = {
    "full": [
        {"feature_dropout": 0.0},
        {"feature_dropout": 0.2},
        {"feature_dropout": 0.6},
        {"lam": 100},
        {"batch_size": 8},
        {"batch_size": 128},
        {"lr": 0.001},
        {"lr": 0.004},
        {"lr_schedule": "constant"},
        {"label_smoothing": 0.0},
        {"max_epochs": 20},
    ],
    "weak": [
        {"feature_dropout": 0.0},
        {"feature_dropout": 0.4},
        {"batch_size": 8},
        {"lr": 0.001},
        {"lr": 0.004},
        {"label_smoothing": 0.0},
        {"max_epochs": 20},
    ],
}


def table_5():
    """Return PSP with one default changed at a time."""
    rows = []
    for supervision, changes in RECIPE_CHANGES.items():
        rows.append(psp(supervision, "PSP"))
        rows += [psp(supervision, described(change), **change) for change in NETWORK_CHANGES[supervision]]
        rows += [psp(supervision, described(change), recipe=change) for change in changes]
        rows.append(System(f"{supervision}-psp-xavier", "W2 from Xavier's rule", supervision, XavierPSPNet))
        rows.append(
            System(f"{supervision}-psp-scaled", "each feature by its own scale", supervision, "psp", scale_each=True)
        )
    return rows


def described(params):
    """Return ``name=value``, in code, of each parameter."""
    return ", ".join(f"`{name}={value}`" for name, value in params.items())


TABLES = {1: table_1, 2: table_2, 3: table_3, 4: table_4, 5: table_5}
