"""The registry of systems, and every text that lists them."""

import inspect
import re

import pytest
from documents import read_document

from ave_sklearn import EventLocalizer
from ave_sklearn._systems import SYSTEMS
from ave_sklearn.cli.commands import build_parser
from ave_sklearn.nn import NETWORKS


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_row_agrees_with_its_class(name):
    system, network = SYSTEMS[name], NETWORKS[name]
    assert system.network() is network and system.class_name == network.__name__
    assert tuple(getattr(network, "supervisions", ("full", "weak"))) == system.supervisions
    year = f"{system.reference.split()[-1]} {system.year}"  # the venue, as the class's references have it
    assert re.search(rf"\b{year}\b", inspect.getdoc(network)), year


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_flat_system_has_logits_and_a_gated_one_an_event_gate(name):
    import torch

    net = NETWORKS[name](6, 5, 4, 4)
    outputs = net(torch.rand(2, 3, 6), torch.rand(2, 3, 2, 2, 5))
    assert ("event_logits" in outputs) == SYSTEMS[name].gated and ("logits" in outputs) != SYSTEMS[name].gated


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_docstring_lists_it(name):
    authors = SYSTEMS[name].reference.rpartition(", ")[0]
    line = next(line for line in inspect.getdoc(EventLocalizer).splitlines() if f'"{name}"' in line and "* " in line)
    assert f"{authors} {SYSTEMS[name].year}" in line
    gated = re.search(r'((?:"\w+",? (?:and )?)+)are gated', inspect.getdoc(EventLocalizer)).group(1)
    assert (f'"{name}"' in gated) == SYSTEMS[name].gated


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_guide_has_its_row(name):
    system = SYSTEMS[name]
    guide = read_document("docs/guide/systems.md").splitlines()
    (row,) = (line.split("|")[1:-1] for line in guide if line.startswith(f'| `"{name}"` |'))
    _, title, source, output, parameters = (cell.strip() for cell in row)
    assert f"{system.reference} {system.year}" in title or title.startswith("the same")
    assert (source, output) == (system.source, "gated" if system.gated else "flat")
    counts = [
        f"{sum(p.numel() for p in NETWORKS[name](128, 512, 29, 49, supervision=supervision).parameters()):,}"
        if supervision in system.supervisions
        else "none"
        for supervision in ("full", "weak")
    ]
    assert parameters == ", ".join(counts)


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_readme_names_it(name):
    readme = read_document("README.md")
    title = SYSTEMS[name].title.removeprefix("AVEL, ").removesuffix(" fusion")
    assert re.search(rf"\b{title}\b", readme)


def test_the_help_of_the_command_line_names_all(capsys):
    with pytest.raises(SystemExit):
        build_parser().parse_args(["fit", "--help"])
    text = capsys.readouterr().out
    assert all(re.search(rf"\b{name}\b", text) for name in SYSTEMS if name != "psp")
