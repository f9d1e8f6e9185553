"""Libraries that reports alone need, imported where they are used."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType


def import_jinja2() -> ModuleType:
    """Import jinja2; raise ImportError that names the extra which brings it."""
    try:
        import jinja2
    except ImportError as error:
        raise ImportError("a report needs jinja2: pip install ave_sklearn[report]") from error
    return jinja2
