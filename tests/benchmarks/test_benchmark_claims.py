"""docs/benchmarks.md and docs/what_reproduces.md: numbers and verdicts of their prose are those of the kept fits.

`CLAIMS` makes sentences of the first anew, with what is computed in « ». Each must stand in the document, and no
number and no word of `TOKEN` may stand there that neither a sentence computes nor `CONSTANTS` holds. The second, the
summary, has `claims_of_the_summary` and `SUMMARY_CONSTANTS`, and its tables are what benchmarks/summary.py prints. So a
new sentence needs a claim, and where new fits contradict one, the failure prints it as they have it.
"""

import importlib
import re
from dataclasses import replace
from inspect import signature

import numpy as np
import pytest
from documents import ROOT, read_document
from scipy import stats

from ave_sklearn import PSPLocalizer, WeakPSPLocalizer
from ave_sklearn.nn import NETWORKS
from ave_sklearn.nn.systems.psp import DROPOUT

DOCUMENT = read_document("docs/benchmarks.md")
SUMMARY = read_document("docs/what_reproduces.md")
NO_FITS = ("Loading AVE's files", "Extraction")  # sections of scripts that keep no file
SUPERVISIONS = {"full": "full supervision", "weak": "weak supervision"}
EPOCH_SECONDS, EPOCH_VIDEOS = 19, 3339  # of PSP at the AVE dataset's sizes, float32, two cores: docs/speed.md

NAMES = re.compile(
    r"`[^`]*`|\(\S+\.(?:md|py)\S*\)|\bTables? \d(?: to \d|-\d)?|\bEq\. \d+|AVE-ESC10|ESC-10|Caltech-101|"
    r"EfficientNet-Lite0|\bW2\b|float32|PyTorch 2\.13|95 %"
)
WORDS = "two three four five six seven eight nine ten twice half third fourth fifth sixth seventh eighth ninth"
TOKEN = re.compile(
    rf"[+-]?\d(?:[\d,.]*\d)?|\b(?:{WORDS.replace(' ', '|')})\b|\b(?:not )?seen\b|"
    r"\b(?:ahead|behind|level|highest|higher|lowest|lower|best|beats?|better|worse)\b",
    re.IGNORECASE,
)
CONSTANTS = {  # what no kept fit holds, and why it may stand there
    "(7.7 GB on a file-sharing site)": "of its page",
    "PSP's to 1e-6, AVEL's, DMRN's, CMRAN's, CMBS's and CACE-Net's to 1e-7": "of tests/nn/test_parity.py",
    "the paper's four tables": "a name",
    "3 x 3 scene of written ones; six speakers; 1,000 training, 200 validation": "datasets/_digits_recipe.py",
    "maps, 7 x 7 x 128": "the shape of its features",
    "maps are of 7 x 7": "the shape of its features",
    "8 classes, 600 / 150 /": "its sizes",
    "one in twenty": "of intervals of 95 %",
    "lacks 0": "zero",
    "has 0": "zero",
    "difference is *seen*": "a definition",
    "and *not seen*": "a definition",
    "that are not seen: they do not show": "a definition",
    "Where two differences stand together": "a rule of the text",
    "PSP is the best system": "a claim of the paper's",
    "read by six voices": "the speakers",
    "by one voice and by four": "the speakers",
    "fitted six times": "a rule of the script",
    "four are for training": "a rule of the script",
    "over the six speakers": "a rule of the script",
    "best validation score": "a rule of the script",
    "two cores": "of the machine",
    "over the two seeds": "the options of the command",
    "Two seeds on one split": "the options of the command",
    "the first three speakers with weak supervision": "noted when they were fitted",
    "three seeds": "a rule of the script",
    "rows of three fits": "a rule of the script",
    "two fits side by side": "a rule of the script",
    "printed 0.804 and 0.820": "noted when they were printed",
    "three of the six test speakers": "the options of the command",
    "where the paper has 100": "its section 5.1",
    "where the release has 256": "the authors' code",
}
SUMMARY_CONSTANTS = {
    "(7.7 GB on a file-sharing site)": "of its page",
    "to 1e-6 or closer": "of tests/nn/test_parity.py",
    "two sets of real recordings": "AV-Digits and AVE-ESC10",
    "PSP as the best system": "a claim of the paper's",
    "claims of Tables 1 and 2": "a name",
    "lacks 0: the difference is *seen*": "a definition",
    "What is not seen may be there all the same": "a definition",
    "of many intervals some lack 0": "of intervals of 95 %",
    "read by six voices": "the speakers",
    "which has the highest validation mean here": "a rule of the script",
    "As for the best system": "a claim of the paper's",
    "the paper's figure is its lead over its own second": "a rule of the script",
}


