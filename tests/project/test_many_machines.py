"""The page about several machines: its commands are commands, its code runs, and its sums are right."""

import re

import pytest
from documents import code_blocks, command_arguments, read_document

from ave_sklearn.cli.commands import build_parser

PAGE = read_document("docs/many_machines.md")
(COMMANDS,) = map(command_arguments, code_blocks(PAGE, "sh", mark="commands"))


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_command_of_the_page_is_one(arguments):
    assert build_parser().parse_args(arguments).command


def row(begin):
    """The figures at both sizes of a row of the table of costs."""
    (line,) = (line for line in PAGE.splitlines() if line.startswith(f"| {begin}"))
    return [float(re.search(r"[\d.,]+", cell).group().replace(",", "")) for cell in line.split("|")[2:4]]


def about(*values):
    return pytest.approx(values, rel=0.06)


def test_what_is_reckoned_is_multiplied_out_of_what_was_measured():
    videos, seconds = (4143, 100_000), 10
    for begin, cost in (("extraction, VGG-19", 6.74), ("extraction, EfficientNet", 0.40)):
        assert row(begin) == about(*(n * seconds * cost / 3600 for n in videos))
    assert row("features on disk") == about(*(n * seconds * (7 * 7 * 512 + 128) * 4 / 1e9 for n in videos))
    assert row("the same, averaged") == about(*(n * seconds * 640 * 4 / 1e9 for n in videos))
    epochs = 4143 * 5.14 / 1000, 100_000 * 7.77 / 1000
    assert row("an epoch with maps") == about(epochs[0], epochs[1] / 60)
    assert row("a fit of 40") == about(epochs[0] * 40 / 60, epochs[1] * 40 / 3600)
    search = [epoch * 40 * 0.8 * 30 / 3600 for epoch in epochs]
    assert row("a search of 6") == about(*search)
    assert row("the same on 8") == about(search[0] / 8 * 60, search[1] / 8)
    sent = [float(re.search(rf"^\| npy \| {n} \| \d+ \| (\d+) \|$", PAGE, flags=re.M).group(1)) for n in videos]
    assert row("sent by that search") == about(sent[0] * 30 / 1e3, sent[1] * 30 / 1e6)
    assert row("read by the workers") == about(*(n * seconds * 25216 * 4 * 0.8 * 1200 / 1e12 for n in videos))


def test_the_code_of_the_page_names_what_there_is():
    (code,) = code_blocks(PAGE, "python")
    imports = "\n".join(line for line in code.splitlines() if line.startswith(("import", "from")))
    exec(imports, found := {})
    assert callable(found["dask_client"])
