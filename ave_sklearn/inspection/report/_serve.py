"""A server of a report on this machine: the page and the media that it links to, and nothing else."""

from __future__ import annotations

import contextlib
import errno
import os
import posixpath
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_to_bytes

from ave_sklearn.inspection.report._extra import import_servers
from ave_sklearn.inspection.report._media import as_named

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from ave_sklearn.inspection.report._media import Media

HOST = "127.0.0.1"
HOSTS = [HOST, "localhost"]  # names by which a browser may call it; others are of pages that lead their name to here
PATIENCE = 1  # seconds for which an answer that is under way is waited for at the end; a video is one that waits
TYPES = {  # by suffix; of MOV browsers play what they play of MP4, if it is called so
    "html": "text/html; charset=utf-8",
    "htm": "text/html; charset=utf-8",
    **dict.fromkeys(("mp4", "m4v", "mov"), "video/mp4"),
    "webm": "video/webm",
    "mkv": "video/x-matroska",
    "ogv": "video/ogg",
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "oga": "audio/ogg",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "wav": "audio/wav",
    "flac": "audio/flac",
}
PAGE_POLICY = "object-src 'none'; connect-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
OTHER_POLICY = "default-src 'none'; frame-ancestors 'none'"
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",  # no page of another address shows or plays what is here
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",  # a report that is written again is shown again
}


def serve(
    file: str | os.PathLike[str],
    port: int | socket.socket,
    media: Mapping[str, Media],
    tell: Callable[[str], object] = print,
) -> None:
    """Serve a page and its media to browsers of this machine, until Ctrl-C.

    It listens at 127.0.0.1 alone, so that no other machine reaches it; other users of this machine do.

    Parameters
    ----------
    file : path-like
        Of the page.
    port : int or socket
        0 is any that is free; or what `open_port` returns.
    media : dict of str to Media
        What the page links to, of `link_media` for the same file.
    tell : callable, default=print
        Takes the address when the port is open.

    Raises
    ------
    KeyboardInterrupt
        At its end, by Ctrl-C.
    OSError
        If the port is in use or may not be opened.
    ImportError
        If starlette and uvicorn are not installed.
    """
    server = make_server(file, media)
    with contextlib.closing(port if isinstance(port, socket.socket) else open_port(port)) as listening:
        tell(f"http://{HOST}:{listening.getsockname()[1]}/")
        server.run(sockets=[listening])


def open_port(port: int) -> socket.socket:
    """Return a socket that listens at a port of this machine; 0 is any that is free.

    Raises
    ------
    OSError
        If the port is in use, or may not be opened; it names it.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # else a port would be taken for a minute after its server has ended
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        is_taken = error.errno == errno.EADDRINUSE
        reason = "is in use" if is_taken else f"cannot be opened ({error.strerror or error})"
        message = f"port {port} of {HOST} {reason}; wanted a free one, or 0 for any that is free"
        raise OSError(message) from error
    return listening


def make_server(file: str | os.PathLike[str], media: Mapping[str, Media]) -> Any:
    """Return the server of a page, a ``uvicorn.Server``."""
    uvicorn, _ = import_servers()
    config = uvicorn.Config(
        make_app(file, media),
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",  # an answer that is cut off at the end is no error
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=PATIENCE,
    )
    return uvicorn.Server(config)


def make_app(file: str | os.PathLike[str], media: Mapping[str, Media]) -> Any:
    """Return the application that answers for a page and its media, as ASGI has it."""
    _, starlette = import_servers()
    page, paths = _places(file, media)
    files = {quote(path): (place, os.path.realpath(place)) for path, place in paths.items()}
    answer = _Answers(starlette, quote(page), files)
    return starlette.middleware.trustedhost.TrustedHostMiddleware(answer, HOSTS, www_redirect=False)


def _places(file: str | os.PathLike[str], media: Mapping[str, Media]) -> tuple[bytes, dict[bytes, Path]]:
    """Return the path of the page, and the files by their paths, percent signs decoded.

    Links of the page may go up. So it does not lie at the top, but as many folders below it as they go up: these have
    the names that they have on the disk, by which no two files get one path.
    """
    urls = [(one.url, one.path) for one in media.values() if one.url is not None and one.path is not None]
    n_up = max((url.split("/").count("..") for url, _ in urls), default=0)
    page = Path(as_named(Path(file).parent), Path(file).name)
    parts = [part for part in page.parts if part != page.anchor]
    own = posixpath.join(b"/", *map(os.fsencode, parts[-n_up - 1 :]))
    folder = posixpath.dirname(own)
    paths = {posixpath.normpath(posixpath.join(folder, unquote_to_bytes(url))): path for url, path in urls}
    return own, {**paths, own: page}


def _without_other_units(scope: Any) -> Any:
    """Return a request without ranges of other units than bytes, which a server must leave aside."""
    kept = [(k, v) for k, v in scope["headers"] if k != b"range" or v.strip().lower().startswith(b"bytes")]
    return {**scope, "headers": kept}


class _Answers:
    """Answers to requests, as an application of ASGI.

    Parameters
    ----------
    starlette : module
    page : str
        Path of the page.
    files : dict of str to (Path, str)
        By path, percent-encoded: the file, and what its name led to at first.
    """

    def __init__(self, starlette: Any, page: str, files: Mapping[str, tuple[Path, str]]) -> None:
        self.starlette, self.page, self.files = starlette, page, files

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        await self._answer(scope)(_without_other_units(scope), receive, send)

    def _answer(self, scope: Any) -> Any:
        responses = self.starlette.responses
        if scope["method"] not in ("GET", "HEAD"):
            return self._text("Method Not Allowed", 405, Allow="GET, HEAD")
        path = quote(unquote_to_bytes(scope["raw_path"]))
        if path == "/" and posixpath.dirname(self.page) == "/":
            path = self.page
        elif path == "/":
            return responses.Response(status_code=307, headers={**self._headers(), "Location": self.page})
        elif path == "/favicon.ico" and path not in self.files:  # browsers ask for it, and call 404 an error
            return responses.Response(status_code=204, headers=self._headers())
        if path not in self.files:
            return self._text("Not Found", 404)
        place, real = self.files[path]
        try:
            state = os.stat(place)
        except OSError:
            return self._text("Not Found", 404)
        if os.path.realpath(place) != real or not stat.S_ISREG(state.st_mode):  # it was made a link, or no file
            return self._text("Not Found", 404)
        if not os.access(place, os.R_OK):  # else the answer would begin, and break off
            return self._text("Forbidden", 403)
        kind = TYPES.get(place.suffix[1:].lower(), "application/octet-stream")
        headers = self._headers(PAGE_POLICY if path == self.page else OTHER_POLICY)
        return responses.FileResponse(place, headers=headers, media_type=kind, stat_result=state)

    def _text(self, text: str, status: int, **headers: str) -> Any:
        return self.starlette.responses.PlainTextResponse(text, status, {**self._headers(), **headers})

    def _headers(self, policy: str = OTHER_POLICY) -> dict[str, str]:
        return {**HEADERS, "Content-Security-Policy": policy}
