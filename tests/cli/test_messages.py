"""Messages of the command line: in the words of its options, what is no model, and where a result was saved."""

import errno
import gzip
import os
import pickle
import re
import tempfile
import warnings
from argparse import Namespace
from pathlib import Path

import joblib
import numpy as np
import pytest
from helpers import write_video
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline

from ave_sklearn import PSPLocalizer
from ave_sklearn._files import whole_file
from ave_sklearn.cli import main, models
from ave_sklearn.cli.commands import build_parser
from ave_sklearn.cli.rescue import rescued
from ave_sklearn.cli.wording import in_options
from ave_sklearn.extraction import VideoFeatureExtractor

EXTRACT = ["extract", "my weights_dir film.mp4", "lr=0.1/n_jobs=2 b.mp4", "-o", "hop_seconds", "--weights-dir", "short"]
FIT = ["fit", "--features", "features", "--annotations", "max_epochs.csv", "-o", "m", "--set", "tau=0.3"]
PREDICT = ["predict", "m", "a.mp4"]
SEARCH = ["search", *FIT[1:], "--grid", "lr=0.1,1", "--grid", "random_state=1,2"]


# ----------------------------------------------------------------- options
@pytest.mark.parametrize(
    ("argv", "text", "said"),
    [
        (
            EXTRACT,
            "weights_dir 'x/n_jobs' has no file a.",
            "--weights-dir 'x/n_jobs' has no file a.",
        ),
        (EXTRACT, "weights_dir is None and A is not set", "--weights-dir is not given and A is not set"),
        (
            EXTRACT,
            "use visual='vgg19', short=\"pad\" or n_jobs=-1.",
            "use --visual vgg19, --short pad or --n-jobs -1.",
        ),
        (EXTRACT, "wanted at most max_damage=0.5 s.", "wanted at most --max-damage 0.5 s."),
        (EXTRACT, "pass a function, or memory=None.", "pass a function, or no --cache."),
        (EXTRACT, "memory needs to tell them apart", "--cache needs to tell them apart"),
        (EXTRACT, "The 'pool' parameter of V must be 'mean'. Got 2 instead.", "--pool must be 'mean'. Got 2 instead."),
        (EXTRACT, "Bad. audio must be a network", "Bad. --audio must be a network"),
        (EXTRACT, "device is 'tpu'; wanted 'auto'", "--device is 'tpu'; wanted 'auto'"),
        (EXTRACT, "hop_seconds may be", "--hop-seconds may be"),  # the folder of that name is not meant
        (FIT, "The 'lr' parameter of P must be a float.", "--set lr must be a float."),
        (
            FIT,
            "The 'random_state' parameter of P must be an int, an instance of 'numpy.X' or None. Got -1 instead.",
            "--random-state must be an int or None. Got -1 instead.",
        ),
        (
            FIT,
            "The 'standardize' parameter of P must be an instance of 'bool' or an instance of 'numpy.bool'. Got 7.",
            "--set standardize must be True or False. Got 7.",
        ),
        (
            FIT,
            "--grid a=b: The 'lam' parameter of P must be a float. Got 'b' instead.",
            "--grid a=b: lam must be a float. Got 'b' instead.",
        ),
        (FIT, "the split of validation_fraction=0.1, lam=0", "the split of --set validation_fraction=0.1, --set lam=0"),
        (FIT, "give background='-' or tau=None", "give --set background='-' or --set tau=None"),
        (FIT, "random_state=-1 is bad", "--random-state -1 is bad"),
        (FIT, "min_overlap must be more; got 0", "--min-overlap must be more; got 0"),
        (FIT, "X has 3 videos, of which y has 2", "--features has 3 videos, of which --annotations has 2"),
        (
            FIT,
            "must be a multiple of hop_seconds=0.5",
            "must be a multiple of --hop-seconds 0.5 of 'ave-sklearn extract'",
        ),
        (
            FIT,
            "Try a smaller lr, tau=0, or a smaller lam.",
            "Try a smaller --set lr, --set tau=0, or a smaller --set lam.",
        ),
        (SEARCH, "The 'lr' parameter of P must be a float.", "--grid lr must be a float."),
        (SEARCH, "lr=1.0 is much, and tau=0.3 little", "--grid lr=1.0 is much, and --set tau=0.3 little"),
        (SEARCH, "random_state is None; wanted a number", "--grid random_state is None; wanted a number"),
        (SEARCH, "y has 1 members, less than n_splits=5.", "--annotations has 1 members, less than --folds 5."),
        (PREDICT, "wanted (n_segments=10)", "wanted (--n-segments 10 of 'ave-sklearn extract')"),
    ],
)
def test_parameters_are_said_as_options(argv, text, said):
    if "hop_seconds may" in text:
        argv = [*argv[:4], "other"]
    PSPLocalizer()
    assert in_options(text, build_parser().parse_args(argv)) == said


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (EXTRACT, "my weights_dir film.mp4: cannot be read"),
        (EXTRACT, "lr=0.1/n_jobs=2 b.mp4: cannot be read"),
        (EXTRACT, "hop_seconds already holds audio.npy"),
        (EXTRACT, "/a/n_jobs=2/b.mp4 and weights_dir.mp4 and max_damage/c.mp4 and C:\\n_jobs=2"),
        (EXTRACT, "'n_jobs=2' and \"weights_dir is None\" are names"),
        (EXTRACT, "a short device of memory, and the audio and visual weights are text"),
        (EXTRACT, "Net(**n_jobs, x.max_damage, weights_dir(3))"),
        (EXTRACT, "pip install 'ave_sklearn[video]' brings pool"),
        (EXTRACT, "the file's n_files=2 and the others' batch_size=3"),
        (FIT, "max_epochs.csv, line 3: the label 'lr=1' is bad"),
        (FIT, "--set speed: PSPLocalizer has the parameters batch_size, early_stopping"),
        (FIT, "XY.mp4 and dX and my y.mp4, 'X' and 'y'"),
        (FIT, "wanted labels (n_videos, n_segments) or (n_videos, n_audio_features)"),
        (FIT, "but extractor.json n_segments=4."),
        (FIT, "visual.npy: visual must be of shape (2, 3), got 4. audio is memory-mapped"),
        (PREDICT, "learned with lr=0.1 and max_epochs=3"),
    ],
)
def test_names_labels_and_other_words_stay(argv, text):
    assert in_options(text, build_parser().parse_args(argv)) == text


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--n-jobs", "0"], "--n-jobs must not be 0; -1 is a thread for each processor."),
        (["--hop-seconds", "1e-9"], "--hop-seconds must be 0.001 or more; got 1e-09."),
    ],
)
def test_options_that_would_not_end_are_refused_before_videos_are_cut(argv, message, tmp_path, capsys):
    write_video(tmp_path / "a.mp4", seconds=2, fps=2)
    given = ["--visual", "efficientnet-lite0", "--audio", "log-mel", "-o", str(tmp_path / "features")]
    assert main(["extract", str(tmp_path / "a.mp4"), *given, *argv]) == 1
    assert capsys.readouterr().err == f"ave-sklearn: error: {message}\n"