# --------------------------------------------------------------------------------- the document
def read_prose(text):
    """Return the prose of a document without tables, code, headings and the sections of `NO_FITS`, spaces joined."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    sections = re.split(r"^#+ (.*)$", text, flags=re.MULTILINE)
    bodies = dict(zip(sections[1::2], sections[2::2], strict=True))
    lines = "\n".join(body for title, body in bodies.items() if title not in NO_FITS).split("\n")
    kept = [line for line in lines if not re.match(r"\||† |\*\*Table \d\.\*\*", line)]
    return " ".join(" ".join(kept).split())


def computed_spans(claim, prose):
    """Return where in `prose` the pieces in « » of a claim stand, one list an occurrence."""
    pieces = re.split("[«»]", claim)  # every second one was computed
    ends = np.cumsum([len(piece) for piece in pieces])
    inner = [(end - len(piece), end) for piece, end in zip(pieces[1::2], ends[1::2], strict=True)]
    starts = [match.start() for match in re.finditer(re.escape("".join(pieces)), prose)]
    return [[(start + a, start + b) for a, b in inner] for start in starts]


def problems(prose, claims, constants=CONSTANTS):
    """Return what is wrong with a document's prose, a list of texts."""
    found, allowed = [], [match.span() for match in NAMES.finditer(prose)]
    for claim in claims:
        occurrences = computed_spans(claim, prose)
        if len(occurrences) != 1:
            found.append(f"stands there {len(occurrences)} times: {re.sub('[«»]', '', claim)}")
        allowed += [span for spans in occurrences for span in spans]
    for phrase in constants:
        spans = [match.span() for match in re.finditer(re.escape(phrase), prose)]
        allowed += spans
        if not spans:
            found.append(f"CONSTANTS has what does not stand there: {phrase}")
    for match in TOKEN.finditer(prose):
        if not any(start <= match.start() and match.end() <= end for start, end in allowed):
            context = prose[max(match.start() - 60, 0) : match.end() + 30]
            found.append(f"nothing computes {match.group()!r} in: ...{context}...")
    return found


# --------------------------------------------------------------------------------- words
def c(value):
    """Mark what is computed."""
    return f"«{value}»"


def verdict(difference):
    return c("seen" if difference.seen else "not seen")


def shown(difference):
    """A difference with its interval and verdict."""
    return f"{c(difference)}, {verdict(difference)}"


def pair(results, key, other):
    """The differences on the validation videos and on the test videos."""
    return f"{c(results.validation_minus(key, other))} and {c(results.minus(key, other))}"


def listed(words):
    words = list(words)
    return ", ".join(words[:-1]) + " and " + words[-1] if len(words) > 1 else words[0] if words else "none"


NUMBERS = {3: "three", 4: "four", 6: "six", 8: "eight", 9: "nine"}
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")


def rank(values, key):
    """The place of `key` among `values`, a dict, the highest first."""
    return sorted(values, key=values.get, reverse=True).index(key)


def where_seen(cells, sign):
    """Where differences with the given sign are seen: `cells` has them by (supervision, split)."""
    assert all(not difference.seen or np.sign(difference.mean) == sign for difference in cells.values())
    places = [place for place, difference in cells.items() if difference.seen]
    if not places:
        return c("not seen")
    phrases = []
    for supervision, name in SUPERVISIONS.items():
        splits = [f"on the {split} videos" for place, split in places if place == supervision]
        if splits:
            phrases.append(f"with {name} {listed(splits)}")
    return c("seen " + listed(phrases))


# --------------------------------------------------------------------------------- the fits
@pytest.fixture(scope="module")
def benchmarks():
    """The scripts `tables`, `_systems` and `summary` as modules."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        yield [importlib.import_module(name) for name in ("tables", "_systems", "summary")]


@pytest.fixture(scope="module")
def kept(benchmarks):
    """The results on AV-Digits, those of its three speakers, and those on AVE-ESC10."""
    read = benchmarks[2].read_results
    return {
        "AV-Digits": read("av_digits", 6, [1, 2, 3, 4]),
        "three": read("av_digits", 3, [5]),
        "AVE-ESC10": read("ave_esc10", 2, [4, 5]),
    }


@pytest.fixture(scope="module")
def rows(benchmarks, kept):
    """The rows of each table, by its number, of which fits are kept."""
    tables = {number: make() for number, make in benchmarks[1].TABLES.items()}
    absent = {short(system) for systems in tables.values() for system in systems if not has_fits(kept, system)}
    text = " ".join(DOCUMENT.split())
    said = re.search("they have no rows of (.+?) yet", text)
    assert absent == (set(re.split(", | and ", said[1])) if said else set())
    return {number: [system for system in systems if has_fits(kept, system)] for number, systems in tables.items()}


def has_fits(kept, system):
    return any(system.key in results for results in kept.values())


def short(system):
    return {"AVEL, DMRN fusion": "DMRN", "BiLSTM, no attention": "BiLSTM"}.get(system.label, system.label)


def networks(rows, supervision, paper=False):
    """The rows of Table 4 that are trained; with `paper` those that the paper has."""
    found = [system for system in rows[4] if system.supervision == supervision and system.network is not None]
    return [system for system in found if system.paper is not None or not paper]


def means(results, systems, split):
    if split == "test":
        return {system.key: results.accuracy(system.key).mean() for system in systems}
    return {system.key: results.figures(system.key)["validation"].mean() for system in systems}


def differences(results, supervision, rows):
    """What each system of Table 4 is beyond PSP, by split and by its short name."""
    others = [system for system in networks(rows, supervision) if not system.key.endswith("-psp")]
    psp = f"{supervision}-psp"
    return {
        "validation": {short(system): results.validation_minus(system.key, psp) for system in others},
        "test": {short(system): results.minus(system.key, psp) for system in others},
    }


def place(results, supervision, rows, split):
    """PSP's place in Table 4 by its mean."""
    order = rank(means(results, networks(rows, supervision), split), f"{supervision}-psp")
    return c("highest" if order == 0 else f"{ORDINALS[order]} highest")


