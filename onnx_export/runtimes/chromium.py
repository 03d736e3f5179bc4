"""onnxruntime-web in headless Chromium: a page, served on loopback, that asks for batch after batch."""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import onnx

from hwsim.errors import HwsimError, MissingToolError
from hwsim.model import Trace
from hwsim.onnx_export.runtimes import javascript
from hwsim.onnx_export.runtimes.session import Session

PACKAGE = "onnxruntime-web"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
KINDS = {".html": "text/html", ".mjs": "text/javascript", ".wasm": "application/wasm"}
PATIENCE = 120
"""Seconds until a page that says nothing counts as failed."""
FLAGS = (
    "--headless=new",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
)


def browser() -> str | None:
    """The path of a Chromium; None if there is none."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def missing() -> str | None:
    """Why onnxruntime-web cannot run in Chromium here; None if it can."""
    return javascript.missing(PACKAGE) if browser() else "needs chromium: install Debian's package chromium"


class ChromiumSession(Session):
    """Raises MissingToolError without Chromium or the npm package, HwsimError if the page fails."""

    def __init__(self, model: onnx.ModelProto) -> None:
        found, folder = browser(), javascript.package(PACKAGE)
        if found is None or folder is None:
            raise MissingToolError(str(missing()))
        self._batches: queue.Queue[bytes] = queue.Queue()
        self._answers: queue.Queue[tuple[str, bytes]] = queue.Queue()
        files = {
            "/": javascript.FOLDER / "page.html",
            "/runner.mjs": javascript.FOLDER / "runner.mjs",
            **{
                f"/ort/{path.name}": path for path in (folder / "dist").glob("ort*.*") if path.suffix in KINDS
            },
        }
        handler = _handler(files, model.SerializeToString(), self._batches, self._answers)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._profile = tempfile.TemporaryDirectory(prefix="hwsim-chromium-", ignore_cleanup_errors=True)
        # Chromium refuses its sandbox to root.
        sandbox = ["--no-sandbox"] if os.getuid() == 0 else []
        self._process = subprocess.Popen(
            [
                *(found, *FLAGS, *sandbox, f"--user-data-dir={self._profile.name}"),
                f"http://127.0.0.1:{self._server.server_port}/",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            agent = self._answer("/ready").decode()
        except BaseException:
            self.close()
            raise
        self.version = f"{javascript.version(folder)} in {agent.split('Chrome/')[-1].split()[0]}"

    def _answer(self, wanted: str) -> bytes:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                path, content = self._answers.get(timeout=1)
            except queue.Empty:
                if self._process.poll() is not None:
                    raise HwsimError(f"Chromium ended with status {self._process.returncode}") from None
                if time.monotonic() > end:
                    raise HwsimError(f"the page in Chromium said nothing for {PATIENCE} s") from None
                continue
            if urlsplit(path).path != wanted:
                raise HwsimError(f"{PACKAGE} in Chromium failed: {content.decode(errors='replace')[:1000]}")
            self.seconds += float(parse_qs(urlsplit(path).query).get("seconds", ["0"])[0])
            return content

    def run(self, token_ids: np.ndarray, mask: np.ndarray) -> Trace:
        self._batches.put(javascript.pack(token_ids, mask))
        return javascript.unpack(self._answer("/result"))

    def close(self) -> None:
        # Its own group, made above: the browser's many processes and no other.
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._server.shutdown()
        self._server.server_close()
        self._profile.cleanup()


def _handler(
    files: dict[str, Path],
    model: bytes,
    batches: queue.Queue[bytes],
    answers: queue.Queue[tuple[str, bytes]],
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Serves what the page needs and nothing else; `log_message` is silent."""

        def _send(self, status: int, content: bytes = b"", kind: str = "application/octet-stream") -> None:
            # When the session is closed the browser is gone, and still owed an answer.
            with contextlib.suppress(ConnectionError):
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        def do_GET(self) -> None:
            if self.path == "/model.onnx":
                self._send(200, model)
            elif self.path == "/batch":
                try:
                    self._send(200, batches.get(timeout=5))
                except queue.Empty:
                    self._send(204)
            elif self.path in files:
                path = files[self.path]
                self._send(200, path.read_bytes(), KINDS[path.suffix])
            else:
                self._send(404)

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            self._send(204)
            answers.put((self.path, content))

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    return Handler
