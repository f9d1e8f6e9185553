"""Small text files to damage: those of a folder of features, event lists and Annotations.txt."""

import contextlib
import io
import json
from pathlib import Path

import joblib
from damaged_features import features, make_ave, read_ave
from damaged_rule import EITHER, REFUSED, WrongResultError

from ave_sklearn import AVFeatures
from ave_sklearn.cli import main
from ave_sklearn.datasets import read_events, to_segments

NAMES = ["a.mp4", "a.mp4", "b.mp4", "b.mp4", "dogs/c.mp4", "d.mp4"]
STARTS = [0, 3, 0, 6, 0, 0]
EVENTS = [("a.mp4", 0, 3, "dog"), ("a.mp4", 4, 5.5, "cat"), ("b.mp4", 1, 2, "cat"), ("d.mp4", "", "", "")]
COLUMNS = ("filename", "onset", "offset", "event_label")
EXTRACTOR = {"visual": "vgg19", "audio": "vggish", "n_segments": 3, "frames_per_segment": 16, "image_size": 224}
EXTRACTOR |= {"preprocessing": "imagenet", "pca_params": None, "weights": "pretrained", "precision": "float32"}
EXTRACTOR |= {"segment_seconds": 1.0, "hop_seconds": None, "pool": None, "short": "error", "max_damage": 0.5}