def unseen(found):
    return c(listed(name for name, difference in found.items() if not difference.seen or difference.mean > 0))


def times(results, key, column):
    """By how much a row needs more than PSP, of the means."""
    psp = f"{key.split('-')[0]}-psp"
    return results.figures(key)[column].mean() / results.figures(psp)[column].mean()


# --------------------------------------------------------------------------------- the claims
def claims_about_the_data(kept, rows):
    paper = {system.key: system.paper for system in networks(rows, "full") + networks(rows, "weak")}
    yield f"the paper's {c(paper['full-psp'])} % and {c(paper['weak-psp'])} % are neither confirmed nor refuted here"
    digits, esc = (kept[name].of("full-psp")[0].right for name in ("AV-Digits", "AVE-ESC10"))
    yield f"six speakers; 1,000 training, 200 validation and {c(len(digits))} test videos"
    yield f"600 / 150 / {c(len(esc))} videos"
    yield f"one set of {c(len(digits))} scenes"
    yield f"a bootstrap over the {c(len(esc))} test videos"


def claims_about_intervals(kept, rows):
    for name, folds in (("six", 6), ("three", 3)):
        factor = stats.t.ppf(0.975, folds - 1)
        yield f"over {c(name)} speakers it reaches {c(f'{factor:.1f}')} standard errors to either side"
    yield f"over the two seeds, which reaches {c(f'{stats.t.ppf(0.975, 1):.1f}')} standard errors to either side"
    systems = {system.key: system for number in (1, 2, 3, 4) for system in rows[number]}
    differences = {
        key: kept["AV-Digits"].minus(key, f"{system.supervision}-psp")
        for key, system in systems.items()
        if not key.endswith("-psp")
    }
    seen = [key for key, difference in differences.items() if difference.seen]
    assert [key for key in seen if "-psp-" in key] == ["full-psp-self_attention=True"]
    yield f"""Of the {c(len(differences))} rows of Tables 1 to 4 on AV-Digits that are not PSP's, {c(len(seen))} differ
        from it in an interval of the test videos that lacks 0; of PSP's own variants there,
        {c("SAPSP with full supervision")} alone does."""


def claims_about_the_best_system(kept, rows):
    digits, esc = kept["AV-Digits"], kept["AVE-ESC10"]
    found = differences(digits, "full", rows)
    validation, test = (place(digits, "full", rows, split) for split in ("validation", "test"))
    yield (
        f"With full supervision on AV-Digits it has the {validation} mean on the validation videos and the {test} on "
        f"the "
        f"test videos. Its lead is {c('not seen')} over {unseen(found['validation'])} on the former, and over "
        f"{unseen(found['test'])} on the latter"
    )
    found = differences(esc, "full", rows)
    seen = [name for name, difference in found["validation"].items() if difference.seen and difference.mean < 0]
    validation, test = (place(esc, "full", rows, split) for split in ("validation", "test"))
    yield (
        f"With full supervision on AVE-ESC10 it has the {validation} mean on the validation videos and the {test} on "
        f"the "
        f"test videos. Its lead is {c('seen')} over {c(listed(seen))} alone on the former, and {c('not seen')} over "
        f"{unseen(found['test'])} on the latter; AVT minus PSP is {pair(esc, 'full-avt', 'full-psp')}"
    )
    for results in (digits, esc):
        order = means(results, networks(rows, "weak"), "validation")
        assert [rank(order, f"weak-{name}") for name in ("avt", "avrb", "psp")] == [0, 1, 2]
    yield (
        f"With weak supervision its validation mean is the {c('third')} on both, {c('behind')} those of AVT and "
        f"AVRB. AVT "
        f"minus PSP is {pair(digits, 'weak-avt', 'weak-psp')} on AV-Digits, {pair(esc, 'weak-avt', 'weak-psp')} on "
        f"AVE-ESC10; AVRB minus PSP is {pair(digits, 'weak-avrb', 'weak-psp')}, and "
        f"{pair(esc, 'weak-avrb', 'weak-psp')}"
    )
    seen = [
        (name, split)
        for name, results in (("AV-Digits", digits), ("AVE-ESC10", esc))
        for split, found in differences(results, "weak", rows).items()
        for system in ("AVT", "AVRB")
        if found[system].seen
    ]
    assert seen == [("AVE-ESC10", "test")] * 2
    yield f"Both leads are {c('seen')} on the test videos of AVE-ESC10 alone"
    seconds, parameters = (range_of_times((digits, esc), "avt", column) for column in ("seconds", "parameters"))
    yield f"AVT takes {seconds} times PSP's time and has {parameters} times its parameters"
    seconds, parameters = (range_of_times((digits, esc), "avrb", column) for column in ("seconds", "parameters"))
    yield f"AVRB {seconds} times and {parameters} times"


