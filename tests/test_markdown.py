"""Tables of pages: alignment, what a cell may hold, and where a page keeps them."""

from __future__ import annotations

from hwsim import markdown


def test_a_head_says_how_its_column_is_aligned_and_a_bar_in_a_cell_is_text():
    assert markdown.table(("a", ">b"), [("x|y", "1")]).splitlines() == [
        "| a | b |",
        "| --- | ---: |",
        "| x\\|y | 1 |",
    ]
    assert markdown.numbers(("a", "b"), [("x", "1")]) == markdown.table(("a", ">b"), [("x", "1")])


def test_only_the_tables_that_are_named_are_made_anew():
    page = "before\n<!-- one -->\nold\n<!-- end -->\nbetween\n<!-- two: a.b -->\nkept\n<!-- end -->\n"
    made = markdown.fill(page, {"one": "new \\1", "three": "nowhere"})
    assert made == page.replace("old\n", "\nnew \\1\n\n")
    assert markdown.fill(made, {"one": "new \\1"}) == made
    assert "kept" not in markdown.fill(page, {"two: a.b": "dots are text"})
