"""Annotations of the public names: complete, right in a user's script, and free of imports."""

import inspect
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import ave_sklearn
import ave_sklearn.cli
from ave_sklearn import datasets, extraction, inspection, localizers, metrics, model_selection, nn

ROOT = Path(__file__).parents[2]
USER_SCRIPT = Path(__file__).with_name("user_script.py")
FLAGS = [
    "--config-file=",  # none, whatever is installed for the user
    "--strict",  # an unannotated function of the package would be an error at its call
    "--follow-imports=silent",  # errors in the script, not in private code
    "--disable-error-code=import-untyped",  # scikit-learn has no types
]

MODULES = [ave_sklearn, ave_sklearn.cli, datasets, extraction, inspection, localizers, metrics, model_selection, nn]
PUBLIC = {f"{module.__name__}.{name}": getattr(module, name) for module in MODULES for name in module.__all__}
SPECIAL = ["__init__", "__call__", "__getitem__", "__len__", "__array__"]

MISUSES = """\
from ave_sklearn import PSPLocalizer
from ave_sklearn.datasets import make_av_events
from ave_sklearn.nn import prune

X, y = make_av_events(random_state=0)
localizer = PSPLocalizer(tau="0.1")  # wrong
X, y = make_av_events(n_segments="10")  # wrong
n_events: int = localizer.fit(X, y).predict_events(X)  # wrong
prune([[0.5, 0.5]], tau=0.1)  # wrong
"""


def functions_of(thing):
    """Yield the public functions of the package that a public function or class has, by name."""
    if inspect.isfunction(thing):
        yield thing.__name__, thing
    for base in inspect.getmro(thing) if inspect.isclass(thing) else ():
        for name, member in vars(base).items():
            member = getattr(member, "fget", getattr(member, "__func__", member))
            is_public = name in SPECIAL or not name.startswith("_")
            if is_public and inspect.isfunction(member) and base.__module__.startswith("ave_sklearn"):
                yield name, member


@pytest.mark.parametrize("name", PUBLIC)
def test_every_parameter_and_result_is_annotated(name):
    for function_name, function in functions_of(PUBLIC[name]):
        signature = inspect.signature(function)
        assert signature.return_annotation is not signature.empty, function_name
        for parameter in signature.parameters.values():
            if parameter.name not in ("self", "cls") and parameter.kind is not parameter.VAR_POSITIONAL:
                assert parameter.annotation is not parameter.empty, f"{parameter.name} of {function_name}"


def test_annotations_import_nothing():
    code = "import sys, ave_sklearn, ave_sklearn._typing; print(*{'torch', 'pandas', 'sklearn'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True).stdout == b"\n"


@pytest.mark.slow
def test_user_script_runs(capsys):
    runpy.run_path(str(USER_SCRIPT), run_name="__main__")
    assert "'loss'" in capsys.readouterr().out


def check_types(script, cache):
    """Return the exit status of the type checker, what it says, and the lines of the errors."""
    command = [sys.executable, "-m", "mypy", *FLAGS, f"--cache-dir={cache}", str(script)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    said = done.stdout + done.stderr
    return done.returncode, said, {int(line) for line in re.findall(r":(\d+): error:", said)}


@pytest.fixture(scope="module")
def cache(pytestconfig, tmp_path_factory):
    """Folder where the type checker keeps what it read of torch: half a minute the first time."""
    kept = getattr(pytestconfig, "cache", None)
    return tmp_path_factory.mktemp("mypy") if kept is None else kept.mkdir("mypy")


@pytest.mark.slow
def test_user_script_has_the_right_types(cache):
    status, said, _ = check_types(USER_SCRIPT, cache)
    assert status == 0, said


@pytest.mark.slow
def test_wrong_types_are_errors(cache, tmp_path):
    script = tmp_path / "misuses.py"
    script.write_text(MISUSES)
    _, said, found = check_types(script, cache)
    assert found == {number for number, line in enumerate(MISUSES.splitlines(), 1) if line.endswith("# wrong")}, said