def test_the_options_are_those_of_the_parser():
    """Nothing is written by hand: an option that is added is known at once."""
    names = {"extract": {"new_thing": "--new-thing"}}
    args = Namespace(command=Namespace(__name__="a.extract"), option_names=names)
    assert in_options("new_thing=3", args) == "--new-thing 3"


def test_names_with_line_ends_do_not_make_lines(capsys):
    assert main(["predict", "x:\nave-sklearn: error: y", "a.mp4"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_warnings_speak_of_options_too(capsys, monkeypatch):
    monkeypatch.setattr("ave_sklearn.cli.score.run", lambda args: warnings.warn("min_overlap=2 is odd", stacklevel=1))
    assert main(["score", "m", "--features", "f", "--annotations", "e"]) == 0
    assert capsys.readouterr().err == "ave-sklearn: warning: --min-overlap 2 is odd\n"


# ------------------------------------------------------------------ models
def joblib_bytes(value, **options):
    with tempfile.TemporaryDirectory() as folder:
        joblib.dump(value, Path(folder, "x"), **options)
        return Path(folder, "x").read_bytes()


def npy_bytes():
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder, "x.npy"), np.zeros(3))
        return Path(folder, "x.npy").read_bytes()


UNFITTED = Pipeline([("extract", VideoFeatureExtractor()), ("localize", PSPLocalizer())])
OTHERS = [
    (b"", "it is an empty file"),
    (b"some words\n", "it is text"),
    ("Gr\u00fc\u00dfe ".encode() * 600, "it is text"),  # a character is cut where the look ends
    (b"filename,onset\na,1\n", "it is a table (CSV)"),
    (b"xa;b\n1;2\n", "it is a table (CSV)"),
    (b'{"a": 1}', "it is text (JSON)"),
    (npy_bytes(), "it is an array (.npy)"),
    (b"PK\x03\x04" + bytes(99), "it is a ZIP archive"),
    (b"\x89HDF\r\n\x1a\n" + bytes(99), "it is an HDF5 file"),
    (b"\x00\x00\x00\x20ftypisom" + bytes(99), "it is a video (MP4 or MOV)"),
    (b"\x1aE\xdf\xa3" + bytes(99), "it is a video (Matroska or WebM)"),
    (b"\xff\xfe" + bytes(99), "it is a file of another kind"),
    (bytes(5000), "it is a file of another kind"),
    (joblib_bytes({"a": np.zeros(9)})[:-30], "it is cut off, damaged or of another program ("),
    (joblib_bytes(UNFITTED, compress=3)[:-9], "it is cut off, damaged or of another program ("),
    (gzip.compress(b"words"), "it is cut off, damaged or of another program ("),
    (b"\x80\x04cno_such_module\nClass\n.", "it is cut off, damaged or of another program ("),
    (pickle.dumps({"a": 1}), "it holds an object of the type dict"),
    (joblib_bytes(PSPLocalizer()), "it holds an object of the type PSPLocalizer without the extractor of its features"),
    (joblib_bytes(Pipeline([("a", GaussianNB())])), "it holds a Pipeline of the steps 'a'; wanted 'extract' and"),
    (joblib_bytes(UNFITTED), "its localizer was never fitted"),
]


