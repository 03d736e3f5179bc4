"""Tickets and their file: exact round trip, and one clear error for everything damaged or hostile."""

from __future__ import annotations

import dataclasses
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

import hwsim
from hwsim import ModelConfig, Ticket, load_ticket, save_ticket, ticket_file
from hwsim.errors import HwsimError, TicketError
from hwsim.ticket import LINEARS

CONFIG = ModelConfig(vocabulary=20, max_tokens=8, width=16, heads=2, layers=2, hidden=24, classes=2)
TICKET = hwsim.random_ticket(CONFIG).replace(
    labels=("negative", "positive"), tokenizer='{"é": 1}', metrics={"sst2_dev": 0.5}
)


def assert_same(first: Ticket, second: Ticket) -> None:
    assert first.digest() == second.digest()
    for name in ("config", "labels", "tokenizer", "provenance", "metrics"):
        assert getattr(first, name) == getattr(second, name)
    assert first.shifts() == second.shifts()
    for (name, a), (other, b) in zip(first.tensors().items(), second.tensors().items(), strict=True):
        assert name == other
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b, err_msg=name)


@pytest.mark.parametrize("weights", ["ternary", "int4", "int8"])
@pytest.mark.parametrize("density", [0.0, 0.1, 1.0])
def test_round_trip(tmp_path: Path, weights: str, density: float) -> None:
    ticket = hwsim.random_ticket(dataclasses.replace(CONFIG, weights=weights), seed=1, density=density)
    assert_same(ticket, load_ticket(save_ticket(ticket, tmp_path / "t.safetensors")))


def test_labels_tokenizer_and_metrics_come_back(tmp_path: Path) -> None:
    assert_same(TICKET, load_ticket(save_ticket(TICKET, tmp_path / "t.safetensors")))


def test_the_same_ticket_gives_the_same_bytes(tmp_path: Path) -> None:
    first = save_ticket(TICKET, tmp_path / "a.safetensors").read_bytes()
    second = save_ticket(load_ticket(tmp_path / "a.safetensors"), tmp_path / "b.safetensors").read_bytes()
    assert first == second


def test_the_digest_covers_everything_that_decides_an_output() -> None:
    weight = TICKET.classify_weight.copy()
    weight[0, 0] ^= 1
    layer = TICKET.layers[0]
    q = layer.linears["q"]
    changed = [
        TICKET.replace(classify_weight=weight),
        TICKET.replace(tokenizer=""),
        TICKET.replace(config=dataclasses.replace(CONFIG, centring="none")),
        TICKET.replace(
            layers=(dataclasses.replace(layer, score_shift=layer.score_shift + 1), *TICKET.layers[1:])
        ),
        TICKET.replace(
            layers=(
                dataclasses.replace(
                    layer, linears=layer.linears | {"q": dataclasses.replace(q, shift=q.shift + 1)}
                ),
                *TICKET.layers[1:],
            )
        ),
    ]
    assert len({ticket.digest() for ticket in [TICKET, *changed]}) == 6
    assert TICKET.replace(metrics={"other": 1.0}).digest() == TICKET.digest()


def test_density_and_digits() -> None:
    full = hwsim.random_ticket(CONFIG, density=1.0)
    weights = [linear.weight for _, linear in full.encoder()]
    assert full.density == sum((w != 0).sum() for w in weights) / sum(w.size for w in weights)
    assert full.digits == sum((w != 0).sum() for w in weights)
    assert full.density_all > full.density
    empty = hwsim.random_ticket(CONFIG, density=0.0)
    assert (empty.density, empty.digits) == (0.0, 0)


# ---- Wrong values in memory.


def with_layer(**changes: Any) -> Callable[[], Ticket]:
    return lambda: TICKET.replace(layers=(dataclasses.replace(TICKET.layers[0], **changes), TICKET.layers[1]))


