"""Folder of a search: what is finished, and which search it is of."""

import json
import os
import shutil
from pathlib import Path

from ave_sklearn._files import naming_file, reading, whole_file

SEARCH = "search.json"
FEATURES, LABELS = "--features", "labels of --annotations"
DIGESTS = {FEATURES, LABELS}  # whose values say nothing to a reader


class WorkFolder:
    """Folder that keeps the scores and the best model of one search.

    Parameters
    ----------
    folder : str or None
        None keeps nothing.

    Attributes
    ----------
    folder : Path or None
        Its absolute path.
    """

    def __init__(self, folder):
        self.folder = None if folder is None else Path(os.path.abspath(folder))

    @property
    def file(self):
        """The file that says which search it is."""
        return self.folder / SEARCH

    @property
    def scores(self):
        """The folder of the scores, or None."""
        return None if self.folder is None else str(self.folder / "scores")

    def model(self, key):
        """Return the file of a trained model, there or not; None where nothing is kept."""
        return None if self.folder is None else self.folder / f"model-{key}.joblib"

    def claim(self, search):
        """Make the folder, or refuse one of another search.

        Parameters
        ----------
        search : dict
            What the search is of, as JSON has it.

        Raises
        ------
        ValueError
            If the folder is of another search, or holds other files; if what it says is damaged.
        OSError
            If it cannot be made.
        """
        if self.folder is None:
            return
        if self.folder.exists() and not self.folder.is_dir():
            raise NotADirectoryError(f"--work {self.folder} is a file; wanted a folder of its own.")
        with naming_file(self.folder):
            self.folder.mkdir(exist_ok=True)
            names = [name for name in os.listdir(self.folder) if not name.endswith(".part")]
        if SEARCH in names:
            self._compare(search)
        elif names:
            raise ValueError(
                f"--work {self.folder} holds other files, such as {min(names)}; wanted a folder of its own."
            )
        else:
            with whole_file(self.file) as temporary:
                temporary.write_text(json.dumps(search, indent=1) + "\n", encoding="utf-8")

    def _compare(self, search):
        """Refuse the folder of another search, and say what differs."""
        with reading(self.file, "what a search is of", parsing=True):
            other = dict(json.loads(self.file.read_text(encoding="utf-8")))
        differs = next((name for name in search if search[name] != other.get(name)), None)
        if differs is not None:
            told = differs not in DIGESTS
            values = f": {other.get(differs)!r} there, {search[differs]!r} here" if told else ""
            raise ValueError(
                f"--work {self.folder} is of another search, with other {differs}{values}; give another folder."
            )

    def copy_model(self, kept, output):
        """Copy a model of the folder, which stays there if that fails."""
        try:
            with whole_file(output) as temporary:
                shutil.copyfile(kept, temporary)
        except OSError as error:
            raise OSError(error.errno, f"{error.strerror}. The model is kept as {kept}", error.filename) from error
