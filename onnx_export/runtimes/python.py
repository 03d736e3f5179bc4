"""Runtimes with a Python API."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx.reference import ReferenceEvaluator

from hwsim.errors import HwsimError
from hwsim.model import Trace
from hwsim.onnx_export.ort_format import to_ort
from hwsim.onnx_export.runtime import open_session
from hwsim.onnx_export.runtimes.session import Session

Call = Callable[[dict[str, np.ndarray]], list[Any]]
"""From feeds to the outputs in the order of the graph."""


class PythonSession(Session):
    """name: of the runtime, for errors; load: makes the call from the model."""

    def __init__(
        self, name: str, version: str, load: Callable[[onnx.ModelProto], Call], model: onnx.ModelProto
    ) -> None:
        self.name, self.version = name, version
        self.outputs = [output.name for output in model.graph.output]
        try:
            self.call = load(model)
        except Exception as error:  # each runtime raises its own
            raise HwsimError(f"{name} cannot load the model: {error}") from error

    def run(self, token_ids: np.ndarray, mask: np.ndarray) -> Trace:
        feeds = {"token_ids": token_ids.astype(np.int32), "mask": mask.astype(np.int32)}
        start = time.perf_counter()
        try:
            results = self.call(feeds)
        except Exception as error:
            raise HwsimError(f"{self.name} cannot run the model: {error}") from error
        self.seconds += time.perf_counter() - start
        return dict(zip(self.outputs, map(np.asarray, results), strict=True))


def onnxruntime_session(model: onnx.ModelProto, optimise: bool) -> Session:
    """All graph optimisations, or none."""

    def load(model: onnx.ModelProto) -> Call:
        session = open_session(model.SerializeToString(), optimise)
        return lambda feeds: session.run(None, feeds)

    return PythonSession("onnxruntime", onnxruntime.__version__, load, model)


def ort_session(model: onnx.ModelProto) -> Session:
    """The converted .ort file."""

    def load(model: onnx.ModelProto) -> Call:
        session = open_session(to_ort(model), True)
        return lambda feeds: session.run(None, feeds)

    return PythonSession("onnxruntime's .ort", onnxruntime.__version__, load, model)


def reference_session(model: onnx.ModelProto) -> Session:
    """The standard's own evaluator."""

    def load(model: onnx.ModelProto) -> Call:
        evaluator = ReferenceEvaluator(model)
        return lambda feeds: list(evaluator.run(None, feeds))

    return PythonSession("onnx.reference", onnx.__version__, load, model)


def openvino_session(model: onnx.ModelProto) -> Session:
    """OpenVINO on the processor, which computes int32 in float32."""
    import openvino

    def load(model: onnx.ModelProto) -> Call:
        # On processors with bfloat16 units it would by itself take fewer bits than exactness needs.
        options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
        core = openvino.Core()
        compiled = core.compile_model(core.read_model(model.SerializeToString()), "CPU", options)

        def call(feeds: dict[str, np.ndarray]) -> list[Any]:
            found = compiled(feeds)
            return [found[i] for i in range(len(compiled.outputs))]

        return call

    return PythonSession("OpenVINO", openvino.__version__.split("-")[0], load, model)
