"""The documents that tests read: README and the pages of the site, the code in them, and the scripts beside them."""

import re
import shlex
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

ROOT = Path(__file__).parents[1]
GUIDE_PAGES = sorted(f"docs/guide/{path.name}" for path in (ROOT / "docs" / "guide").glob("*.md"))


def read_document(name):
    """Return the text of README.md, or of a page, by its path in the project."""
    return (ROOT / name).read_text(encoding="utf-8")


def read_guide():
    """Return the text of all pages of the user guide, one behind the other."""
    return "\n".join(map(read_document, GUIDE_PAGES))


def code_blocks(text, language, holding="", mark=""):
    """Return the code of each block of a language that holds a text, and that stands behind the comment of a mark."""
    begin = f"<!-- {mark} -->\n" if mark else ""
    blocks = re.findall(rf"{begin}```{re.escape(language)}\n(.*?)```", text, flags=re.S)
    return [code for code in blocks if holding in code]


def command_arguments(code):
    """Return the arguments of each ``ave-sklearn`` in the lines of a shell, a list of lists."""
    lines = code.replace("\\\n", "").splitlines()
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("ave-sklearn ")]


def load_script(name):
    """Return the module of a file that no package holds, by its path in the project."""
    spec = spec_from_file_location(Path(name).stem, ROOT / name)
    spec.loader.exec_module(module := module_from_spec(spec))
    return module