def range_of_times(kept, system, column):
    """The least and the most that a system's column is of PSP's, over data sets and supervisions."""
    found = [times(results, f"{supervision}-{system}", column) for results in kept for supervision in SUPERVISIONS]
    return f"{c(f'{min(found):.1f}')} to {c(f'{max(found):.1f}')}"


def claims_about_a_baseline(kept, rows):
    digits, esc = (kept[name].minus("oracle", "full-psp") for name in ("AV-Digits", "AVE-ESC10"))
    yield (
        f"Minus PSP with full supervision it is {shown(digits)}, on the test videos of AV-Digits, and {shown(esc)}, on "
        "those of AVE-ESC10"
    )


def claims_about_the_order(kept, rows):
    places, papers = {}, {}
    for supervision in SUPERVISIONS:
        systems = networks(rows, supervision, paper=True)
        papers[supervision] = {system.key: system.paper for system in systems}
        for name in ("AV-Digits", "AVE-ESC10"):
            places[name, supervision] = means(kept[name], systems, "validation")
    assert {rank(papers[supervision], f"{supervision}-cmran") for supervision in SUPERVISIONS} == {1}
    cmran = {cell: rank(values, f"{cell[1]}-cmran") for cell, values in places.items()}
    numbers = {supervision: NUMBERS[len(papers[supervision])] for supervision in SUPERVISIONS}
    last = [cell for cell, order in cmran.items() if order == len(places[cell]) - 1]
    assert set(cmran) - set(last) == {("AVE-ESC10", "full")}
    yield (
        f"CMRAN, the paper's second, has the {c(ORDINALS[cmran['AVE-ESC10', 'full']] + ' highest')} validation mean "
        f"of the "
        f"paper's {c(numbers['full'])} systems with full supervision on AVE-ESC10, and the {c('lowest')} in the other "
        f"{c(NUMBERS[len(last)])} comparisons"
    )
    ranks = [rank(papers["weak"], f"weak-{name}") for name in ("avt", "avrb")]
    for name in ("AV-Digits", "AVE-ESC10"):
        assert [rank(places[name, "weak"], f"weak-{system}") for system in ("avt", "avrb")] == [0, 1]
    yield (
        f"AVT and AVRB, the paper's {c(ORDINALS[ranks[0]])} and {c(ORDINALS[ranks[1]])} of {c(numbers['weak'])} with "
        f"weak "
        f"supervision, have the {c('two highest')} there on both data sets"
    )


def ablation(results, key, sign):
    """Where the difference of a variant to PSP is seen, and all four."""
    cells = {}
    for supervision in SUPERVISIONS:
        names = f"{supervision}-psp-{key}", f"{supervision}-psp"
        cells[supervision, "validation"] = results.validation_minus(*names)
        cells[supervision, "test"] = results.minus(*names)
    figures = [pair(results, f"{supervision}-psp-{key}", f"{supervision}-psp") for supervision in SUPERVISIONS]
    return where_seen(cells, sign), f"{figures[0]}, with weak supervision {figures[1]}"


def claims_about_the_ablations(kept, rows):
    results = kept["AV-Digits"]
    seen, figures = ablation(results, "tau=None", -1)
    yield f'*Propagation helps* (Table 1): {seen}. "w/o PSP" minus PSP: {figures}.'
    (asp, of_asp), (wpsp, of_wpsp) = (ablation(results, f"tau={tau}", -1) for tau in ("-inf", "0"))
    yield (
        f"*Cutting connections helps* (ASP and WPSP in Table 1, tau in Table 3): the lead over ASP is {asp}, that "
        f"over WPSP "
        f"{wpsp}. ASP minus PSP: {of_asp}. WPSP minus PSP: {of_wpsp}."
    )
    seen, figures = ablation(results, "self_attention=True", -1)
    paper = {system.key: system.paper for system in rows[1]}
    less = [paper[f"{s}-psp"] - paper[f"{s}-psp-self_attention=True"] for s in SUPERVISIONS]
    yield (
        f"*Self-attention hurts* (SAPSP in Table 1): {seen}. SAPSP minus PSP: {figures}; the paper has "
        f"{c(f'{-less[0]:.1f}')} and {c(f'{-less[1]:.1f}')}."
    )


