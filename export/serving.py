"""A server of static files for this machine alone, as strict as a careful host would be.

It sends the Content-Security-Policy that the page's own head names as well, right types for
modules and WebAssembly, and nothing outside its folder, nor a list of what is in it. Nothing is
cached, so that a model exported anew is the one that the page loads.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import io
import sys
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

from absl import logging

from selforg_mnist.errors import UserError

HOST = "127.0.0.1"
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; media-src 'self' blob:; "
    "base-uri 'none'; form-action 'none'"
)
_POLL_SECONDS = 0.05  # how long the end of the block may wait
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
# The system's own table, which Python reads, may call a script text/plain.
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".bin": "application/octet-stream",
}


@contextlib.contextmanager
def serve(folder: Path, port: int = 0) -> Iterator[str]:
    """Serves a folder while the block runs, to this machine only.

    Args:
      folder: with an index.html.
      port: to listen on; 0 is any free one.

    Yields:
      address: of the folder, as "http://127.0.0.1:8000/".

    Raises:
      UserError: the folder has no index.html, or the port can't be had.
    """
    if not (folder / "index.html").is_file():
        raise UserError(f"{folder}: expected a folder with an index.html; build the page first")
    server = _listen(port, functools.partial(_Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(_POLL_SECONDS,), daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def check_port(port: int) -> None:
    """Sees to it that a port can be had, for those who need it only after long work.

    Raises:
      UserError: it can't be had.
    """
    _listen(port, _Handler).server_close()


def _listen(port: int, handler: Callable[..., Any]) -> _Server:
    try:
        return _Server((HOST, port), handler)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"port={port}: can't be listened on ({reason}); give another, 0 for any that is free"
        ) from error


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Takes no notice of a browser that goes away in the middle of a file."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(http.server.SimpleHTTPRequestHandler):
    extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | _TYPES

    def end_headers(self) -> None:
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def send_head(self) -> Any:
        if not self._is_inside():
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        return super().send_head()

    def _is_inside(self) -> bool:
        """Whether the path leads to a place in the folder; the base class drops `..` itself."""
        root = Path(self.directory).resolve()
        try:
            return Path(self.translate_path(self.path)).resolve().is_relative_to(root)
        except (OSError, ValueError):  # a name too long, a circle of links, a zero byte
            return False

    def list_directory(self, path: Any) -> io.BytesIO | None:
        self.send_error(HTTPStatus.NOT_FOUND)
        return None

    def log_message(self, format: str, *args: Any) -> None:
        logging.debug(format, *args)
