"""Rooms of the package: what each may import, and where public classes live."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import ave_sklearn

PACKAGE = Path(ave_sklearn.__file__).parent
BASE = {"_checks", "_dask", "_device", "_files", "_plain_pickle", "_progress", "_random", "_sklearn", "_stratified"}
BASE |= {"_systems", "_typing", "_user_warnings", "_version"}
DATA = {"_features", "_targets", *BASE}
MAY_IMPORT = {
    **dict.fromkeys(BASE, set()),
    "_checkpoints": BASE,
    "_kept_scores": BASE,
    "_features": BASE,
    "_targets": BASE,
    "nn": BASE,
    "datasets": DATA,
    "_training": {"_features", "nn", *BASE},
    "metrics": {"_targets", *BASE},
    "extraction": {"_checkpoints", "datasets", *DATA},
    "localizers": {"_checkpoints", "_training", "metrics", "nn", *DATA},
    "inspection": {"extraction", "localizers", "datasets", "metrics", *DATA},
    "model_selection": {"_kept_scores", "metrics", "_targets", *BASE},
    "cli": {"_kept_scores", "inspection", "localizers", "model_selection", "metrics", "extraction", "datasets", *DATA},
    "psp": {"localizers"},
    "__main__": {"cli"},
    "__init__": {"_version"},
}
LIBRARIES = {  # those of the core that a room may import; extras are imported where they are used
    "_features": {"numpy"},
    "_targets": {"numpy", "pandas"},
    "nn": {"numpy", "torch"},
    "_systems": set(),
}


def modules():
    """Every file of the package with the name of its room."""
    for file in sorted(PACKAGE.rglob("*.py")):
        room = file.relative_to(PACKAGE).with_suffix("").parts[0]
        if file.name != "conftest.py":
            yield file, room


def nodes(node):
    """A node and all below it, but for what type checkers alone see."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from nodes(child)


def imported(file):
    """The full names of all that a file imports, wherever in it: ave_sklearn.metrics, numpy, ..."""
    for node in nodes(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)


def test_every_room_has_its_rule():
    assert {room for _, room in modules()} == set(MAY_IMPORT)


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_a_room_imports_only_what_stands_below_it(room):
    found = {}
    for file in (file for file, own in modules() if own == room):
        for name in imported(file):
            package, _, rest = name.partition(".")
            if package == "ave_sklearn" and rest.partition(".")[0] != room:
                found.setdefault(rest.partition(".")[0], f"{file.relative_to(PACKAGE)} imports {name}")
    assert {other: where for other, where in found.items() if other not in MAY_IMPORT[room]} == {}


def test_the_rule_has_no_circle():
    left = {room: set(others) - {room} for room, others in MAY_IMPORT.items()}
    while left:
        free = {room for room, others in left.items() if not others & set(left)}
        assert free, left
        left = {room: others for room, others in left.items() if room not in free}


@pytest.mark.parametrize("room", LIBRARIES)
def test_libraries_of_a_room(room):
    core = {"numpy", "pandas", "torch", "sklearn", "skorch", "scipy", "joblib", "tqdm"}
    found = {name.partition(".")[0] for file, own in modules() if own == room for name in imported(file)}
    assert found & core <= LIBRARIES[room]


def test_private_names_of_scikit_learn_are_imported_in_one_file():
    def is_private(name):
        return name.startswith("sklearn.") and any(part.startswith("_") for part in name.split("."))

    assert {file.name for file, _ in modules() if any(map(is_private, imported(file)))} == {"_sklearn.py"}


PLACES = {  # saved models name them, and skops is told to trust them: a move is a new format
    "AVFeatures": "ave_sklearn._features.container",
    "EventLocalizer": "ave_sklearn.localizers._any_network",
    "PSPLocalizer": "ave_sklearn.localizers._psp",
    "WeakEventLocalizer": "ave_sklearn.localizers._any_network",
    "WeakPSPLocalizer": "ave_sklearn.localizers._psp",
    "extraction.ExtractionError": "ave_sklearn.extraction._opening",
    "extraction.VGG19": "ave_sklearn.extraction.networks",
    "extraction.VGGish": "ave_sklearn.extraction.networks",
    "extraction.VideoFeatureExtractor": "ave_sklearn.extraction._extractor",
    "metrics.EventF1Scorer": "ave_sklearn.metrics._scorers",
    "metrics.PairedDifference": "ave_sklearn.metrics._comparison",
    "metrics.SegmentLogLossScorer": "ave_sklearn.metrics._scorers",
    "model_selection.KeptScores": "ave_sklearn._kept_scores",
    "model_selection.VideoStratifiedKFold": "ave_sklearn.model_selection",
}


def public_classes():
    """The public classes but those of nn, by the name behind ``ave_sklearn.``."""
    for module in (ave_sklearn, *(getattr(ave_sklearn, name) for name in ("datasets", "extraction", "metrics"))):
        prefix = module.__name__.partition(".")[2]
        for name in module.__all__:
            if inspect.isclass(thing := getattr(module, name)):
                yield f"{prefix}.{name}".removeprefix("."), thing
    for name in ("KeptScores", "VideoStratifiedKFold"):
        yield f"model_selection.{name}", getattr(ave_sklearn.model_selection, name)


def test_public_classes_live_where_saved_models_look_for_them():
    assert {name: thing.__module__ for name, thing in public_classes()} == PLACES


def test_classes_of_nn_live_in_nn():
    places = {
        thing.__module__ for name in ave_sklearn.nn.__all__ if inspect.isclass(thing := getattr(ave_sklearn.nn, name))
    }
    assert all(place.startswith("ave_sklearn.nn.") for place in places)


@pytest.mark.slow
def test_the_registry_knows_all_networks_without_torch():
    code = (
        "import sys; from ave_sklearn._systems import SYSTEMS; assert 'torch' not in sys.modules; "
        "print(*(f'{s.name}:{s.network().__name__}' for s in SYSTEMS.values()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names = [f"{name}:{network.__name__}" for name, network in ave_sklearn.nn.NETWORKS.items()]
    assert done.stdout.split() == names


@pytest.mark.slow
def test_the_public_modules_come_with_the_package():
    code = (
        "import sys, ave_sklearn; light = set(sys.modules); "
        "assert not {'torch', 'pandas', 'sklearn', 'numpy'} & light; "
        "print(ave_sklearn.metrics.event_f1_score.__name__, ave_sklearn.datasets.load_ave.__name__, "
        "ave_sklearn.model_selection.VideoStratifiedKFold.__name__, ave_sklearn.nn.PSPNet.__name__, "
        "ave_sklearn.extraction.cut_clips.__name__, ave_sklearn.localizers.PSPLocalizer.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split()[:2] == ["event_f1_score", "load_ave"], done.stderr
    assert sorted(ave_sklearn.__all__) == dir(ave_sklearn)
    with pytest.raises(AttributeError, match="has no attribute 'metric'"):
        ave_sklearn.metric  # noqa: B018