def with_linear(name: str, **changes: Any) -> Callable[[], Ticket]:
    linears = dict(TICKET.layers[0].linears)
    linears[name] = dataclasses.replace(linears[name], **changes)
    return with_layer(linears=linears)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: TICKET.replace(token_table=TICKET.token_table.astype(np.int16)),
            "embed.token has dtype int16",
        ),
        (lambda: TICKET.replace(token_table=TICKET.token_table.tolist()), "embed.token has dtype list"),
        (
            lambda: TICKET.replace(position_table=np.zeros((9, 16), np.int8)),
            r"embed.position has shape \(9, 16\)",
        ),
        (lambda: TICKET.replace(token_table=np.full((20, 16), -128, np.int8)), "embed.token holds -128"),
        (
            lambda: TICKET.replace(classify_weight=np.full((2, 16), -128, np.int8)),
            "classify.weight holds -128",
        ),
        (lambda: TICKET.replace(classify_bias=np.zeros(3, np.int32)), "classify.bias has shape"),
        (lambda: TICKET.replace(layers=TICKET.layers[:1]), "1 layers; its config says 2"),
        (lambda: TICKET.replace(labels=("one",)), "1 labels for 2 classes"),
        (with_layer(linears={"q": TICKET.layers[0].linears["q"]}), "layers.0 has linear layers"),
        (with_layer(score_shift=24), "layers.0.score_shift is 24"),
        (with_layer(score_shift=True), "layers.0.score_shift is True"),
        (with_layer(inhibit_shift=-1), "layers.0.inhibit_shift is -1"),
        (with_layer(delta=np.array([0, -1], np.int32)), "layers.0.delta holds -1"),
        (with_layer(delta=np.array([0, 1 << 15], np.int32)), "layers.0.delta holds 32768"),
        (with_layer(delta=np.array([0.0, 1.0])), "layers.0.delta has dtype float64"),
        (
            with_linear("k", weight=np.full((16, 16), 2, np.int8)),
            r"layers.0.k.weight holds 2; values lie in \+-1",
        ),
        (with_linear("ffn_out", weight=np.zeros((24, 16), np.int8)), "layers.0.ffn_out.weight has shape"),
        (with_linear("v", bias=np.zeros(16, np.int64)), "layers.0.v.bias has dtype int64"),
        (with_linear("v", shift=2.0), "layers.0.v.shift is 2.0"),
    ],
)
def test_a_wrong_tensor_is_refused_by_name(make: Callable[[], Ticket], message: str) -> None:
    with pytest.raises(TicketError, match=message):
        make()


@pytest.mark.parametrize(
    "changes",
    [
        {"metrics": {"dev": float("nan")}},
        {"provenance": {"seed": {1, 2}}},
        {"metrics": {"dev": float("inf")}},
    ],
)
def test_what_json_cannot_hold_is_not_written(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(TicketError, match="finite JSON"):
        save_ticket(TICKET.replace(**changes), tmp_path / "t.safetensors")
    assert not list(tmp_path.iterdir())


# ---- Damaged and hostile files.

Tensors = dict[str, np.ndarray]
Header = dict[str, Any]


def refused(tmp_path: Path, content: bytes) -> str:
    """Why a file of this content is refused: one line, behind the name of the file."""
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    with pytest.raises(HwsimError) as caught:
        load_ticket(path)
    name, why = str(caught.value).split(": ", 1)
    assert name == str(path)
    assert "\n" not in why
    return why


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return save_ticket(TICKET, tmp_path_factory.mktemp("good") / "t.safetensors").read_bytes()


def parts(content: bytes) -> tuple[Tensors, Header]:
    size = struct.unpack("<Q", content[:8])[0]
    return load(content), json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["hwsim"])


def rebuilt(tensors: Tensors, header: Header | str) -> bytes:
    text = header if isinstance(header, str) else json.dumps(header)
    return save({name: np.ascontiguousarray(t) for name, t in tensors.items()}, {"hwsim": text})


@pytest.mark.parametrize("keep", [0, 1, 7, 8, 9, 100, -1, -1000])
def test_truncated(tmp_path: Path, good: bytes, keep: int) -> None:
    assert "not a readable safetensors file" in refused(tmp_path, good[:keep])


@pytest.mark.parametrize(
    "content",
    [
        b"\0" * 100,
        b"hello world, this is text",
        struct.pack("<Q", 1 << 60) + b"{}",
        struct.pack("<Q", 2) + b"[]",
    ],
)
def test_not_safetensors(tmp_path: Path, content: bytes) -> None:
    assert "not a readable safetensors file" in refused(tmp_path, content)


