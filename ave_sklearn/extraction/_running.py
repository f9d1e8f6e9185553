"""An extraction at work: clips through the recipe and the networks of an extractor, a few of them at once."""

import os
import warnings

import joblib
import numpy as np
from sklearn.utils.validation import check_memory

from ave_sklearn._progress import progress, telling_time
from ave_sklearn.extraction._opening import ExtractionError, file_stamp
from ave_sklearn.extraction._recipe import cache_key, extract, read_clip
from ave_sklearn.extraction._report import probe_all
from ave_sklearn.extraction._same_recipe import in_words
from ave_sklearn.extraction._weights import takes_users_weights, warn_random


class Extraction:
    """What an extractor does with clips.

    Parameters
    ----------
    extractor : VideoFeatureExtractor
        Its parameters are plain values, and checked.
    recipe : Recipe
    networks : pair of Network
        Visual and audio.
    """

    def __init__(self, extractor, recipe, networks):
        self.params, self.recipe, self.networks = extractor, recipe, networks
        self.is_cached = extractor.memory is not None
        key = cache_key(recipe, networks) if self.is_cached else None
        folder = extractor.memory
        memory = check_memory(os.fspath(folder) if isinstance(folder, os.PathLike) else folder)
        cached = memory.cache(extract, ignore=["recipe", "networks", "batch_size"])
        self._extract = lambda path, start, stamp: cached(
            path, start, stamp, key, recipe, networks, extractor.batch_size
        )

    def in_order(self, clips, keep_report, give_up=lambda: None):
        """Yield the audio and visual features of each usable clip.

        Once it is certain that an error is raised in the end, `give_up` is called and nothing more is yielded; the
        other clips are read all the same, and with a cache extracted, so that the error names all bad ones.

        Parameters
        ----------
        clips : list of (str, float)
        keep_report : callable
            Is given the table of the report, which is filled as clips are finished.
        give_up : callable
        """
        report = self._probed(clips, keep_report)
        for row, _, features, told in self._results(clips, report.usable(), report):
            report.add(row, told)
            if report.fatal:
                give_up()
            elif features is not None:
                yield features
        report.refuse()

    def into_journal(self, clips, journal, keep_report):
        """Extract the clips that a journal does not have yet; return the numbers of the rows of all usable clips."""
        journal.begin(in_words(self.params, self.recipe, self.networks), clips)
        report = self._probed(clips, keep_report)
        usable = list(report.usable())
        for path in dict.fromkeys(clips[row][0] for row in usable):
            journal.add_video(*report.infos[path])
        done = {row: journal.find(clips[row]) for row in usable}
        for row in filter(done.get, usable):
            report.add(row, done[row].findings)
        missing = [row for row in usable if done[row] is None]
        journal.n_missing = len(missing)
        if len(missing) < len(usable):
            journal.note(f"{len(usable) - len(missing)} of {len(clips)} clips are done already")
        has_row = np.isin(np.arange(len(clips)), usable)
        for row, stamp, features, told in self._results(clips, missing, n_done=len(usable) - len(missing)):
            report.add(row, told)
            if features is None:
                journal.add_error(clips[row], told)
                has_row[row] = row in report.fatal  # its place is kept until it can be used
            else:
                journal.add(clips[row], stamp, features, told, int(has_row[:row].sum()))
        report.refuse()
        return [journal.find(clips[row]).row for row in report.usable()]

    def _probed(self, clips, keep_report):
        """Return the report on what the files of clips tell; raise its error if that is enough for one."""
        params = self.params
        report = probe_all(clips, self.recipe.n_segments, self.recipe.grid, params.on_error, params.short)
        keep_report(report.table)
        report.refuse()
        if params.weights == "random":
            warn_random([name for name in (params.visual, params.audio) if takes_users_weights(name)])
        return report

    def _results(self, clips, rows, report=None, n_done=0):
        """Yield what `_one_clip` returns of clips: with a report in their order, else as they are finished."""
        return_as = "generator" if report is not None else "generator_unordered"
        parallel = joblib.Parallel(n_jobs=self.params.n_jobs, require="sharedmem", return_as=return_as)
        results = _closing(parallel(joblib.delayed(self._one_clip)(row, *clips[row], report) for row in rows))
        return progress(results, n_done + len(rows), "clip", initial=n_done, verbose=self.params.verbose)

    def _one_clip(self, row, path, start, report):
        """Return a row, the stamp of its file, its features or None, and what `Report.add` takes."""
        stamp = None
        try:
            stamp = file_stamp(path)
            with telling_time(f"{path}{f' from {start:g} s' if start else ''}"):
                if report is not None and report.fatal and not self.is_cached:  # features are of no use any more
                    return row, stamp, None, read_clip(path, start, self.recipe)[-1]
                return row, stamp, *self._extract(path, start, stamp)
        except ExtractionError as error:
            return row, stamp, None, type(error)(error.reason)  # the error itself holds on to what was read


def _closing(results):
    """Yield the results of joblib; where they end early it gives no advice to whoever wrote the loop."""
    try:
        for result in results:  # noqa: UP028  ("yield from" would close them itself)
            yield result
    finally:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"\d+ tasks (have been successfully|which were still)", UserWarning)
            results.close()