def command(*argv):
    """Run the command line in this process; an error that it says is a ValueError, and it returns what it prints."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main([str(arg) for arg in argv])
    lines = err.getvalue().splitlines()
    errors = [line for line in lines if line.startswith("ave-sklearn: error: ")]
    if any(ord(char) < 32 or 126 < ord(char) < 160 for char in err.getvalue().replace("\t", "").replace("\n", "")):
        raise WrongResultError(f"control characters reach the terminal: {err.getvalue()!r}")
    if not all(line.startswith(("ave-sklearn: ", "  ")) for line in lines):  # the latter of a list
        raise WrongResultError(f"other text on standard error: {lines}")
    if status:
        raise ValueError(errors[-1])
    return out.getvalue()


class FeatureFolders:
    """The small files of a folder of features, read by `ave-sklearn fit` and `score`."""

    name = "folder"
    variants = ("fit", "fit", "score")
    optional = ("skipped.csv",)

    def make(self, folder, variant):
        """Write a folder of features and an event list, and for `score` a model."""
        write_folder(folder, skipped=variant == "fit")
        write_events(folder / "events.csv", ",")
        if variant == "score":
            fit(folder)
            (folder / "extractor.json").unlink()  # which it does not read

    def targets(self, folder):
        """Return the files that may be damaged."""
        return [file for file in folder.iterdir() if file.name in ("videos.csv", "skipped.csv", "extractor.json")]

    def read(self, folder, variant, rng):
        """Run the command."""
        if variant == "fit":
            return fit(folder)
        return {"printed": command("score", folder / "model.joblib", "--quiet", *annotated(folder))}

    def damages(self, file):
        """Return the damage that only such a file can come to."""
        return (
            (json_value, json_value, json_shape)
            if file.suffix == ".json"
            else (csv_cell, csv_cell, csv_number, csv_number, csv_columns, scraps)
        )


def write_folder(folder, *, skipped=True):
    """Write the files that `ave-sklearn extract` writes."""
    AVFeatures(*features()).to_npy(folder / "audio.npy", folder / "visual.npy")
    lines = [f"{name},{start:.1f}\n" for name, start in zip(NAMES, STARTS, strict=True)]
    (folder / "videos.csv").write_text("filename,start\n" + "".join(lines))
    if skipped:
        (folder / "skipped.csv").write_text("filename,start,error\nb.mp4,3.0,cannot be decoded: why.\n")
    (folder / "extractor.json").write_text(json.dumps(EXTRACTOR, indent=2) + "\n")


def write_events(file, separator):
    """Write an event list."""
    rows = [COLUMNS, *EVENTS]
    file.write_text("".join(separator.join(map(str, row)) + "\n" for row in rows))


def annotated(folder):
    """Return the arguments that name features and annotations."""
    return "--features", folder, "--annotations", folder / "events.csv"


def fit(folder):
    """Fit a model by the command line, and return what it is."""
    options = ("--set", "max_epochs=1", "--set", "hidden_size=4", "--set", "device=cpu", "--random-state", 0, "--quiet")
    command("fit", *annotated(folder), "-o", folder / "model.joblib", *options)
    model = joblib.load(folder / "model.joblib")
    localizer, extractor = model.named_steps["localize"], model.named_steps["extract"]
    params = {name: repr(value) for name, value in extractor.get_params().items()}
    kept = {"memory", "n_jobs", "weights_dir", "device", "on_error", "verbose", "batch_size"}
    default = type(extractor)().get_params()
    changed = [name for name in kept if params[name] != repr(default[name])]
    if changed:
        raise WrongResultError(f"{changed} of a folder of features are taken over")
    proba = localizer.predict_proba(AVFeatures(*features()))
    return {"classes": localizer.classes_, "proba": proba, "extractor": json.dumps(params)}


# ------------------------------------------------------- JSON and CSV
VALUES = [
    "",
    " ",
    "nan",
    "-1",
    "1e10",
    "1e308",
    "1e400",
    "9" * 400,
    "0.5",
    "3",
    "inf",
    "true",
    "\x1b[2J",
    "a\nb",
    '"',
    "a\x00b",
]
VALUES += [
    "=1+1",
    "\ud7ff",
    "\u202e",
    "é" * 3000,
    "..",
    "/",
    "a.mp4",
    "dog",
    "quiet",
    "background",
    "-0.0",
    "1_0",
    "0x1",
    "١",
]
LARGE = ["1e10", "10000000000", "1e15", "2147483648", "100000000", "9007199254740993", "1e18", "1e308", "-1", "9" * 25]
JSON = [0, -1, 2**31, 2**63, 10**400, 1e308, 0.5, True, None, [], {}, "", "\x1b[2J", "x" * 100_000, [[]], float("nan")]
JSON += ["caffe", "cuda", "/nowhere", "random", 1, 3, {"a": 1}, "\ud800"]
MORE = {
    "memory": "/nowhere",
    "n_jobs": -1,
    "weights_dir": "/nowhere",
    "on_error": "skip",
    "device": "cuda",
    "batch_size": 10**9,
}
MORE |= {"verbose": 1, "other": 1, "__class__": "int", "self": 1, "": 0}


def json_value(rng, file):
    """A value is another, or there is one more."""
    values = json.loads(file.read_text())
    if rng.random() < 0.4:
        name = list(MORE)[rng.integers(len(MORE))]
        values[name] = MORE[name]
    else:
        name = list(values)[rng.integers(len(values))]
        values[name] = JSON[rng.integers(len(JSON))]
    file.write_text(json.dumps(values), encoding="utf-8", errors="surrogatepass")
    return f"{name} is {values[name]!r:.40}", EITHER


def json_shape(rng, file):
    """What is no such dict."""
    content = file.read_text()
    texts = [
        f"[{content}]",
        content * 2,
        f"{content[:-3]}",
        '{"n_segments": ' * 3000,
        "null",
        "7",
        '"vgg19"',
        "\ufeff" + content,
    ]
    texts += [
        content.replace(":", "="),
        content.replace('"', "'"),
        '{"n_segments": 1e999}',
        '{"n_segments": -Infinity}',
    ]
    text = texts[rng.integers(len(texts))]
    file.write_text(text, encoding="utf-8")
    return f"JSON {text[:30]!r}", EITHER if text[0] == "\ufeff" else REFUSED


def csv_cell(rng, file):
    """One field is another."""
    separator = next((char for char in "\t;&" if char in file.read_text()), ",")
    rows = [line.split(separator) for line in file.read_text().splitlines()]
    at = int(rng.integers(len(rows)))
    column, value = int(rng.integers(len(rows[at]))), VALUES[rng.integers(len(VALUES))]
    rows[at][column] = value
    file.write_text("\n".join(map(separator.join, rows)) + "\n", encoding="utf-8", errors="surrogatepass")
    return f"line {at + 1}, field {column + 1} is {value[:30]!r}", EITHER


def csv_number(rng, file):
    """A time or another number is large, or none that it can be."""
    separator = next((char for char in "\t;&" if char in file.read_text()), ",")
    rows = [line.split(separator) for line in file.read_text().splitlines()]
    places = [(i, j) for i, row in enumerate(rows) for j, cell in enumerate(row) if cell[:1].isdigit()]
    at, column = places[rng.integers(len(places))]
    rows[at][column] = value = LARGE[rng.integers(len(LARGE))]
    file.write_text("\n".join(map(separator.join, rows)) + "\n")
    return f"line {at + 1}, field {column + 1} is {value}", EITHER


def csv_columns(rng, file):
    """Rows or columns are too many or too few, or it is written in another way."""
    content = file.read_text()
    rows = content.splitlines()
    what = rng.choice(
        [
            "a column less",
            "a field more",
            "rows twice",
            "no rows",
            "no header",
            "quoted",
            "UTF-16",
            "\\r",
            "wide",
            "NUL",
        ]
    )
    texts = {
        "a column less": "\n".join(row.partition(",")[2] for row in rows),
        "a field more": "\n".join([*rows[:-1], rows[-1] + ",1,2"]),
        "rows twice": "\n".join([*rows, *rows[1:]]),
        "no rows": rows[0] + "\n",
        "no header": "\n".join(rows[1:]),
        "quoted": content.replace(",", '","', 3),
        "\\r": content.replace("\n", "\r"),
        "wide": rows[0] + "," * 100_000 + "\n" + "\n".join(rows[1:]),
        "NUL": content.replace("a", "\x00", 1),
    }
    if what == "UTF-16":
        file.write_text(content, encoding="utf-16")
    else:
        file.write_text(texts[what], newline="")
    return f"CSV {what}", EITHER


class EventLists:
    """Event lists with their separators, alone and beside features, and the annotations of the AVE dataset."""

    name = "events"
    variants = (",", ";", "\t", "json", "fit", "ave", "ave")

    def make(self, folder, variant):
        """Write the good files of a variant."""
        if variant == "ave":
            make_ave(folder)
        elif variant == "fit":
            write_folder(folder)
            write_events(folder / "events.csv", ",")
        else:
            write_events(folder / "events.csv", "," if variant == "json" else variant)

    def targets(self, folder):
        """Return the files that may be damaged."""
        return [file for file in folder.iterdir() if file.name in ("events.csv", "Annotations.txt")]

    def read(self, folder, variant, rng):
        """Read the list, or what it belongs to."""
        if variant == "ave":
            return read_ave(folder)
        if variant == "fit":
            return fit(folder)
        events = read_events(folder / "events.csv")
        if events.columns.tolist() != [*COLUMNS, *events.columns[4:]]:
            raise WrongResultError(f"columns {events.columns.tolist()}")
        known = events[events["offset"] <= 6]
        videos = known["filename"].unique().tolist() or ["a.mp4"]
        with contextlib.suppress(ValueError):  # of what the events say; each is well read
            to_segments(known, videos, n_segments=6)
        return {"events": events}

    def damages(self, file):
        """Return the damage that only such a file can come to."""
        return (csv_cell, csv_cell, csv_number, csv_number, csv_columns, scraps, rows_at_random, as_json)


def scraps(rng, file):
    """A few quotes, separators and ends of lines."""
    signs = ['""', '"', '""\n', '"\n"', ",", ";", "\t", "&", "\n", "\r", "'", " ", "a", "filename"]
    text = "".join(signs[i] for i in rng.integers(len(signs), size=rng.integers(1, 4)))
    file.write_text(text, newline="")
    return f"the text {text!r}", REFUSED


def rows_at_random(rng, file):
    """Rows of fields drawn at random below the header."""
    header = Path(file).read_text().splitlines()[0]
    separator = next((char for char in "\t;&" if char in header), ",")
    fields = [*VALUES, "0", "1", "2.5", "a.mp4", "dog"]
    rows = [[fields[i] for i in rng.integers(len(fields), size=header.count(separator) + 1)] for _ in range(3)]
    text = "\n".join([header, *map(separator.join, rows)])
    file.write_text(text, encoding="utf-8", errors="surrogatepass")
    return f"rows {rows!r:.60}", EITHER


def as_json(rng, file):
    """The events as the command line writes them in JSON, whole or damaged."""
    names = [*COLUMNS, "score"]
    rows = [dict(zip(names, [*event, 0.5], strict=True)) for event in EVENTS]
    text = json.dumps(rows, indent=2 if rng.integers(2) else None)
    file.write_text(text[: int(rng.integers(1, len(text)))])
    return "JSON, cut", REFUSED
