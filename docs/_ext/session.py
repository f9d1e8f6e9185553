"""A session of the command line within a page: commands that are run while the page is built, and what they print.

All sessions of a page go on in one temporary folder, which begins with small videos and the list of their events. What
is printed is what a terminal gets, without progress. A command that fails is an error of the page.
"""

import re
import shlex
import subprocess
from contextlib import chdir, redirect_stderr, redirect_stdout
from glob import glob
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from ave_sklearn.cli.commands import main

FPS, SIZE, RATE, SECONDS = 2, (64, 64), 16000, 10
SOUNDS = {"bird": 2000, "engine": 90}  # Hz
COLOURS = {"bird": (40, 160, 40), "engine": (150, 60, 60)}
PROGRESS = re.compile(r"\d\d:\d\d elapsed")  # lines that a bar takes the place of


class Terminal(StringIO):
    """What is printed, as on a terminal."""

    def isatty(self):
        """Say that it is one, so that tables are aligned."""
        return True


class Session(SphinxDirective):
    """Commands, one a line, each followed by what it printed; a line that ends with a backslash goes on."""

    has_content = True

    def run(self):
        """Return the commands and their output as one block."""
        folder = folder_of(self.env)
        lines = re.split(r"(?<!\\)\n", "\n".join(self.content))
        shown = "\n\n".join(self.run_line(line, folder) for line in lines)
        return [nodes.literal_block(shown, shown, language="console")]

    def run_line(self, line, folder):
        """Run a command in the folder, and return it and what it printed."""
        status, output = run_command(line.replace("\\\n", ""), folder)
        if status:
            raise self.error(f"{line!r} has the exit code {status}:\n{output}")
        return f"$ {line}\n{output.strip()}".rstrip()


def folder_of(env):
    """Return the folder of the sessions of the page that is read, a path."""
    if "session" not in env.temp_data:
        env.temp_data["session"] = TemporaryDirectory()
        write_videos(Path(env.temp_data["session"].name))
    return env.temp_data["session"].name


def run_command(line, folder):
    """Return the exit code and the output of a command; ``ave-sklearn`` is run in this process, which is faster."""
    if not line.startswith("ave-sklearn "):
        done = subprocess.run(line, shell=True, cwd=folder, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr
    output, messages = Terminal(), StringIO()
    with chdir(folder), redirect_stdout(output), redirect_stderr(messages):
        words = shlex.split(line)[1:]
        arguments = [name for word in words for name in (sorted(glob(word)) if "*" in word else [word])]
        try:
            status = main(arguments)
        except SystemExit as error:
            status = error.code
    said = [line for line in messages.getvalue().splitlines() if not PROGRESS.search(line)]
    return status, "\n".join([*said, output.getvalue()])


# ----------------------------------------------------------------- videos
def write_videos(folder):
    """Write ten videos into ``videos``, two beside it, and the events of the ten into ``events.csv``."""
    rng = np.random.default_rng(0)
    (folder / "videos").mkdir()
    lines = ["filename,onset,offset,event_label"]
    for number in range(12):
        label = list(SOUNDS)[number % 2]
        onset, offset = np.sort(rng.choice(SECONDS + 1, 2, replace=False))
        name = f"videos/{number:02}.mp4" if number < 10 else f"new{number - 9}.mp4"
        write_video(folder / name, label, onset, offset, rng)
        if number < 10:
            lines.append(f"{number:02}.mp4,{onset},{offset},{label}")
    (folder / "events.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_video(path, label, onset, offset, rng):
    """Write a video in which something is seen, as a colour, and heard, as a tone, from onset to offset."""
    with av.open(path, "w") as container:
        pictures = container.add_stream("mpeg4", rate=FPS)
        pictures.width, pictures.height, pictures.pix_fmt = *SIZE, "yuv420p"
        sounds = container.add_stream("aac", rate=RATE, layout="mono")
        for second in range(SECONDS):
            there = onset <= second < offset
            image = rng.integers(0, 60, (*SIZE[::-1], 3)) + there * np.array(COLOURS[label])
            for _ in range(FPS):
                container.mux(pictures.encode(av.VideoFrame.from_ndarray(image.astype(np.uint8), format="rgb24")))
            tone = np.sin(2 * np.pi * SOUNDS[label] * np.arange(RATE) / RATE)
            sound = rng.normal(scale=0.01, size=RATE) + 0.3 * there * tone
            frame = av.AudioFrame.from_ndarray(sound[None].astype(np.float32), format="fltp", layout="mono")
            frame.rate = RATE
            container.mux(sounds.encode(frame))
        for stream in (pictures, sounds):
            container.mux(stream.encode(None))


def setup(app):
    """Register the directive."""
    app.add_directive("session", Session)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