def test_a_directory_and_a_missing_file(tmp_path: Path) -> None:
    for path, complaint in ((tmp_path, "no regular file"), (tmp_path / "missing", "no such file")):
        with pytest.raises(TicketError, match=complaint):
            load_ticket(path)


def test_too_large(tmp_path: Path, good: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticket_file, "SIZE_LIMIT", 100)
    assert "the limit is 100" in refused(tmp_path, good)


def test_a_tensor_that_claims_more_than_the_file_holds(tmp_path: Path) -> None:
    table = {"dtype": "I8", "shape": [1 << 40], "data_offsets": [0, 1 << 40]}
    text = json.dumps({"embed.token": table}).encode()
    assert "not a readable safetensors file" in refused(tmp_path, struct.pack("<Q", len(text)) + text)


def change(name: str, value: Callable[[np.ndarray], np.ndarray]) -> Callable[[Tensors, Header], None]:
    def apply(tensors: Tensors, header: Header) -> None:
        tensors[name] = value(tensors[name])

    return apply


def at(index: int, value: int) -> Callable[[np.ndarray], np.ndarray]:
    def apply(array: np.ndarray) -> np.ndarray:
        array = array.copy()
        array.flat[index] = value
        return array

    return apply


def remove(name: str) -> Callable[[Tensors, Header], None]:
    def apply(tensors: Tensors, header: Header) -> None:
        del tensors[name]

    return apply


def meta(*path: Any, value: Any) -> Callable[[Tensors, Header], None]:
    def apply(tensors: Tensors, header: Header) -> None:
        place: Any = header
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value

    return apply


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (remove("embed.token"), "tensor embed.token is missing"),
        (remove("layers.1.ffn_out.digits"), "tensor layers.1.ffn_out.digits is missing"),
        (remove("tokenizer"), "tensor tokenizer is missing"),
        (lambda t, h: t.update(extra=np.zeros(1)), "tensor extra is not part"),
        (change("embed.token", lambda a: a.astype(np.float32)), "embed.token has dtype F32"),
        (change("classify.bias", lambda a: a.astype(np.int64)), "classify.bias has dtype I64"),
        (change("embed.position", lambda a: a[:-1]), "embed.position has shape (7, 16)"),
        (change("embed.token", at(5, -128)), "embed.token holds -128"),
        (change("layers.0.delta", at(0, -5)), "layers.0.delta holds -5"),
        (change("layers.0.q.mask", lambda a: a[:-1]), "layers.0.q.mask has shape"),
        (change("layers.0.q.mask", at(0, 255)), "layers.0.q.digits has"),
        (change("layers.0.k.digits", lambda a: a[:-1]), "layers.0.k.digits has"),
        (change("layers.0.k.digits", lambda a: np.zeros(10**5, np.uint8)), "layers.0.k.digits has shape"),
        (change("layers.0.k.digits", lambda a: a[:, None]), "layers.0.k.digits has shape"),
        (change("layers.0.k.digits", at(0, 0)), "a kept weight the value 0"),
        (change("layers.0.k.digits", at(0, 255)), "a code that is no digit"),
        (change("layers.1.v.bias", lambda a: a[None]), "layers.1.v.bias has shape"),
        (change("tokenizer", lambda a: np.array([255, 254], np.uint8)), "not UTF-8"),
        (meta("format", value="other"), "does not say format"),
        (meta("version", value=2), "version 2; this hwsim reads version 1"),
        (meta("version", value=True), "version True"),
        (meta("version", value=1.0), "version 1.0"),
        (meta("surplus", value=1), "metadata has keys"),
        (meta("config", value=[]), "config is a list"),
        (meta("config", "depth", value=3), "unknown field 'depth'"),
        (meta("config", "width", value=17), "config: width is 17"),
        (meta("config", "layers", value=1 << 40), "config: layers"),
        (meta("config", "vocabulary", value=65536), "embed.token has shape"),
        (meta("config", "weights", value="int4"), "layers.0.q.digits has"),
        (meta("config", "layers", value=1), "shifts has 2 layers; config says 1"),
        (meta("shifts", value=[]), "shifts has 0 layers"),
        (meta("shifts", 0, value={"q": 1}), "shifts of layer 0"),
        (meta("shifts", 1, value="q"), "shifts of layer 1"),
        (meta("shifts", 0, "q", value=99), "layers.0.q.shift is 99"),
        (meta("shifts", 0, "score", value="1"), "layers.0.score_shift is '1'"),
        (meta("labels", value=[1, 2]), "labels must be text"),
        (meta("labels", value=["one"]), "1 labels for 2 classes"),
        (meta("metrics", value={"dev": "good"}), "metric dev"),
        (meta("metrics", value={"dev": True}), "metric dev"),
        (meta("metrics", value={"dev": 10**400}), "metric dev"),
        (meta("metrics", value={"dev": float("nan")}), "NaN is not a finite number"),
        (meta("provenance", value={"loss": float("-inf")}), "-Infinity is not a finite number"),
    ],
)
def test_one_thing_wrong(
    tmp_path: Path, good: bytes, damage: Callable[[Tensors, Header], None], message: str
) -> None:
    tensors, header = parts(good)
    damage(tensors, header)
    assert message in refused(tmp_path, rebuilt(tensors, header))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ("[]", "does not say format"),
        ("[" * 200_000, "not valid JSON"),
        ('{"a":' * 200_000, "not valid JSON"),
        ("9" * 10_000, "not valid JSON"),
        ('{"metrics": 1e999}', "1e999 is not a finite number"),
    ],
)
def test_hostile_metadata(tmp_path: Path, good: bytes, text: str, message: str) -> None:
    assert message in refused(tmp_path, rebuilt(parts(good)[0], text))


