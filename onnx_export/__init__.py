"""Export to plain-integer ONNX that gives the emulator's integers in every runtime."""

from hwsim.onnx_export.load import OnnxFileError, load_model
from hwsim.onnx_export.model import export_block, export_head, export_model, save_model, serialize
from hwsim.onnx_export.operators import run_operator
from hwsim.onnx_export.runtime import RUNTIMES, run, run_onnxruntime, run_reference

__all__ = [
    "RUNTIMES",
    "OnnxFileError",
    "export_block",
    "export_head",
    "export_model",
    "load_model",
    "run",
    "run_onnxruntime",
    "run_operator",
    "run_reference",
    "save_model",
    "serialize",
]