def claims_about_the_threshold(kept, rows):
    results = kept["AV-Digits"]
    over = {}
    for supervision in SUPERVISIONS:
        systems = [system for system in rows[3] if system.supervision == supervision]
        assert rank(means(results, systems, "validation"), f"{supervision}-psp") == 0
        for split, minus in (("validation", results.validation_minus), ("test", results.minus)):
            others = [system for system in systems if not system.key.endswith("-psp")]
            found = {system.label: minus(system.key, f"{supervision}-psp") for system in others}
            labels = [label for label, difference in found.items() if difference.seen and difference.mean < 0]
            over[supervision, split] = [label.removeprefix("tau=") for label in labels]
    seen = over.pop(("full", "validation"))
    assert not any(over.values())
    yield (
        f"`tau=0.095` has the {c('highest')} validation mean of the thresholds with both kinds of supervision, as in "
        f"the "
        f"paper. With full supervision its lead over {c(listed(seen))} is {c('seen')} on the validation videos; no "
        f"other "
        f"lead of it is {c('seen')}."
    )
    paper = {system.key: system.paper for system in rows[3]}
    for supervision in SUPERVISIONS:
        keys = [system.key for system in rows[3] if system.supervision == supervision]
        ours = means(results, [system for system in rows[3] if system.supervision == supervision], "validation")
        assert sorted(keys, key=ours.get) != sorted(keys, key=paper.get)
    yield "The order of the other thresholds is not the paper's."


def claims_about_the_pair_loss(kept, rows):
    results = kept["AV-Digits"]
    rows = {"PSP": ("full-psp", "full-psp-lam=0"), "AVEL": ("full-avel-lam=10", "full-avel")}
    seen, figures = two_systems(results, rows)
    by_speaker = 100 * np.subtract(*(results.figures(key)["validation"] for key in rows["AVEL"]))
    yield (
        f"*The pair similarity loss helps* (Table 2): on PSP {seen['PSP']}, on AVEL {seen['AVEL']}. With it minus "
        f"without "
        f"it: {figures}. Of AVEL's gains on the validation videos one speaker has {c(f'{max(by_speaker):.1f}')}."
    )
    rows = {"PSP": ("weak-psp", "weak-psp-weighting=False"), "AVEL": ("weak-avel-weighting=True", "weak-avel")}
    seen, figures = two_systems(results, rows)
    assert len(set(seen.values())) == 1
    yield f"*The weighting branch helps* (Table 2): {seen['PSP']} on either. With it minus without it: {figures}."


def two_systems(results, rows):
    """Where the gain of each system is seen, and the figures of both."""
    seen = {}
    for name, keys in rows.items():
        cells = {"validation": results.validation_minus(*keys), "test": results.minus(*keys)}
        assert all(not difference.seen or difference.mean > 0 for difference in cells.values())
        places = [f"on the {split} videos" for split, difference in cells.items() if difference.seen]
        seen[name] = c(f"seen {listed(places)}" if places else "not seen")
    return seen, "; ".join(f"{name} {pair(results, *keys)}" for name, keys in rows.items())


def claims_about_dropout(kept, rows):
    systems = [system for system in networks(rows, "full") if isinstance(system.network, str)]
    rates = {short(row): signature(NETWORKS[row.network]).parameters["dropout"].default for row in systems}
    none, own = ([name for name, rate in rates.items() if rate == value] for value in (0, None))
    assert DROPOUT["full"] == 0 < DROPOUT["weak"] and set(own) == {"PSP", "CPSP"}
    yield f"none in {c(listed(none))}, and with full supervision none in PSP and CPSP"


def changed(results, supervision, change):
    """The differences of a row of Table 5 to PSP."""
    return pair(results, f"{supervision}-psp-{change}", f"{supervision}-psp")


SEEN_ON_VALIDATION = ["full-psp-dropout=0.4", "full-psp-feature_dropout=0.0"]  # of Table 5
SEEN_ON_TEST = [
    f"full-psp-{name}" for name in ("feature_dropout=0.6", "batch_size=8", "lr_schedule=constant", "xavier")
]


def claims_about_table_5(kept, rows):
    results = kept["three"]
    keys = [system.key for system in rows[5] if not system.key.endswith("-psp")]
    validation = {key: results.validation_minus(key, f"{key[:4]}-psp") for key in keys}
    test = {key: results.minus(key, f"{key[:4]}-psp") for key in keys}
    seen = [[key for key, difference in found.items() if difference.seen] for found in (validation, test)]
    assert seen == [SEEN_ON_VALIDATION, SEEN_ON_TEST]  # the verdicts of claims_about_the_defaults rest on it
    yield f"""Of its {c(len(keys))} differences {c(len(seen[0]))} are {c("seen")} on the validation videos and
        {c(len(seen[1]))} on the test videos"""
    assert [key for key in SEEN_ON_TEST if test[key].mean > 0] == ["full-psp-feature_dropout=0.6"]
    yield f"""On the test videos `feature_dropout=0.6` with full supervision is {c("ahead")} of the default by an
        interval that lacks 0, {c(test["full-psp-feature_dropout=0.6"])}"""
    higher = sorted((key for key in keys if validation[key].mean > 0), key=lambda key: -validation[key].mean)
    assert all(key.startswith("weak") for key in higher) and not set(higher) & set(SEEN_ON_VALIDATION)
    figures = ", ".join(f"`{key.removeprefix('weak-psp-')}` by {c(validation[key])}" for key in higher)
    yield f"""With full supervision no other recipe has a {c("higher")} validation mean. With weak supervision
        {c(NUMBERS[len(higher)])} have a {c("higher")} one, all {c("not seen")}: {figures}."""


