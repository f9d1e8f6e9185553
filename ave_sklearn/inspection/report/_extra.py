"""Libraries of the extra ``report``, imported where they are used; each error names the extra which brings them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any


def import_jinja2() -> ModuleType:
    """Import jinja2, by which a page is drawn."""
    try:
        import jinja2
    except ImportError as error:
        raise ImportError("a report needs jinja2: pip install ave_sklearn[report]") from error
    return jinja2


def import_pillow() -> Any:
    """Import Pillow's ``Image``, by which small pictures are written."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("thumbnails of a report need Pillow: pip install ave_sklearn[report]") from error
    return Image


def import_servers() -> tuple[Any, Any]:
    """Import uvicorn and what is used of starlette, which serve a page."""
    try:
        import starlette.middleware.trustedhost
        import starlette.responses
        import uvicorn
    except ImportError as error:
        raise ImportError("serving a report needs starlette and uvicorn: pip install ave_sklearn[report]") from error
    return uvicorn, starlette