def test_no_metadata_at_all(tmp_path: Path, good: bytes) -> None:
    assert "no key 'hwsim'" in refused(tmp_path, save(parts(good)[0]))


def test_bits_behind_the_last_weight(tmp_path: Path) -> None:
    # Every published layer is a whole number of bytes, so this is reached through `unpack` alone.
    with pytest.raises(TicketError, match="behind its last weight"):
        ticket_file.unpack("w", np.array([255], np.uint8), np.array([], np.uint8), (1, 3), 1)


@pytest.mark.parametrize("limit", [7, 127])
def test_digits_that_are_not_canonical(limit: int) -> None:
    planes = 4 if limit == 7 else 8
    codes = ticket_file.to_codes(np.array([1, 1] + [0] * (planes - 2)))
    with pytest.raises(TicketError, match=r"w\.digits: .*neighbouring"):
        ticket_file.unpack("w", np.array([1], np.uint8), codes, (1, 8), limit)


def test_a_weight_beyond_its_kind() -> None:
    # The four planes of int4 can write 8, which is no int4 weight.
    codes = ticket_file.to_codes(np.array([0, 0, 0, 1]))
    weight = ticket_file.unpack("w", np.array([1], np.uint8), codes, (1, 8), 7)
    assert weight[0, 0] == 8
    config = dataclasses.replace(CONFIG, weights="int4")
    ticket = hwsim.random_ticket(config)
    layer = ticket.layers[0]
    bad = layer.linears["q"].weight.copy()
    bad[0, 0] = 8
    linears = layer.linears | {"q": dataclasses.replace(layer.linears["q"], weight=bad)}
    with pytest.raises(TicketError, match=r"layers.0.q.weight holds 8; values lie in \+-7"):
        ticket.replace(layers=(dataclasses.replace(layer, linears=linears), *ticket.layers[1:]))


@given(st.data())
@settings(deadline=None, max_examples=150)
def test_any_flipped_bytes_load_or_are_refused(
    tmp_path_factory: pytest.TempPathFactory, good: bytes, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "flipped.safetensors"
    content = bytearray(good)
    # Half of them hit the header, where it hurts.
    reach = data.draw(st.sampled_from((5000, len(content) - 1)))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, reach))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content))
    try:
        loaded = load_ticket(path)
    except HwsimError as error:
        assert str(path) in str(error)
    else:
        assert set(loaded.layers[0].linears) == set(LINEARS)
