"""The page in Chromium: what it says is what the emulator computes, for mouse, keyboard and phone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Request, sync_playwright

import hwsim
from hwsim.tokens import encode
from hwsim.web import Server, build
from hwsim.web.examples import FILMS

NAME = "sst2-tiny"
TICKET = hwsim.load_ticket(NAME)
TEXT = "Surprisingly GOOD, though the café scene drags — a 2-hour film!"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    build(TICKET, NAME, folder)
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        yield browser
        browser.close()


class Opened:
    """A page that is ready; everything it asked for and every error it made."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.asked: list[str] = []
        self.errors: list[str] = []
        page.on("request", self._request)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        page.goto(url)
        page.wait_for_selector("#badge[data-state=exact], #badge[data-state=wrong]")

    def _request(self, request: Request) -> None:
        self.asked.append(request.url)

    def classify(self, text: str) -> None:
        self.page.fill("#text", text)
        self.page.press("#text", "Enter")
        self.page.wait_for_selector("#map:not([hidden])")


@pytest.fixture
def opened(site: Path, browser: Browser) -> Iterator[Opened]:
    with Server(site) as server:
        context = browser.new_context(viewport={"width": 1200, "height": 900})
        made = Opened(context.new_page(), server.url)
        yield made
        context.close()
        assert made.errors == []
        assert [url for url in made.asked if not url.startswith((server.url, "data:"))] == []


def trace(text: str) -> tuple[list[str], dict[str, np.ndarray]]:
    encoded = encode(TICKET, [text])
    found = hwsim.forward(TICKET, encoded.token_ids, encoded.mask, trace=True)
    return encoded.pieces[0], found.trace


def test_a_typed_sentence_is_classified_as_the_emulator_does(opened: Opened, tmp_path: Path) -> None:
    page = opened.page
    opened.classify(TEXT)
    pieces, expected = trace(TEXT)
    logits = expected["logits"][0]
    assert page.inner_text("#prediction") == TICKET.labels[logits.argmax()]
    shown = page.locator("#logits td:nth-child(2)").all_inner_texts()
    assert list(map(int, shown)) == logits.tolist()
    assert f"{len(pieces)} tokens in" in page.inner_text("#facts")
    assert " ms" in page.inner_text("#facts")
    assert page.locator("#grid thead th").all_inner_texts() == pieces
    page.screenshot(path=tmp_path / "page.png", full_page=True)
    assert (tmp_path / "page.png").stat().st_size > 20_000


def test_the_map_of_every_head_is_the_score(opened: Opened) -> None:
    page = opened.page
    opened.classify(TEXT)
    pieces, expected = trace(TEXT)
    for layer in range(TICKET.config.layers):
        for head in range(TICKET.config.heads):
            page.get_by_role("radio", name=f"Layer {layer + 1}, head {head + 1}").click()
            cells = page.locator("#grid td[data-i]").all_inner_texts()
            score = expected[f"layers.{layer}.score"][0, head]
            assert np.array(cells, int).reshape(score.shape).tolist() == score.tolist()
            # The steps are computed again in the page and end in the same score.
            assert page.get_attribute("#inspector", "data-agrees") == "true"
    page.hover(f"#grid td[data-i='2'][data-j='{len(pieces) - 1}']")
    assert f"“{pieces[2]}” (token 3) looks at “{pieces[-1]}” (token {len(pieces)})" in page.inner_text(
        "#pair"
    )
    last = expected["layers.2.score"][0, 3]
    assert page.locator("#steps b").all_inner_texts()[-1] == str(last[2, -1])


def test_every_tensor_can_be_read(opened: Opened) -> None:
    page = opened.page
    opened.classify(FILMS[0])
    page.click("summary")
    _, expected = trace(FILMS[0])
    assert page.locator("#tensor option").all_inner_texts() == list(expected)
    for name in ("embed", "layers.1.score", "layers.2.ffn_hidden", "pool", "logits"):
        page.select_option("#tensor", name)
        shown = page.eval_on_selector_all(
            "#values td", "cells => cells.map(cell => Number(cell.textContent))"
        )
        assert shown == expected[name].ravel().tolist()


def test_the_badge_compares_every_exported_tensor(opened: Opened) -> None:
    total = sum(sum(x.size for x in trace(text)[1].values()) for text in FILMS)
    names = len(trace(FILMS[0])[1])
    badge = opened.page.inner_text("#badge")
    assert f"Bit-exact: all {names} tensors, {total:,} integers of 3 sentences" in badge


def test_the_badge_tells_one_wrong_integer(site: Path, browser: Browser, tmp_path: Path) -> None:
    shutil.copytree(site, tmp_path / "site")
    path = tmp_path / "site" / "vectors.json"
    vectors = json.loads(path.read_text())
    vectors[2]["tensors"]["layers.1.attn_out"]["values"][7] += 1
    path.write_text(json.dumps(vectors))
    with Server(tmp_path / "site") as server:
        made = Opened(browser.new_page(), server.url)
        said = made.page.inner_text("#badge")
        made.page.close()
    value = vectors[2]["tensors"]["layers.1.attn_out"]["values"][7]
    assert f"Not bit-exact here: layers.1.attn_out, element 7: expected {value}, got {value - 1}" in said


