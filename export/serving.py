"""A server of static files for this machine alone, as strict as a careful host would be.

It sends the same Content-Security-Policy that is in the page's head, and the right types for
modules and WebAssembly. It sends neither files outside of its folder nor lists of files. Nothing
is cached, so the page always loads the newest export.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import io
import socket
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
CLIENT_SECONDS = 60.0  # for a whole request and its answer, which take less than a second
_POLL_SECONDS = 0.05  # the server notices the end of the block within this time
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
# Python reads the system's table of types, in which a script may be text/plain.
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

    Yields:
      address: of the folder, such as "http://127.0.0.1:8000/".

    Raises:
      UserError: the folder has no index.html, or the port can't be used.
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
    """Raises `UserError` if a port can't be used, before long work that needs it later."""
    _listen(port, _Handler).server_close()


def _listen(port: int, handler: Callable[..., Any]) -> _Server:
    try:
        return _Server((HOST, port), handler)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"port={port}: can't be used ({reason}); give another one, or 0 for any free port"
        ) from error


class _Server(http.server.ThreadingHTTPServer):
    def finish_request(self, request: Any, client_address: Any) -> None:
        """Answers a client, but disconnects one that asks or reads too slowly."""
        timer = threading.Timer(CLIENT_SECONDS, _disconnect, (request,))
        timer.daemon = True
        timer.start()
        try:
            super().finish_request(request, client_address)
        finally:
            timer.cancel()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignores a browser that closes the connection in the middle of a file."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def _disconnect(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it has ended by itself
        connection.shutdown(socket.SHUT_RDWR)


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
        """Whether the path, with links resolved, is inside the folder; `..` is removed before."""
        root = Path(self.directory).resolve()
        try:
            return Path(self.translate_path(self.path)).resolve().is_relative_to(root)
        except (OSError, RuntimeError, ValueError):  # a long name, a circle of links, a zero byte
            return False

    def list_directory(self, path: Any) -> io.BytesIO | None:
        self.send_error(HTTPStatus.NOT_FOUND)
        return None

    def log_message(self, format: str, *args: Any) -> None:
        logging.debug(format, *args)