def claims_about_the_defaults(kept, rows):
    results, esc = kept["three"], kept["AVE-ESC10"]
    full, weak = PSPLocalizer().get_params(), WeakPSPLocalizer().get_params()
    assert full["label_smoothing"] == weak["label_smoothing"] and full["hidden_size"] == weak["hidden_size"]
    unseen = c("not seen")
    yield f"labels are smoothed by {c(full['label_smoothing'])} in all rows"
    yield f"""`feature_dropout` is {c(full["feature_dropout"])}, with weak supervision {c(weak["feature_dropout"])}.
        `feature_dropout=0.0`: {changed(results, "full", "feature_dropout=0.0")}, with weak supervision
        {changed(results, "weak", "feature_dropout=0.0")}; the first is {c("seen")}, the others are {unseen}"""
    dropout = [minus("full-psp-dropout=0.2", "full-psp") for minus in (esc.validation_minus, esc.minus)]
    assert [difference.seen for difference in dropout] == [False, True]
    yield f"""`dropout` is {c(DROPOUT["full"])} with full supervision. `dropout=0.2`:
        {changed(results, "full", "dropout=0.2")} on AV-Digits, {unseen}; {changed(esc, "full", "dropout=0.2")} on
        AVE-ESC10, {c("seen")} on the test videos. With weak supervision it is {c(DROPOUT["weak"])}; `dropout=0.0`:
        {changed(results, "weak", "dropout=0.0")}, {unseen}"""
    yield f"""With Xavier's own size: {changed(results, "full", "xavier")}, {c("seen")} on the test videos; with weak
        supervision {changed(results, "weak", "xavier")}, {unseen}"""
    six = kept["AV-Digits"]
    loss = [minus("full-psp-lam=0", "full-psp") for minus in (six.validation_minus, six.minus)]
    assert [difference.seen for difference in loss] == [True, False]
    yield f"""`lam` is {c(round(full["lam"]))}, where the paper has 100. `lam=0`: {c(loss[0])} and {c(loss[1])} over
        {c(NUMBERS[six.n_folds])} speakers (Table 2), {c("seen")} on the validation videos; `lam=100`:
        {changed(results, "full", "lam=100")}, {unseen}"""
    wide = [f"{supervision}-psp-hidden_size=256" for supervision in SUPERVISIONS]
    sizes, seconds = ([round(100 / times(results, key, name)) for key in wide] for name in ("parameters", "seconds"))
    yield f"""`hidden_size` is {c(full["hidden_size"])}, where the release has 256 and the paper does not say.
        `hidden_size=256`: {changed(results, "full", "hidden_size=256")}, with weak supervision
        {changed(results, "weak", "hidden_size=256")}, {unseen}. The default has {c(*set(sizes))} % of its parameters,
        and takes {c(seconds[0])} % of its time with full and {c(seconds[1])} % with weak supervision"""
    yield f"""By each feature's own: {changed(results, "full", "scaled")}, with weak supervision
        {changed(results, "weak", "scaled")}, {unseen}"""
    shorter, smaller = "max_epochs=20", "batch_size=8"
    names = [(f"weak-psp-{name}", "weak-psp") for name in (shorter, smaller)]
    assert not any(minus(*pair).seen for pair in names for minus in (esc.validation_minus, esc.minus))
    slower = [f"{times(data, names[1][0], 'seconds'):.1f}" for data in (results, esc)]
    yield f"""`max_epochs` is {c(weak["max_epochs"])} and `batch_size` {c(weak["batch_size"])} with weak supervision
        too. `{shorter}`: {changed(results, "weak", shorter)} on AV-Digits, {changed(esc, "weak", shorter)} on
        AVE-ESC10. `{smaller}`: {changed(results, "weak", smaller)}, and {changed(esc, "weak", smaller)}, in
        {c(slower[0])} and {c(slower[1])} times the time. All are {unseen}"""


def printed_accuracy():
    """The figures of the table of benchmarks/accuracy.py in the document: {(estimator, variant): numbers}."""
    rows, estimator = {}, None
    for line in re.findall(r"^.*(?:paper|released)(?: +\d+\.\d+){8}$", DOCUMENT, flags=re.MULTILINE):
        *name, variant = re.match(r"(?:(\w+) +)?(paper|released)", line.strip()).groups()
        estimator = name[0] or estimator
        rows[estimator, variant] = [float(number) for number in line.split()[-8:]]
    assert len(rows) == 4
    return rows