def test_a_model_that_cannot_be_loaded_is_said(site: Path, browser: Browser, tmp_path: Path) -> None:
    shutil.copytree(site, tmp_path / "site")
    (tmp_path / "site" / "model.onnx").write_bytes(b"nothing")
    with Server(tmp_path / "site") as server:
        made = Opened(browser.new_page(), server.url)
        said, disabled = made.page.inner_text("#badge"), made.page.is_disabled("#go")
        made.page.close()
    assert "could not be loaded" in said
    assert disabled


def test_keyboard_alone(opened: Opened) -> None:
    page = opened.page

    def focused(what: str) -> str | None:
        return page.evaluate(f"document.activeElement.{what}")

    page.keyboard.press("Tab")
    assert focused("id") == "text"
    page.keyboard.type("A dull film.")
    page.keyboard.press("Tab")
    assert focused("id") == "go"
    page.keyboard.press("Enter")
    page.wait_for_selector("#map:not([hidden])")
    for _ in range(len(FILMS) + 1):
        page.keyboard.press("Tab")
    assert focused("ariaLabel") == "Layer 1, head 1"
    page.keyboard.press("ArrowRight")
    assert focused("ariaLabel") == "Layer 1, head 2"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert focused("ariaLabel") == "Layer 3, head 4"
    assert page.get_attribute("#heads [aria-checked=true]", "aria-label") == "Layer 3, head 4"
    page.locator("#grid td[tabindex='0']").focus()
    for key, place in (
        ("ArrowRight", "0 1"), ("ArrowDown", "1 1"), ("End", "1 3"), ("ArrowRight", "1 3"), ("Home", "1 0"),
        ("ArrowUp", "0 0"), ("ArrowUp", "0 0"), ("ArrowLeft", "0 0"),
    ):  # fmt: skip
        page.keyboard.press(key)
        assert page.evaluate("Object.values(document.activeElement.dataset).join(' ')") == place
    score = trace("A dull film.")[1]["layers.2.score"][0, 3, 0, 0]
    assert focused("ariaLabel") == f"a inhibits a by {score}"


def test_names_for_screen_readers(opened: Opened) -> None:
    page = opened.page
    opened.classify(FILMS[0])
    assert page.get_attribute("html", "lang") == "en"
    assert page.get_by_label("A sentence").count() == 1
    assert page.get_by_role("button", name="Classify").count() == 1
    assert page.get_by_role("radiogroup", name="Layer and head").count() == 1
    assert page.get_by_role("grid", name="Layer 1, head 1: rows look at columns").count() == 1
    assert page.get_by_role("status").count() == 1
    assert page.get_attribute("#result", "aria-live") == "polite"
    unnamed = page.eval_on_selector_all(
        "button, input, select",
        "all => all.filter(e => !(e.textContent.trim() || e.ariaLabel || e.labels?.length)).length",
    )
    assert unnamed == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone(site: Path, browser: Browser, tmp_path: Path, scheme: str) -> None:
    with Server(site) as server:
        context = browser.new_context(
            viewport={"width": 360, "height": 740},
            color_scheme="dark" if scheme == "dark" else "light",
            is_mobile=True,
            has_touch=True,
        )
        made = Opened(context.new_page(), server.url)
        made.classify(TEXT)
        made.page.tap("#grid td[data-i='1'][data-j='3']")
        pair = made.page.inner_text("#pair")
        # The page never scrolls sideways; the map does in its own frame.
        wide = made.page.evaluate("document.documentElement.scrollWidth")
        small = made.page.eval_on_selector_all(
            "#go, #text, #heads button",
            "all => all.filter(e => e.getBoundingClientRect().height < 40).length",
        )
        made.page.screenshot(path=tmp_path / "phone.png", full_page=True)
        context.close()
    assert "(token 2) looks at" in pair
    assert wide <= 360
    assert small == 0
    assert made.errors == []


def test_empty_long_and_hostile_text(opened: Opened) -> None:
    page = opened.page
    page.fill("#text", "\u200b \u00ad")
    page.press("#text", "Enter")
    assert page.evaluate("document.getElementById('text').validationMessage") != ""
    assert page.is_hidden("#result")
    long = "good film " * 20 + "bad plot " * 30
    opened.classify(long)
    assert "64 tokens in" in page.inner_text("#facts")
    assert "36 more were left out of the middle" in page.inner_text("#facts")
    expected = hwsim.forward(TICKET, encode(TICKET, [long]).token_ids).logits[0]
    shown = page.locator("#logits td:nth-child(2)").all_inner_texts()
    assert list(map(int, shown)) == expected.tolist()
    hostile = "<img src=x onerror=alert(1)> <b>film</b>"
    opened.classify(hostile)
    assert page.locator("main img").count() == 0
    assert page.locator("#grid thead th").all_inner_texts() == trace(hostile)[0]
