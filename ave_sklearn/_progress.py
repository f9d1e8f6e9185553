"""Progress of long work: a bar on a terminal; in a pipe or a log a plain line every so many items."""

import logging
import sys
import time
from contextlib import contextmanager
from contextvars import ContextVar

from tqdm.auto import tqdm
from tqdm.notebook import tqdm_notebook

N_LINES = 20  # of a work of any size, beside those of its begin and of its first item
LOGGER = logging.getLogger("ave_sklearn")
_bars = ContextVar("bars", default=True)


class Progress:
    """Progress of a work of a known number of items; a context manager that takes the bar away from the terminal.

    A bar is shown where standard error is a terminal, and in a notebook. Where there is none, lines go to the logger
    "ave_sklearn" if it has handlers and takes messages of the level INFO, else to standard error. That logger gets them
    beside a bar too: its records then have the attribute ``behind_bar``.

    Parameters
    ----------
    total : int
        Number of items.
    unit : str
        What one item is called, "clip" for example.
    initial : int, default=0
        Number of items that were done before; they do not count for the time that is left.
    bar_format : str, default=None
        Layout of the bar, as tqdm has it.
    """

    def __init__(self, total, unit, *, initial=0, bar_format=None):
        self.total, self.unit, self.initial, self.done, self.said = total, unit, initial, initial, ""
        self.begin = time.monotonic()
        self.bar = tqdm(total=total, initial=initial, unit=unit, bar_format=bar_format) if _shows_bars() else None
        self._tell()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def advance(self, said=""):
        """Count one more item, and say something of it: a loss for example."""
        self.done, self.said = self.done + 1, said
        if self.bar is not None:
            self.bar.set_description_str(said, refresh=False)
            self.bar.update()
        before, now = ((done * N_LINES) // max(self.total, 1) for done in (self.done - 1, self.done))
        if now > before or self.done == self.initial + 1:
            self._tell()

    def close(self):
        """Leave the bar as it is, and say how far the work came, unless that was the last line."""
        if self.bar is not None:
            self.bar.close()
        if self.done != self.told:
            self._tell()

    def _tell(self):
        """Say how many items are done, in a line."""
        self.told = self.done
        is_logged = LOGGER.isEnabledFor(logging.INFO) and LOGGER.hasHandlers()
        if is_logged and self.bar is not None:
            with tqdm.external_write_mode():  # a handler may write to the terminal that has the bar
                LOGGER.info(self._line(), extra={"behind_bar": True})
        elif is_logged:
            LOGGER.info(self._line())
        elif self.bar is None:
            print(self._line(), file=sys.stderr, flush=True)

    def _line(self):
        elapsed, n_now = time.monotonic() - self.begin, self.done - self.initial
        times = f"{tqdm.format_interval(elapsed)} elapsed"
        if n_now:
            times += f", {tqdm.format_interval(elapsed / n_now * (self.total - self.done))} left"
        return f"{self.unit} {self.done} of {self.total}: {f'{self.said}, ' if self.said else ''}{times}"


def progress(items, total, unit, *, initial=0, verbose=True):
    """Yield items, and show how many of them are done.

    Parameters
    ----------
    items : iterable
        Those that are still to be done.
    total : int
        Number of all items, those with that were done before.
    unit : str
        What one item is called, "clip" for example.
    initial : int, default=0
        Number of items that were done before.
    verbose : bool or int, default=True
        Whether anything is shown.

    Yields
    ------
    item : object
        One of `items`; it counts as done when the next one is asked for.
    """
    if not verbose:
        yield from items
        return
    with Progress(total, unit, initial=initial) as shown:
        for item in items:
            yield item
            shown.advance()


@contextmanager
def telling_time(what):
    """Tell the logger "ave_sklearn", with the level DEBUG, how long the block took, unless it ends in an error."""
    begin = time.monotonic()
    yield
    LOGGER.debug("%s: %.2f s", what, time.monotonic() - begin)


@contextmanager
def without_bars():
    """Show no bars while the block runs: lines go to the logger, or to standard error."""
    token = _bars.set(False)
    try:
        yield
    finally:
        _bars.reset(token)


def _shows_bars():
    """Tell whether a bar can be drawn and redrawn."""
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    return _bars.get() and (is_terminal or issubclass(tqdm, tqdm_notebook))
