"""The architecture of a model: one frozen dataclass, checked when it is made."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from hwsim import sizes
from hwsim.errors import ConfigError
from hwsim.ops.embed import LARGEST_SHIFT
from hwsim.ops.manhattan_norm import NORM_LIMIT
from hwsim.ops.manhattan_score import CENTRINGS

WEIGHT_LIMITS = {"ternary": 1, "int4": 7, "int8": 127}
"""Largest weight magnitude of each weight kind."""

INHIBITIONS = ("signed", "unsigned")


@dataclass(frozen=True)
class ModelConfig:
    """Sizes and switches of an integer Inhibitor Transformer (`docs/arithmetic.md`).

    Raises ConfigError, naming the field, for anything outside the published sizes.
    """

    vocabulary: int
    """Rows of the token table."""
    max_tokens: int
    """n_max: the longest sequence; overflow is proved impossible up to here."""
    width: int
    """d, the width of the residual stream."""
    heads: int
    layers: int
    hidden: int
    """Width of the feed-forward layer."""
    classes: int
    weights: str = "ternary"
    """Largest weight magnitude of the encoder: ternary 1, int4 7, int8 127."""
    residual_bits: int = 16
    inhibition: str = "signed"
    centring: str = "min"
    inner_norms: bool = False
    """Normalise again before the two output projections."""
    embed_shift: int = 0
    """Left shift of the embedding sum, 0..7."""

    def __post_init__(self) -> None:
        def check(good: bool, field: str, fix: str) -> None:
            if not good:
                raise ConfigError(f"config: {field} is {getattr(self, field)!r}; {fix}")

        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            kind = {"int": int, "str": str, "bool": bool}[str(field.type)]
            if type(value) is not kind:
                raise ConfigError(f"config: {field.name} is {value!r}; it must be of type {field.type}")
        check(1 <= self.vocabulary <= sizes.MAX_VOCABULARY, "vocabulary", f"1..{sizes.MAX_VOCABULARY}")
        check(self.max_tokens in sizes.MAX_TOKENS, "max_tokens", f"choose one of {sizes.MAX_TOKENS}")
        check(self.width in sizes.WIDTHS, "width", f"choose one of {sizes.WIDTHS}")
        check(
            self.heads >= 1 and self.width % self.heads == 0 and self.head_width in sizes.HEAD_WIDTHS,
            "heads",
            f"width / heads must be one of {sizes.HEAD_WIDTHS}",
        )
        check(1 <= self.layers <= sizes.MAX_LAYERS, "layers", f"1..{sizes.MAX_LAYERS}")
        check(
            1 <= self.hidden <= sizes.MAX_HIDDEN and self.hidden % 8 == 0,
            "hidden",
            f"a multiple of 8 in 8..{sizes.MAX_HIDDEN}",
        )
        check(1 <= self.classes <= sizes.MAX_CLASSES, "classes", f"1..{sizes.MAX_CLASSES}")
        check(self.weights in WEIGHT_LIMITS, "weights", f"choose one of {tuple(WEIGHT_LIMITS)}")
        check(self.inhibition in INHIBITIONS, "inhibition", f"choose one of {INHIBITIONS}")
        check(self.centring in CENTRINGS, "centring", f"choose one of {CENTRINGS}")
        check(0 <= self.embed_shift <= LARGEST_SHIFT, "embed_shift", f"0..{LARGEST_SHIFT}")
        check(
            8 <= self.residual_bits <= 16 and self.width * ((1 << (self.residual_bits - 1)) - 1) < NORM_LIMIT,
            "residual_bits",
            "8..16, with width * (2^(residual_bits-1) - 1) below 2^24",
        )

    @property
    def head_width(self) -> int:
        """dh = width / heads."""
        return self.width // self.heads

    @property
    def inhibit_bits(self) -> int:
        """Bits of the attention output: 16 when an inner norm follows, else 8."""
        return 16 if self.inner_norms else 8

    @property
    def weight_limit(self) -> int:
        """Largest magnitude of an encoder weight."""
        return WEIGHT_LIMITS[self.weights]

    def to_json(self) -> str:
        """Canonical JSON, the text that `digest` hashes."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ModelConfig:
        """Build from a mapping. Raises ConfigError for unknown or missing fields."""
        if not isinstance(values, dict):
            raise ConfigError(f"config: expected a table of fields, found {type(values).__name__}")
        known = {field.name: field for field in dataclasses.fields(cls)}
        if unknown := sorted(set(values) - set(known)):
            raise ConfigError(f"config: unknown field {unknown[0]!r}; the fields are {', '.join(known)}")
        for name, field in known.items():
            if name not in values and field.default is dataclasses.MISSING:
                raise ConfigError(f"config: field {name!r} is missing")
        return cls(**values)

    def digest(self) -> str:
        """First 12 hex digits of the SHA-256 of `to_json`."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]