def claims_about_the_accuracy(kept, rows):
    table = printed_accuracy()
    validation, test = ({cell: numbers[i : i + 2] for cell, numbers in table.items()} for i in (0, 2))
    for figures in (validation, test):
        for estimator in ("PSPLocalizer", "WeakPSPLocalizer"):
            assert not differ(figures[estimator, "paper"], figures[estimator, "released"])
        assert differ(figures["PSPLocalizer", "paper"], figures["WeakPSPLocalizer", "paper"])
    yield (
        f"The difference of full to weak supervision is {c('seen')} with the paper's variant on both splits, that of "
        f"the "
        f"paper's variant to the released one is {c('not seen')} on either"
    )
    now = test["PSPLocalizer", "paper"][0]
    yield (
        f"printed 0.804 and 0.820 where the table has {c(f'{now:.3f}')}. The former differ in the last digits of sums "
        f"only, the table in its dropout masks too: what changes numbers and nothing else moves a mean of three seeds "
        f"by {c(f'{100 * abs(now - 0.820):.1f}')} points"
    )


def differ(first, second):
    """Whether two means of three seeds differ by Welch's test, each given with its standard deviation."""
    return stats.ttest_ind_from_stats(*first, 3, *second, 3, equal_var=False).pvalue < 0.05


def hours(results, systems):
    """Of all fits of these rows, on two cores."""
    keys = {system.key for system in systems}
    return sum(results.figures(key)["seconds"].sum() for key in keys) / 3600 / 2


def claims_about_time(kept, rows):
    digits, esc = kept["AV-Digits"], kept["AVE-ESC10"]
    every = [system for number in (1, 2, 3, 4) for system in rows[number]]
    yield f"A full rerun of all rows takes {c(f'{hours(digits, every):.1f}')} hours on two cores"
    yield f"A full rerun takes {c(f'{hours(esc, rows[4]):.1f}')} hours on two cores"
    estimators = PSPLocalizer(), WeakPSPLocalizer()
    (n_epochs,) = {estimator.max_epochs for estimator in estimators}
    needed = {}
    for key in {system.key for system in every if system.network is not None}:
        needed[key] = 3 * n_epochs * EPOCH_SECONDS * times(esc if key in esc else digits, key, "seconds") / 3600
    avt, cmran = (sum(needed[f"{supervision}-{name}"] for supervision in SUPERVISIONS) for name in ("avt", "cmran"))
    psp = sum(needed[f"{supervision}-psp"] for supervision in SUPERVISIONS)
    yield (
        f"it takes about {c(f'{sum(needed.values()):.0f}')} hours on two cores, of which AVT's rows are "
        f"{c(f'{avt:.0f}')} "
        f"and CMRAN's {c(f'{cmran:.0f}')}; PSP's own rows, `--only full-psp weak-psp`, take {c(f'{psp:.1f}')}"
    )
    yield (
        f"{c(len(needed))} trained rows of three fits with {c(n_epochs)} epochs; an epoch of PSP on "
        f"{c(f'{EPOCH_VIDEOS:,}')} "
        f"videos of the dataset's sizes takes about {c(EPOCH_SECONDS)} s in float32 on two cores"
    )


# --------------------------------------------------------------------------------- the summary
@pytest.fixture(scope="module")
def summary(benchmarks, kept):
    """The rows of the summary."""
    return benchmarks[2].all_claims(kept)


def n_seen(claims, split):
    """How many of the claims are seen, all of them as the paper has them."""
    found = [difference for claim in claims if (difference := getattr(claim, split)).seen]
    assert all(difference.mean > 0 for difference in found)
    return len(found)


def claims_of_the_summary(summary, kept, rows):
    paper = {system.key: system.paper for system in networks(rows, "full") + networks(rows, "weak")}
    yield f"so the paper's {c(paper['full-psp'])} % and {c(paper['weak-psp'])} % are neither confirmed nor refuted here"
    yield f"(speech and handwriting, {c(NUMBERS[kept['AV-Digits'].n_folds])} speakers)"
    yield f"the test videos of AV-Digits are over {c(NUMBERS[kept['AV-Digits'].n_folds])} speakers"
    yield f"the same {c(len(kept['AV-Digits'].of('full-psp')[0].right))} scenes"
    ablations = [claim for claim in summary if "minus the right" not in claim.text and "Best" not in claim.text]
    assert {claim.data for claim in ablations} == {"AV-Digits"}
    full, weak = ([claim for claim in ablations if claim.supervision == name] for name in SUPERVISIONS)
    validation, test = (c(n_seen(full, split)) for split in ("validation", "test"))
    yield f"""With full supervision {validation} of the {c(len(full))} claims of Tables 1 and 2 on AV-Digits are
        {c("seen")} on the validation videos, and {test} on the test videos."""
    assert n_seen(weak, "validation") == n_seen(weak, "test") == 0
    yield f"With weak supervision none of the {c(len(weak))} is {c('seen')} on either."
    yield from claims_of_psp_as_the_best(summary, kept)
    right = {claim.data: claim for claim in summary if "minus the right" in claim.text}
    assert all(claim.paper < 0 for claim in right.values())  # above every figure, as PSP has the highest
    assert max(system.paper for system in networks(rows, "full", paper=True)) == paper["full-psp"]


