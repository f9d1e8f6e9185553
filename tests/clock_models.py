"""Small videos, the list of their events, their features and a model of them, all made by the command line."""

from contextlib import chdir

from media_files import write_clock

from ave_sklearn.cli.commands import main

NETWORKS = ["--visual", "efficientnet-lite0", "--audio", "log-mel", "--image-size", "64", "--frames-per-segment", "1"]
SHORT_FIT = ["--set", "max_epochs=2", "--set", "hidden_size=8", "--random-state", "0"]


def make_model(folder, names, seconds, *, n_segments, extracted=(), fitted=(), **options):
    """Write ``videos/NAME`` for each name, ``events.csv``, ``features`` and ``model.joblib`` into a folder.

    Parameters
    ----------
    folder : Path
    names : list of str
    seconds : float
        Length of each video; an event of one second is in each.
    n_segments : int
        Of a clip.
    extracted, fitted : list of str, default=()
        Further options of ``extract`` and of ``fit``.
    options
        Of `write_clock`.
    """
    (folder / "videos").mkdir()
    lines = ["filename,onset,offset,event_label"]
    for number, name in enumerate(names):
        write_clock(folder / "videos" / name, seconds, begin=100.0 * number, **options)
        lines.append(f"{name},{number % 3},{number % 3 + 1},{'dog' if number % 2 else 'cat'}")
    (folder / "events.csv").write_text("\n".join(lines) + "\n")
    with chdir(folder):
        videos = [f"videos/{name}" for name in names]
        cut = ["--n-segments", str(n_segments)]
        assert main(["extract", *videos, "-o", "features", *NETWORKS, *cut, *extracted, "--quiet"]) == 0
        given = ["--features", "features", "--annotations", "events.csv"]
        assert main(["fit", *given, "-o", "model.joblib", *SHORT_FIT, *fitted, "--quiet"]) == 0
