"""onnxruntime-web and onnxruntime-node under Node: one process that answers batch by batch."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import onnx

from hwsim.errors import HwsimError, MissingToolError
from hwsim.model import Trace
from hwsim.onnx_export.runtimes import javascript
from hwsim.onnx_export.runtimes.session import Session


def missing(name: str) -> str | None:
    """Why an npm package cannot run under Node here; None if it can."""
    return javascript.missing(name) if shutil.which("node") else "needs node: install Node.js 18 or newer"


class NodeSession(Session):
    """package: `onnxruntime-web` or `onnxruntime-node`."""

    def __init__(self, model: onnx.ModelProto, package: str) -> None:
        folder = javascript.package(package)
        if folder is None:
            raise MissingToolError(f"{package}: {javascript.missing(package)}")
        self.package, self.version = package, javascript.version(folder)
        self._work = tempfile.TemporaryDirectory(prefix="hwsim-node-")
        self._path = Path(self._work.name)
        (self._path / "model.onnx").write_bytes(model.SerializeToString())
        self._said = (self._path / "stderr").open("w+")
        self._process = subprocess.Popen(
            ["node", javascript.FOLDER / "node.mjs", folder, self._path / "model.onnx"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
        )
        try:
            self._line()
        except BaseException:
            self.close()
            raise

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._said.seek(0)
            raise HwsimError(f"{self.package} failed: {self._said.read().strip()[-1000:]}")
        return line.strip()

    def run(self, token_ids: np.ndarray, mask: np.ndarray) -> Trace:
        assert self._process.stdin is not None
        batch = self._path / "batch"
        batch.write_bytes(javascript.pack(token_ids, mask))
        self._process.stdin.write(f"{batch}\n")
        self._process.stdin.flush()
        self.seconds += float(self._line())
        return javascript.unpack((self._path / "batch.out").read_bytes())

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._said):
            if pipe is not None:
                pipe.close()
        self._work.cleanup()
