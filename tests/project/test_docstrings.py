"""Public docstrings: every parameter is documented, with the default that the signature has."""

import inspect
import re

import pytest
from numpydoc.docscrape import ClassDoc, FunctionDoc

import ave_sklearn
import ave_sklearn.datasets
import ave_sklearn.extraction
import ave_sklearn.inspection
import ave_sklearn.metrics
import ave_sklearn.model_selection
import ave_sklearn.nn

MODULES = [
    ave_sklearn,
    ave_sklearn.datasets,
    ave_sklearn.extraction,
    ave_sklearn.inspection,
    ave_sklearn.metrics,
    ave_sklearn.model_selection,
    ave_sklearn.nn,
]
PUBLIC = {f"{module.__name__}.{name}": getattr(module, name) for module in MODULES for name in module.__all__}
PUBLIC = {name: thing for name, thing in PUBLIC.items() if inspect.isclass(thing) or inspect.isfunction(thing)}


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
