"""The accelerator's parameters: which sets exist, and the smallest one that a ticket fits into."""

from __future__ import annotations

from dataclasses import dataclass

from hwsim.errors import UnsupportedError

LANES = (8, 16, 32, 64)
"""Tokens side by side."""

WIDTHS = (32, 64, 128, 256)
"""Largest d of a ticket. Any LANES goes with any of WIDTHS."""

WEIGHT_DEPTHS = (0, *(1 << bits for bits in range(11, 18)))
"""Weight entries that are stored, 2048..131072; 0: they are streamed in for each run."""

BIAS_DEPTHS = tuple(1 << bits for bits in range(8, 15))
OPERATIONS = (64, 128, 256, 512, 1024)
"""Longest program."""


@dataclass(frozen=True)
class Machine:
    """One set of parameters of `rtl/core/accelerator.v`. Raises UnsupportedError for a set it refuses."""

    lanes: int = 16
    width: int = 128
    weight_depth: int = 16384
    bias_depth: int = 2048
    operations: int = 256

    def __post_init__(self) -> None:
        for name, offered in (
            ("lanes", LANES),
            ("width", WIDTHS),
            ("weight_depth", WEIGHT_DEPTHS),
            ("bias_depth", BIAS_DEPTHS),
            ("operations", OPERATIONS),
        ):
            if getattr(self, name) not in offered:
                raise UnsupportedError(
                    f"the accelerator is not built with {name} {getattr(self, name)}; "
                    f"choose one of {', '.join(map(str, offered))}"
                )

    @property
    def rows_a(self) -> int:
        """Rows of memory A, a byte a lane."""
        return 8 * self.width

    @property
    def rows_s(self) -> int:
        """Rows of memory S, 16 bits a lane."""
        return 4 * self.width

    @property
    def parameters(self) -> dict[str, int]:
        """By the names of the Verilog."""
        return {
            "Lanes": self.lanes,
            "Width": self.width,
            "WeightDepth": self.weight_depth,
            "BiasDepth": self.bias_depth,
            "Operations": self.operations,
        }

    @property
    def streams_weights(self) -> bool:
        """Whether the weight entries come over a stream and are not stored."""
        return self.weight_depth == 0


def at_least(offered: tuple[int, ...], wanted: int) -> int:
    """The smallest size offered that holds `wanted`; the largest if none does (a refusal follows)."""
    return next((size for size in offered if size >= wanted), offered[-1])
