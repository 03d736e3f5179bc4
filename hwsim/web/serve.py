"""A folder of static files on loopback."""

from __future__ import annotations

import functools
import os
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType


class _Handler(SimpleHTTPRequestHandler):
    """Python's own, with the types that modules need, and silent."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def log_message(self, format: str, *arguments: object) -> None:
        pass


class Server:
    """Serves while the `with` block runs; `url` is its address. Nobody but this machine can reach it."""

    def __init__(self, folder: str | os.PathLike[str], port: int = 0) -> None:
        """port: 0 for any that is free. Raises OSError if it is taken."""
        handler = functools.partial(_Handler, directory=os.fspath(folder))
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self) -> Server:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