def claims_of_psp_as_the_best(summary, kept):
    """Of the rows on Table 4."""
    best = {(claim.data, claim.supervision): claim for claim in summary if "Best" in claim.text}
    other = {cell: claim.text.split(" minus ")[1] for cell, claim in best.items()}
    digits, esc = ((name, "full") for name in ("AV-Digits", "AVE-ESC10"))
    assert all(best[cell].validation.mean > 0 for cell in (digits, esc))
    assert not any(best[cell].validation.seen or best[cell].test.seen for cell in (digits, esc))
    yield f"""With full supervision no other system of the paper has a {c("higher")} validation mean, but the lead over
        the next one, {other[digits]} on AV-Digits and {other[esc]} on AVE-ESC10, is {c("not seen")}."""
    weak = [best[name, "weak"] for name in ("AV-Digits", "AVE-ESC10")]
    assert {other[claim.data, "weak"] for claim in weak} == {"AVT"}
    assert all(claim.validation.mean < 0 and not claim.validation.seen for claim in weak)
    assert [claim.test.seen and claim.test.mean < 0 for claim in weak] == [False, True]
    yield f"""With weak supervision AVT has a {c("higher")} one on both; it is {c("seen")} {c("ahead")} on the test
        videos of AVE-ESC10 alone."""


CLAIMS = [value for name, value in list(globals().items()) if name.startswith("claims_about")]


# --------------------------------------------------------------------------------- the tests
@pytest.fixture(scope="module")
def claims(kept, rows):
    return [" ".join(claim.split()) for make in CLAIMS for claim in make(kept, rows)]


def test_the_prose_says_what_the_kept_fits_say(claims):
    assert all(f"\n## {title}\n" in DOCUMENT for title in NO_FITS)
    found = problems(read_prose(DOCUMENT), claims)
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (r"has 12\.9", "has 12.8"),
        (r"-7\.6 \[", "-7.5 ["),
        (r"not seen over AVEL and AVRB", "not seen over AVRB"),
        (r"on AVEL not seen", "on AVEL seen"),
        (r"(?<=With weak supervision )four(?= have)", "two"),
        (r"about 36 hours", "about 30 hours"),
        (r"Compare accuracies", "PSP leads by 3.1 points. Compare accuracies"),
        (r"Compare accuracies", "The loss is seen to help. Compare accuracies"),
        (r"Compare accuracies", "PSP is twice as fast and AVT is better. Compare accuracies"),
        (r"read by six voices", "read by voices"),
    ],
)
def test_an_altered_document_is_noticed(claims, old, new):
    prose = read_prose(DOCUMENT)
    altered, n = re.subn(old, new, prose)
    assert n == 1 and len(problems(altered, claims)) > len(problems(prose, claims))


def test_altered_fits_are_noticed(kept, rows):
    """One of PSP's six fits that is 3 points better widens an interval, and changes what the document should say."""
    results, prose = kept["AV-Digits"], read_prose(DOCUMENT)
    fit = results.fits["full-psp", 4]
    better = fit._replace(about={**fit.about, "validation": fit.about["validation"] + 0.03})
    altered = replace(results, fits={**results.fits, ("full-psp", 4): better})
    found = problems(prose, claims_about_the_ablations({**kept, "AV-Digits": altered}, rows))
    assert any("Propagation helps* (Table 1): not seen" in problem for problem in found)


def summary_problems(prose, summary, kept, rows):
    claims = [" ".join(claim.split()) for claim in claims_of_the_summary(summary, kept, rows)]
    return problems(prose, claims, SUMMARY_CONSTANTS)


def test_the_summarys_prose_says_what_the_kept_fits_say(summary, kept, rows):
    found = summary_problems(read_prose(SUMMARY), summary, kept, rows)
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("supervision 4 of the 6", "supervision 5 of the 6"),
        ("but the lead over the next one, AVRB", "but the lead over the next one, AVT"),
        ("is not seen. With", "is seen. With"),
        ("the same 300 scenes", "the same scenes"),
        ("ASP cuts no", "PSP is better by 3.1 points. ASP cuts no"),
    ],
)
def test_an_altered_summary_is_noticed(summary, kept, rows, old, new):
    prose = read_prose(SUMMARY)
    assert prose.count(old) == 1
    assert summary_problems(prose.replace(old, new), summary, kept, rows)


def test_the_summarys_script_prints_its_tables(benchmarks, capsys):
    benchmarks[2].main()
    assert capsys.readouterr().out in SUMMARY
