"""The page's own code under Node: its tokenizer against `tokenizers`, its steps against the emulator."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

import hwsim
from hwsim import ModelConfig, tickets
from hwsim.errors import MissingToolError, TicketError, UnsupportedError
from hwsim.tokens import tokenizer
from hwsim.web import build
from hwsim.web.build import SITE
from hwsim.web.tokenizer import describe

TICKET = hwsim.load_ticket("sst2-tiny")
DESCRIPTION = describe(TICKET)

ENCODE = f"""
import {{ readFileSync }} from "node:fs";
import {{ Tokenizer }} from "{SITE}/tokenizer.mjs";
const {{ description, texts }} = JSON.parse(readFileSync(0));
const made = new Tokenizer(description);
console.log(JSON.stringify(texts.map((text) => made.encode(text))));
"""

EXPLAIN = f"""
import {{ readFileSync }} from "node:fs";
import {{ explain }} from "{SITE}/explain.mjs";
const {{ tensors, about, pairs }} = JSON.parse(readFileSync(0));
console.log(JSON.stringify(pairs.map((pair) => explain(tensors, about, ...pair))));
"""


def node(program: str, value: Any) -> Any:
    done = subprocess.run(
        ["node", "--input-type=module", "-e", program],
        input=json.dumps(value), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def assert_same(texts: list[str], description: dict = DESCRIPTION, ticket: hwsim.Ticket = TICKET) -> None:
    wanted = tokenizer(ticket.tokenizer).encode_batch(texts, add_special_tokens=False)
    for text, got, want in zip(
        texts, node(ENCODE, {"description": description, "texts": texts}), wanted, strict=True
    ):
        assert got == {"pieces": want.tokens, "ids": want.ids}, repr(text)


def test_every_character_of_every_plane() -> None:
    codes = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    # Between letters, several in one text: what is between one pair does not touch another.
    texts = [" ".join(f"a{chr(code)}b" for code in codes[at : at + 64]) for at in range(0, 0x33000, 64)]
    assert_same([*texts, *(f"a{chr(code)}b" for code in codes[0x33000::257])])


@given(st.lists(st.text(max_size=60), min_size=100, max_size=300))
@settings(deadline=None, max_examples=15)
def test_any_text(texts: list[str]) -> None:
    assert_same(texts)


def test_words_that_are_hard() -> None:
    assert_same(
        [
            "", " \t\n", "It's a can't-miss film!!!", "naïve façade ÅNGSTRÖM Ⅷ ﬁlm", "ΣΊΣΥΦΟΣ", "İstanbul ıI",
            "北京 film 東京", "x" * 100, "x" * 101, "a\u0301\u0302e", "e\u0301", "\u200bfi\u00adlm",
            "a\ufffdb", "a\0b", "👍🏽 great 🇫🇷", "line\u2028break", "[UNK] [PAD] ##ing",
            "don’t “quote” – dash—dash", "½ ² ①", "ß ẞ ŉ",
        ]
    )  # fmt: skip


@pytest.mark.parametrize("name", tickets.shipped())
def test_the_shipped_tickets_can_be_shown(name: str) -> None:
    ticket = hwsim.load_ticket(name)
    assert_same(["What is the capital of France?", "dull"], describe(ticket), ticket)


@pytest.mark.parametrize("centring", ["min", "mean", "none"])
@pytest.mark.parametrize("inhibition", ["signed", "unsigned"])
def test_the_steps_behind_a_square_are_the_emulators(centring: str, inhibition: str) -> None:
    config = ModelConfig(30, 16, 32, 4, 2, 24, 3, centring=centring, inhibition=inhibition, embed_shift=4)
    ticket = hwsim.random_ticket(config, seed=7)
    token_ids = np.random.default_rng(0).integers(0, 30, (1, 11))
    trace = hwsim.forward(ticket, token_ids, trace=True).trace
    about = {
        "config": dataclasses.asdict(config) | {"head_width": config.head_width},
        "layers": [{"score_shift": x.score_shift, "delta": x.delta.tolist()} for x in ticket.layers],
    }
    tensors = {name: {"axes": x.shape, "values": x.ravel().tolist()} for name, x in trace.items()}
    pairs = [
        (layer, head, i, j) for layer in (0, 1) for head in range(4) for i in range(11) for j in range(11)
    ]
    found = node(EXPLAIN, {"tensors": tensors, "about": about, "pairs": pairs})
    passed = np.zeros((2, 4, 11, 8), int)
    for (layer, head, i, j), steps in zip(pairs, found, strict=True):
        assert steps["score"] == steps["shown"] == trace[f"layers.{layer}.score"][0, head, i, j]
        value = trace[f"layers.{layer}.v"][0, j].reshape(4, 8)[head]
        assert steps["value"] == value.tolist()
        passed[layer, head, i] += steps["left"]
    for layer in (0, 1):
        sums = np.moveaxis(passed[layer], 0, 1).reshape(11, 32)
        inhibited = hwsim.ops.requantize(sums, ticket.layers[layer].inhibit_shift)
        np.testing.assert_array_equal(inhibited, trace[f"layers.{layer}.inhibit"][0])


def with_tokenizer(made: Tokenizer | str) -> hwsim.Ticket:
    return TICKET.replace(tokenizer=made if isinstance(made, str) else made.to_str())


def test_other_tokenizers_are_refused() -> None:
    words = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    cased = Tokenizer(models.WordPiece({"[UNK]": 0}, unk_token="[UNK]"))
    cased.normalizer = normalizers.BertNormalizer(lowercase=False)
    cased.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    for other in (words, cased):
        with pytest.raises(UnsupportedError, match="this ticket's tokenizer is another"):
            describe(with_tokenizer(other))
    with pytest.raises(TicketError, match="no tokenizer"):
        describe(with_tokenizer(""))


def test_without_onnxruntime_web_nothing_is_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NODE_PATH", "")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingToolError, match="npm install onnxruntime-web"):
        build(TICKET, "x", tmp_path / "site")
    assert list(tmp_path.iterdir()) == []
