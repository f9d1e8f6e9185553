"""Peak memory of this process. Linux only."""

import os
import re
import resource
import threading
import time
from pathlib import Path

import torch


class PeakMemory:
    """Watches the anonymous memory of this process: what cannot be dropped and read again.

    Attributes
    ----------
    before : int
        Bytes when the watch began.
    anonymous : int
        The most bytes since then.
    """

    def __init__(self):
        self.before = self.anonymous = anonymous_memory()
        call_repeatedly(self.look, 0.002)

    def look(self):
        """Note what there is now, if it is the most so far."""
        self.anonymous = max(self.anonymous, anonymous_memory())

    @property
    def total(self):
        """The most bytes that the process ever had, mapped pages of files among them."""
        return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def anonymous_memory(pid="self"):
    """Return the bytes of anonymous memory that a process has now; 0 when it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    found = re.search(r"RssAnon:\s+(\d+)", status)  # an ended process that its parent has not waited for has none
    return 1024 * int(found[1]) if found else 0


class TreePeak:
    """Watches the anonymous memory of this process and of those that it starts, together.

    Attributes
    ----------
    imports : int
        Bytes of this process when the watch began, what PyTorch imports for its first optimiser among them.
    bytes : int
        The most of any moment beyond `imports`, summed over the processes.
    """

    def __init__(self):
        torch.optim.AdamW([torch.zeros(1, requires_grad=True)])
        self.imports, self.bytes = anonymous_memory(), 0
        call_repeatedly(self.look, 0.005)

    def look(self):
        """Note what there is now, if it is the most so far."""
        sizes = [anonymous_memory(pid) for pid in process_tree(os.getpid())]
        self.bytes = max(self.bytes, sum(max(0, size - self.imports) for size in sizes))


def call_repeatedly(look, pause):
    """Call `look` in a thread, every `pause` seconds, for as long as the process lives."""

    def run():
        while True:
            look()
            time.sleep(pause)

    threading.Thread(target=run, daemon=True).start()


def process_tree(pid):
    """Return the numbers of a process and of all that it started, and those did."""
    children = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        children += task.read_text().split()
    return [pid, *(number for child in children for number in process_tree(child))]
