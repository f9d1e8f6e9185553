"""Public docstrings: every parameter is documented, with its default. Every name has an example and a page."""

import doctest
import inspect
import pkgutil
import re
import sys
from importlib import import_module
from pathlib import Path

import pytest
from documents import load_script, read_document
from numpydoc.docscrape import ClassDoc, FunctionDoc

import ave_sklearn


def public_modules():
    """Return the package and its modules that say what of them is public, by name."""
    names = [module.name for module in pkgutil.walk_packages(ave_sklearn.__path__, "ave_sklearn.")]
    public = [name for name in names if "._" not in name and not name.endswith("conftest")]
    modules = [ave_sklearn, *map(import_module, public)]
    return {module.__name__: module for module in modules if hasattr(module, "__all__")}


EVERY_MODULE = public_modules()
EVERY_NAME = {
    f"{module}.{name}": getattr(thing, name) for module, thing in EVERY_MODULE.items() for name in thing.__all__
}
EVERY_NAME |= EVERY_MODULE
PUBLIC = {name: thing for name, thing in EVERY_NAME.items() if inspect.isclass(thing) or inspect.isfunction(thing)}
PARSER = doctest.DocTestParser()
written_below = load_script("docs/_ext/docstrings.py").written_below  # constants, as the site shows them


def documented_parameters(thing):
    """Return the type line of each documented parameter, and the class that its description refers to."""
    doc = ClassDoc(thing) if inspect.isclass(thing) else FunctionDoc(thing)
    names = {}
    for entry in doc["Parameters"]:
        reference = re.match(r"(?:As in|See) :class:`(\w+)`", " ".join(entry.desc))
        home = reference and next(thing for name, thing in PUBLIC.items() if name.endswith("." + reference.group(1)))
        names.update({name.strip().lstrip("*"): (entry.type, home) for name in entry.name.split(",")})
    return names


@pytest.mark.parametrize("name", PUBLIC)
def test_parameters_and_defaults_agree_with_the_signature(name):
    signature = inspect.signature(PUBLIC[name])
    documented = documented_parameters(PUBLIC[name])
    assert list(signature.parameters) == list(documented)
    for parameter in signature.parameters.values():
        kind, home = documented[parameter.name]
        stated = re.search(r"default=(.+)$", kind)
        if stated and parameter.default is not inspect.Parameter.empty:
            written = repr(parameter.default), f'"{parameter.default}"', getattr(parameter.default, "__name__", "")
            assert stated.group(1).strip("`") in written, parameter.name
        elif home and not kind:  # several parameters in a line, documented elsewhere
            assert inspect.signature(home).parameters[parameter.name].default == parameter.default, parameter.name
        elif parameter.kind is parameter.KEYWORD_ONLY and parameter.default is not inspect.Parameter.empty:
            assert stated, f"{parameter.name} has no documented default"


@pytest.mark.parametrize("name", ["PSPLocalizer", "WeakPSPLocalizer", "EventLocalizer", "WeakEventLocalizer"])
def test_fitted_attributes_are_documented(name, pooled):
    estimator = getattr(ave_sklearn, name)
    fitted = estimator(max_epochs=1).fit(*pooled)
    documented = {name.strip() for entry in ClassDoc(estimator)["Attributes"] for name in entry.name.split(",")}
    public = {name for name in vars(fitted) if name.endswith("_") and not name.startswith("_")}
    assert public <= documented
    assert documented - public == {"feature_names_in_", "net_"}
    assert fitted.net_.module_ is not None  # a property


def is_constant(thing):
    """Whether Python keeps no docstring of its own for `thing`."""
    return not (inspect.isclass(thing) or inspect.isfunction(thing) or inspect.ismodule(thing))


def docstring(name):
    """Return the text of a public name's page."""
    thing = EVERY_NAME[name]
    return "\n".join(written_below(name.rpartition(".")[2])) if is_constant(thing) else inspect.getdoc(thing)


@pytest.mark.parametrize("name", EVERY_NAME)
def test_there_is_an_example(name):
    _, heading, examples = docstring(name).rpartition("Examples\n--------\n")
    assert heading
    assert [example for example in PARSER.get_examples(examples) if not example.options.get(doctest.SKIP)]


@pytest.mark.parametrize("name", [name for name, thing in EVERY_NAME.items() if not is_constant(thing)])
def test_doctest_finds_the_example(name):
    thing = EVERY_NAME[name]
    module = thing if inspect.ismodule(thing) else sys.modules[thing.__module__]
    wanted = module.__name__ if thing is module else f"{module.__name__}.{thing.__qualname__}"
    assert Path(module.__file__).is_relative_to(Path(ave_sklearn.__file__).parent)  # which pytest walks through
    assert wanted in {found.name for found in doctest.DocTestFinder(recurse=thing is not module).find(module)}


@pytest.mark.parametrize("name", [name for name, thing in EVERY_NAME.items() if is_constant(thing)])
def test_the_example_of_a_constant_runs(name):
    runner = doctest.DocTestRunner(verbose=False)
    runner.run(PARSER.get_doctest(docstring(name), {}, name, None, 0))
    assert runner.tries and not runner.failures


def test_the_reference_lists_every_name_once():
    pages = [read_document(f"docs/api/{page}") for page in ("index.rst", "nn.rst")]
    block = r"^\.\. currentmodule:: (\S+)\n\n\.\. autosummary::\n(?:   :.+\n)+\n((?:   \w+\n)+)"
    lists = re.findall(block, "\n".join(pages), re.MULTILINE)
    listed = [f"{module}.{name}" for module, names in lists for name in names.split()]
    names = {}  # a thing that several modules have is listed under one of its names
    for name, thing in EVERY_NAME.items():
        if not inspect.ismodule(thing):
            names.setdefault(id(thing), name)
    assert sorted(names.get(id(EVERY_NAME.get(name)), name) for name in listed) == sorted(names.values())
