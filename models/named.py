"""Named tensors of several origins in one dictionary, kept apart by prefixes."""

from __future__ import annotations

from torch import Tensor


def prefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors with `prefix.` before their names."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def under(prefix: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The inverse: what stands under `prefix.`."""
    start = f"{prefix}."
    return {name.removeprefix(start): t for name, t in state.items() if name.startswith(start)}
