"""Run an exported model: onnxruntime with optimisation on and off, and the standard's reference."""

from __future__ import annotations

import json

import numpy as np
import onnx
import onnxruntime
from onnx.reference import ReferenceEvaluator

from hwsim.config import ModelConfig
from hwsim.errors import HwsimError
from hwsim.model import Trace, check_tokens

RUNTIMES = ("onnxruntime", "onnxruntime_unoptimised", "onnx_reference")


def run(model: onnx.ModelProto, feeds: dict[str, np.ndarray], runtime: str = "onnxruntime") -> Trace:
    """All outputs of any exported graph by name, int32; feeds by input name, cast to int32.

    Raises HwsimError for an unknown runtime or if the runtime refuses the model or the feeds.
    """
    if runtime not in RUNTIMES:
        raise HwsimError(f"runtime is {runtime!r}; choose one of {', '.join(RUNTIMES)}")
    feeds = {name: np.asarray(value).astype(np.int32) for name, value in feeds.items()}
    try:
        if runtime == "onnx_reference":
            results = ReferenceEvaluator(model).run(None, feeds)
        else:
            results = open_session(model.SerializeToString(), runtime == "onnxruntime").run(None, feeds)
    except Exception as error:
        # Both raise exceptions of many unrelated types.
        raise HwsimError(f"{runtime} refuses to run the model: {error}") from error
    return dict(zip((output.name for output in model.graph.output), results, strict=True))


def open_session(content: bytes, optimise: bool) -> onnxruntime.InferenceSession:
    """onnxruntime on the processor, given a .onnx or .ort file's content; with graph optimisation or not."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    level = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimise else level.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _tokens(model: onnx.ModelProto, token_ids: np.ndarray, mask: np.ndarray | None) -> dict[str, np.ndarray]:
    """Checked inputs: a runtime would take a negative id or an empty row without a word."""
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    if metadata.get("part") != "model":
        raise HwsimError("this is not a whole hwsim model; use hwsim.onnx_export.run for a part of one")
    config = ModelConfig.from_dict(json.loads(metadata["config"]))
    checked = check_tokens(config, token_ids, mask)
    return dict(zip(("token_ids", "mask"), checked, strict=True))


def run_onnxruntime(
    model: onnx.ModelProto, token_ids: np.ndarray, mask: np.ndarray | None = None, optimise: bool = True
) -> Trace:
    """Every output of an exported whole model (`logits`, and with trace all named tensors), int32.

    token_ids, mask: as for `hwsim.forward`. Raises HwsimError for the inputs `hwsim.forward` refuses.
    """
    return run(model, _tokens(model, token_ids, mask), RUNTIMES[0] if optimise else RUNTIMES[1])


def run_reference(model: onnx.ModelProto, token_ids: np.ndarray, mask: np.ndarray | None = None) -> Trace:
    """The same in `onnx.reference`, slow and neutral."""
    return run(model, _tokens(model, token_ids, mask), RUNTIMES[2])
