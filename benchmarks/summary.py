"""What of the paper's claims the kept fits show: a claim a row, in the tables of docs/what_reproduces.md.

``python benchmarks/summary.py`` reads the fits in ``benchmarks/results`` and prints the tables in seconds; it fits
nothing and needs no data. Each figure is a difference of segment accuracy in points with its 95 % interval, as
``tables.py`` has it, signed so that it is positive where the fits agree with the paper, and bold where the interval
lacks 0.
"""

from pathlib import Path
from typing import NamedTuple

import tables
from _systems import TABLES

RESULTS = Path(__file__).resolve().parent / "results"
DATA = {"AV-Digits": ("av_digits", 6, [1, 2, 4]), "AVE-ESC10": ("ave_esc10", 2, [4])}  # folder, folds, tables
PSP_BEYOND = [  # what helps, the number of its table, and the variant of PSP without it
    ("Propagation: PSP minus w/o PSP", 1, "psp-tau=None"),
    ("Cutting: PSP minus ASP", 1, "psp-tau=-inf"),
    ("Cutting: PSP minus WPSP", 1, "psp-tau=0"),
    ("No self-attention: PSP minus SAPSP", 1, "psp-self_attention=True"),
    ("Pair similarity loss, in PSP", 2, "psp-lam=0"),
    ("Weighting branch, in PSP", 2, "psp-weighting=False"),
]
AVEL_WITH = [  # what helps, and AVEL with it
    ("Pair similarity loss, in AVEL", "full-avel-lam=10"),
    ("Weighting branch, in AVEL", "weak-avel-weighting=True"),
]
RIGHT_CATEGORY = 82.2  # per cent, on AVE's test split; examples/ave_baselines.py prints it


class Claim(NamedTuple):
    """A row of the summary.

    Attributes
    ----------
    text, data, supervision : str
    paper : float
        The difference that the paper reports, in points.
    validation : tables.Difference or None
        Of the two systems on the validation videos.
    test : tables.Difference
    """

    text: str
    data: str
    supervision: str
    paper: float
    validation: tables.Difference | None
    test: tables.Difference


def read_results(folder, folds, numbers):
    """Return the kept results of a folder, of the systems of the tables with these numbers."""
    file = RESULTS / folder / "fits.jsonl"
    rows = {row.key: row for number in numbers for row in TABLES[number]()}
    data = tables.kept_data(file)
    fits = tables.run(list(rows.values()), None, data, folds, {}, file, 1, may_fit=False)
    return tables.Results(fits, folds, same_videos=data != tables.AV_DIGITS)


def reported(number, key):
    """Return the accuracy that the paper reports of a row in its table of that number."""
    return next(row.paper for row in TABLES[number]() if row.key == key)


def psp_minus(minus, key, supervision):
    """Return PSP's difference to a row: that of the tables, the other way round."""
    found = minus(key, f"{supervision}-psp")
    return tables.Difference(-found.mean, -found.high, -found.low)


def claims_of_ablations(results):
    """Return the claims of Tables 1 and 2."""
    found = []
    for text, number, change in PSP_BEYOND:
        keys = [row.key for row in TABLES[number]() if row.key.partition("-")[2] == change]
        for key in keys:
            supervision = key.split("-")[0]
            paper = reported(number, f"{supervision}-psp") - reported(number, key)
            cells = (psp_minus(minus, key, supervision) for minus in (results.validation_minus, results.minus))
            found.append(Claim(text, "AV-Digits", supervision, paper, *cells))
    for text, key in AVEL_WITH:
        supervision = key.split("-")[0]
        paper = reported(2, key) - reported(2, f"{supervision}-avel")
        cells = (minus(key, f"{supervision}-avel") for minus in (results.validation_minus, results.minus))
        found.append(Claim(text, "AV-Digits", supervision, paper, *cells))
    return found


def claims_of_systems(data, results):
    """Return the claims of Table 4: PSP beside the best other of the paper's systems, by its validation mean."""
    found = []
    for supervision in ("full", "weak"):
        psp = f"{supervision}-psp"
        others = [row for row in TABLES[4]() if row.supervision == supervision and row.paper and row.key != psp]
        best = max(others, key=lambda row: results.figures(row.key)["validation"].mean())
        paper = reported(4, psp) - max(row.paper for row in others)
        cells = (psp_minus(minus, best.key, supervision) for minus in (results.validation_minus, results.minus))
        text = f"Best system: PSP minus {best.label}"
        found.append(Claim(text, data, supervision, paper, *cells))
    text, paper = "PSP minus the right category", reported(4, "full-psp") - RIGHT_CATEGORY
    return [*found, Claim(text, data, "full", paper, None, psp_minus(results.minus, "oracle", "full"))]


def all_claims(results):
    """Return the rows of the summary, of the results by their data set."""
    of_systems = [claim for name in DATA for claim in claims_of_systems(name, results[name])]
    return claims_of_ablations(results["AV-Digits"]) + of_systems


def cell(difference):
    """Return a difference as a cell of one line, bold where it is seen."""
    if difference is None:
        return ""
    text = str(difference).replace(" ", "\N{NO-BREAK SPACE}")
    return f"**{text}**" if difference.seen else text


def to_markdown(claims):
    """Return the summary as Markdown, a table for each data set and supervision."""
    found = {}
    for claim in claims:
        cells = [claim.text, f"{claim.paper:+.1f}", cell(claim.validation), cell(claim.test)]
        title = f"{claim.data}, {claim.supervision} supervision"
        head = [[title, "paper", "validation videos", "test videos"], ["---"] * 4]
        found.setdefault(title, head).append(cells)
    return "\n\n".join("\n".join("| " + " | ".join(row) + " |" for row in rows) for rows in found.values())


def main():
    """Print the tables."""
    print(to_markdown(all_claims({name: read_results(*place) for name, place in DATA.items()})))


if __name__ == "__main__":
    main()
