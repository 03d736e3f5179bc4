"""The configuration refuses what is not published, naming the field."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from hwsim import ModelConfig, sizes
from hwsim.errors import ConfigError, HwsimError

GOOD: dict[str, Any] = {
    "vocabulary": 100, "max_tokens": 16, "width": 64, "heads": 4, "layers": 2, "hidden": 128, "classes": 2,
}  # fmt: skip


def test_every_published_size_is_accepted() -> None:
    for width in sizes.WIDTHS:
        for head in sizes.HEAD_WIDTHS:
            if head <= width:
                changes = {"width": width, "heads": width // head, "residual_bits": 15}
                assert ModelConfig(**GOOD | changes).head_width == head
    for tokens in sizes.MAX_TOKENS:
        assert ModelConfig(**GOOD | {"max_tokens": tokens}).max_tokens == tokens


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("vocabulary", 0),
        ("vocabulary", sizes.MAX_VOCABULARY + 1),
        ("max_tokens", 15),
        ("max_tokens", 1024),
        ("width", 48),
        ("heads", 0),
        ("heads", 3),
        ("heads", -4),
        ("heads", 64),
        ("layers", 0),
        ("layers", sizes.MAX_LAYERS + 1),
        ("hidden", 0),
        ("hidden", 12),
        ("hidden", sizes.MAX_HIDDEN + 8),
        ("classes", 0),
        ("classes", sizes.MAX_CLASSES + 1),
        ("weights", "int2"),
        ("inhibition", "both"),
        ("centring", "median"),
        ("embed_shift", -1),
        ("embed_shift", 8),
        ("residual_bits", 7),
        ("residual_bits", 17),
        ("width", 64.0),
        ("width", True),
        ("inner_norms", 1),
        ("weights", None),
        ("centring", ["min"]),
    ],
)
def test_anything_else_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"config: {field} is "):
        ModelConfig(**GOOD | {field: value})


def test_a_residual_whose_norm_may_overflow_is_refused() -> None:
    wide = GOOD | {"width": 768, "heads": 12}
    with pytest.raises(ConfigError, match="residual_bits"):
        ModelConfig(**wide)
    assert ModelConfig(**wide, residual_bits=15).residual_bits == 15
    assert ModelConfig(**GOOD | {"width": 512, "heads": 8}).residual_bits == 16


def test_json_round_trip_and_digest() -> None:
    config = ModelConfig(**GOOD, weights="int4", inner_norms=True)
    again = ModelConfig.from_dict(json.loads(config.to_json()))
    assert again == config
    assert again.digest() == config.digest() != ModelConfig(**GOOD).digest()
    assert len(config.digest()) == 12


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (GOOD | {"depth": 3}, "unknown field 'depth'"),
        ({k: v for k, v in GOOD.items() if k != "hidden"}, "field 'hidden' is missing"),
        ([], "list"),
        (GOOD | {"width": "64"}, "width is '64'"),
    ],
)
def test_a_damaged_table_is_refused(values: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ModelConfig.from_dict(values)


def test_derived_values() -> None:
    config = ModelConfig(**GOOD)
    assert (config.head_width, config.inhibit_bits, config.weight_limit) == (16, 8, 1)
    other = dataclasses.replace(config, inner_norms=True, weights="int8")
    assert (other.inhibit_bits, other.weight_limit) == (16, 127)


def test_the_errors_are_one_family() -> None:
    assert issubclass(ConfigError, HwsimError)
    assert issubclass(HwsimError, ValueError)
