"""The documents that tests read: README and the pages of the site, as text."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = sorted(path.relative_to(ROOT) for path in (ROOT / "docs").glob("**/*.md"))


def read_document(name):
    """Return the text of README.md, or of a page, by its path in the project."""
    return (ROOT / name).read_text(encoding="utf-8")


def read_guide():
    """Return the text of all pages of the user guide, one behind the other."""
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs" / "guide").glob("*.md")))
