"""Inhibitor attention: fused Triton kernels on a GPU, chunks on a CPU, one interface; docs/kernels.md."""

from hwsim.models.kernels.pieces import inhibit_sum, manhattan_distance  # isort: skip
from hwsim.models.kernels.attention import inhibitor_attention  # after `pieces`, which its imports need

__all__ = ["inhibit_sum", "inhibitor_attention", "manhattan_distance"]
