"""The published sizes. Every value is tested in the implementations that offer it; anything else is refused.

NumPy, PyTorch and ONNX offer the first three lists; the Verilog offers the shorter RTL_ lists of its own.
"""

from __future__ import annotations

WIDTHS = (16, 32, 64, 128, 256, 384, 512, 768)
"""d, the model width."""

HEAD_WIDTHS = (4, 8, 16, 32, 64)
"""dh = d / heads."""

MAX_TOKENS = (8, 16, 32, 64, 128, 256, 512)
"""n_max, the longest sequence a model may see; every length 1..n_max works."""

LANES = (1, 4, 8, 16, 32, 64)
"""Tokens side by side in the token-parallel Verilog operators."""

RTL_MAX_TOKENS = (8, 16, 32, 64, 128)
"""n_max of the Verilog attention head, which stores its keys and values in flip-flops or block RAM."""

RTL_WIDTHS = (16, 32, 64, 128, 256)
"""Row lengths of the Verilog norm and pool."""

MAX_LAYERS = 24
MAX_HIDDEN = 3072
MAX_VOCABULARY = 65536
MAX_CLASSES = 64