@pytest.mark.parametrize(("data", "what"), OTHERS, ids=range(len(OTHERS)))
def test_what_is_no_model_is_said_to_be_none(tmp_path, capsys, monkeypatch, data, what):
    if what.startswith("it is ") and "cut off" not in what:
        monkeypatch.setattr(joblib, "load", lambda file: pytest.fail("joblib was asked"))
    (tmp_path / "m").write_bytes(data)
    assert main(["predict", str(tmp_path / "m"), "a.mp4"]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"ave-sklearn: error: {tmp_path / 'm'} is no model of 'ave-sklearn fit': {what}")
    assert err.count("\n") == 1


def test_real_videos_and_folders_are_no_models(tmp_path, capsys):
    for file, what in [
        (tmp_path, "a folder"),
        (write_video(tmp_path / "a.mp4", fps=1), "a video (MP4 or MOV)"),
        (write_video(tmp_path / "a.mkv", fps=1), "a video (Matroska or WebM)"),
    ]:
        assert main(["score", str(file), "--features", "f", "--annotations", "e"]) == 1
        assert f"{file} is no model of 'ave-sklearn fit': it is {what}." in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a pipe by name is wanted")
def test_a_pipe_is_no_model_and_is_not_waited_for(tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe")
    assert main(["predict", str(tmp_path / "pipe"), "a.mp4"]) == 1
    assert "it is no regular file." in capsys.readouterr().err


@pytest.mark.parametrize("compress", [0, 3, "gzip", "bz2", "xz"])
def test_models_that_were_compressed_are_read(tmp_path, compress):
    localizer = PSPLocalizer(max_epochs=1, hidden_size=8, tau=None)
    localizer.fit(np.random.default_rng(0).normal(size=(6, 3)), ["a", "b", "background"] * 2)
    joblib.dump(Pipeline([("extract", VideoFeatureExtractor()), ("localize", localizer)]), tmp_path / "m", compress)
    assert isinstance(models.load_model(str(tmp_path / "m")), Pipeline)


# ----------------------------------------------------------------- results
def write(path):
    Path(path).write_text("the result")


def saved_file(message):
    """The file that an error says the result is in; it holds it."""
    file = Path(re.search("the result is saved as (.*)$", message)[1])
    assert file.read_text() == "the result"
    return file


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Folders for temporary files and of the user, which are where a result may be saved, and a folder of results."""
    for name in ("tmp", "home", "results"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


def test_a_result_is_written_where_it_is_wanted(places):
    rescued(places / "results" / "a.csv", write)
    assert (places / "results" / "a.csv").read_text() == "the result"
    assert [file.name for file in places.rglob("*") if file.is_file()] == ["a.csv"]


def test_a_result_whose_folder_was_removed_is_saved_elsewhere(places):
    (places / "results").rmdir()
    with pytest.raises(FileNotFoundError) as caught:
        rescued(places / "results" / "a.csv", write)
    assert caught.value.filename == str(places / "results" / "a.csv")
    assert "No such file or directory, while writing; the result is saved as" in caught.value.strerror
    file = saved_file(caught.value.strerror)
    assert (file.parent, file.suffix) == (places / "tmp", ".csv")


@pytest.mark.skipif(not os.path.exists("/proc/self"), reason="a folder that nobody can write to is wanted")
def test_places_that_take_no_file_are_passed_over(places, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/proc/self")
    with pytest.raises(OSError, match="the result is saved as") as caught:
        rescued("/proc/self/a.json", write)
    assert saved_file(caught.value.strerror).parent == places / "home"
    monkeypatch.setenv("HOME", "/proc/self")
    monkeypatch.chdir("/proc/self")
    with pytest.raises(OSError, match="while writing; and there is no other place to save the result"):
        rescued("/proc/self/a.json", write)


def test_what_a_full_disk_took_of_a_result_is_removed(places):
    def fill(path):
        write(path)
        if "home" not in str(path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space left on device, while writing; the result is saved as") as caught:
        rescued(places / "results" / "a.csv", fill)
    assert [file for file in places.rglob("*") if file.is_file()] == [saved_file(caught.value.strerror)]


def test_a_fit_whose_file_cannot_be_written_is_not_lost(places, capsys, monkeypatch):
    """The folder is removed while the model is being fitted."""
    file = places / "results" / "model.joblib"

    def run(args):
        file.parent.rmdir()
        models.save_model("an extractor", "a localizer", str(file))

    monkeypatch.setattr("ave_sklearn.cli.score.run", run)
    assert main(["score", "m", "--features", "f", "--annotations", "e"]) == 1
    err = capsys.readouterr().err
    assert err.startswith(
        f"ave-sklearn: error: {file}: No such file or directory, while writing; the result is saved as "
    )
    (saved,) = (places / "tmp").iterdir()
    assert str(saved) in err and joblib.load(saved).named_steps == {
        "extract": "an extractor",
        "localize": "a localizer",
    }


def test_whole_files_are_whole_or_not_there(places):
    """What `rescued` stands on: nothing is left beside a file that could not be written."""
    with pytest.raises(OSError, match="while writing"), whole_file(places / "results" / "a") as temporary:
        write(temporary)
        raise OSError(errno.ENOSPC, "full")
    assert not list((places / "results").iterdir())
