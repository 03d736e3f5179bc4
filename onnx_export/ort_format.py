"""The .ort file: the same graph as onnxruntime's minimal builds for phones read it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import onnx
import onnxruntime

from hwsim.errors import HwsimError


def to_ort(model: onnx.ModelProto) -> bytes:
    """The model in onnxruntime's own flatbuffer format, metadata included.

    Optimisation is off: it would store each int8 weight as the int32 it is cast to. Raises HwsimError if
    onnxruntime refuses the model.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.save_model_format", "ORT")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.ort"
        options.optimized_model_filepath = str(path)
        try:
            onnxruntime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # of many unrelated types
            raise HwsimError(f"onnxruntime refuses to convert the model: {error}") from error
        return path.read_bytes()
