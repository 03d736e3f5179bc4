"""The picture of who inhibits whom."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

import hwsim
from hwsim import picture
from hwsim.errors import HwsimError, MissingToolError
from hwsim.tokens import encode

IMAGES = Path(__file__).parent.parent / "docs" / "images"
INK_LIMIT = 0.95


def scores(layers: int, heads: int, tokens: int) -> list[np.ndarray]:
    rng = np.random.default_rng(tokens)
    return [rng.integers(0, 128, (heads, tokens, tokens)).astype(np.int8) for _ in range(layers)]


def texts(path: Path) -> list[str]:
    """What stands in an SVG file as text."""
    return [element.text or "" for element in ET.parse(path).iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize(("layers", "heads", "tokens"), [(3, 4, 11), (1, 1, 1), (2, 1, 64)])
def test_svg_names_everything(tmp_path: Path, layers: int, heads: int, tokens: int) -> None:
    pieces = [f"piece{i}" for i in range(tokens)]
    path = picture.draw(scores(layers, heads, tokens), pieces, "“A title” → positive", tmp_path / "who.svg")
    found = texts(path)
    assert "“A title” → positive" in found
    for layer in range(layers):
        for head in range(heads):
            assert f"layer {layer}, head {head}" in found
    # Rows are labelled once a layer, columns once a head.
    assert all(found.count(piece) == layers + heads for piece in pieces)
    assert "0: heard in full" in found


def test_the_same_sentence_gives_the_same_bytes(tmp_path: Path) -> None:
    made = [
        picture.draw(scores(1, 2, 5), list("abcde"), "x", tmp_path / name).read_bytes()
        for name in ("one.svg", "two.svg")
    ]
    assert made[0] == made[1]


@pytest.mark.parametrize("tokens", [1, 9, 33])
def test_nothing_touches_the_edge_of_the_png(tmp_path: Path, tokens: int) -> None:
    pieces = ["unforgettable-experience"] * tokens
    title = "A sentence that is long enough to be wrapped, " * 4
    path = picture.draw(scores(2, 2, tokens), pieces, title, tmp_path / "deep" / "who.png")
    image = matplotlib.image.imread(path)[..., :3]
    for edge in (image[0], image[-1], image[:, 0], image[:, -1]):
        assert edge.min() > INK_LIMIT


def test_shade_is_the_score(tmp_path: Path) -> None:
    def darkness(value: int) -> float:
        path = picture.draw([np.full((1, 4, 4), value, np.int8)], list("abcd"), "x", tmp_path / "who.png")
        image = matplotlib.image.imread(path)[..., :3].mean(axis=2)
        # The first panel's centre: columns and rows that hold most of the shade.
        return 1 - float(np.median(image[int(image.shape[0] * 0.5) : int(image.shape[0] * 0.8), 60:250]))

    light, middle, dark = (darkness(value) for value in (0, 64, 127))
    assert light < middle < dark


def test_token_texts_are_taken_as_they_are(tmp_path: Path) -> None:
    pieces = ["$x$", "<b>&", "##ing", "a_very_long_piece_of_text"]
    found = texts(picture.draw(scores(1, 1, 4), pieces, "$5 & more", tmp_path / "who.svg"))
    assert {"$x$", "<b>&", "##ing", "a_very_long_p…", "$5 & more"} <= set(found)


def test_padding_is_not_drawn() -> None:
    config = hwsim.ModelConfig(vocabulary=9, max_tokens=8, width=16, heads=2, layers=2, hidden=16, classes=2)
    token_ids, mask = hwsim.random_tokens(config, 3)
    trace = hwsim.forward(hwsim.random_ticket(config), token_ids, mask, trace=True).trace
    drawn = picture.layer_scores(trace, 2, mask[2])
    assert [score.shape for score in drawn] == [(2, mask[2].sum(), mask[2].sum())] * 2
    np.testing.assert_array_equal(drawn[1], trace["layers.1.score"][2][:, mask[2]][:, :, mask[2]])


def test_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HwsimError, match=r"\.svg or \.png"):
        picture.draw(scores(1, 1, 2), ["a", "b"], "x", tmp_path / "who.pdf")
    with pytest.raises(HwsimError, match="3 pieces do not fit"):
        picture.draw(scores(1, 1, 2), ["a", "b", "c"], "x", tmp_path / "who.svg")
    with pytest.raises(HwsimError, match="do not fit"):
        picture.draw([], [], "x", tmp_path / "who.svg")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingToolError, match=r"pip install 'hwsim\[plots\]'"):
        picture.draw(scores(1, 1, 2), ["a", "b"], "x", tmp_path / "who.svg")


def test_the_picture_of_the_documentation_is_of_the_shipped_ticket(tmp_path: Path) -> None:
    """If not: `hwsim demo` with the sentence and `--picture docs/images/who-inhibits-whom.png`."""
    ticket, text = hwsim.load_ticket("sst2-tiny"), "A warm, funny and quietly moving film."
    encoded = encode(ticket, [text])
    trace = hwsim.forward(ticket, encoded.token_ids, encoded.mask, trace=True).trace
    shades = picture.layer_scores(trace, 0, encoded.mask[0])
    path = picture.draw(shades, encoded.pieces[0], f"“{text}” → positive", tmp_path / "who.png")
    now, kept = (matplotlib.image.imread(p) for p in (path, IMAGES / "who-inhibits-whom.png"))
    assert now.shape == kept.shape
    # Other versions of the font's renderer move a few pixels; another ticket changes every panel.
    assert np.abs(now - kept).mean() < 0.01
