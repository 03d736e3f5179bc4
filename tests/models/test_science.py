"""Decisions, tables, figures and the page, on grids whose effects are known."""

from __future__ import annotations

import importlib.util
import itertools
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import science_records as made
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim import markdown
from hwsim.errors import HwsimError
from hwsim.models.science import beside, matching, overlaps, records, table
from hwsim.models.science.barriers import barriers
from hwsim.models.science.hypotheses import answers, same_mask
from hwsim.models.science.points import CONTROLS, lines, points

DOCS = Path(__file__).parents[2] / "docs"
specification = importlib.util.spec_from_file_location("docs_science", DOCS / "science.py")
assert specification is not None and specification.loader is not None
page = importlib.util.module_from_spec(specification)
specification.loader.exec_module(page)


@pytest.fixture(scope="module")
def grid() -> list[dict]:
    return records.merged(made.grid())


@pytest.fixture(scope="module")
def small() -> list[dict]:
    """Three seeds."""
    return records.merged(made.grid(seeds=3))


@pytest.fixture(scope="module")
def main(grid):
    return lines(points(grid))[0]


@pytest.fixture(scope="module")
def family(main):
    return matching.separations(main)


def test_planted_effects_are_found_and_the_missing_one_is_not(family):
    assert len(family) == len(CONTROLS) * len(made.AT)
    for one in family:
        better = one.b.method != "sign"
        assert one.accuracy.separated == better, one.b.round
        assert one.loss.separated == better, one.b.round
        assert (one.accuracy.interval.mean > 0.02) == better
        assert one.accuracy.adjusted >= one.accuracy.interval.p
        assert (one.pooled() < 0.001) == better
        assert one.accuracy.flip_seeds >= 1 / 16
        assert len(one.mcnemar()) == 5


@pytest.mark.parametrize("spread", [0.03, 0.1])
def test_without_effects_hardly_a_family_separates_anything(spread):
    """The rate of families with an error, however much seeds differ: by Holm at most 5 %."""
    wrong = 0
    for number in range(25):
        world = made.World("sst2", 300, number, spread)
        runs = [world.run("dense", 1.0, s, 0.0) for s in range(5)]
        for s, d in itertools.product(range(5), made.AT):
            runs += [world.run(method, d, s, 0.0) for method in ("iterative", "shuffle", "reinit")]
        (line,) = lines(points(runs))
        family = matching.separations(line)
        wrong += any(one.accuracy.separated or one.loss.separated for one in family)
    assert wrong <= 5  # two families at 5 % each: more in 3 % of cases


def test_differences_are_those_of_the_metrics(family):
    one = family[3]
    accuracy = one.a.values("accuracy") - one.b.values("accuracy")
    loss = one.a.values("loss") - one.b.values("loss")
    assert one.accuracy.interval.mean == pytest.approx(accuracy.mean())
    assert one.loss.interval.mean == pytest.approx(loss.mean())
    assert one.ece.mean == pytest.approx((one.a.values("ece") - one.b.values("ece")).mean())
    agreement = one.a.values("agreement") - one.b.values("agreement")
    assert one.agreement is not None and one.agreement.mean == pytest.approx(agreement.mean())
    assert matching.compare(one.a, one.b).seeds == (0, 1, 2, 3, 4)


def test_a_pair_is_compared_on_common_seeds(grid):
    few = [r for r in grid if r["kind"] == "run" and not (r["method"] == "shuffle" and r["seed"] > 1)]
    (found, *_) = matching.separations(lines(points(few))[0])
    assert found.b.method == "shuffle" and found.seeds == (0, 1)
    one = [r for r in few if not (r["method"] == "shuffle" and r["seed"] > 0)]
    assert "shuffle" not in {c.b.method for c in matching.separations(lines(points(one))[0])}


def test_ladder_matches_where_it_was_made_to(main):
    rungs = matching.ladder(main)
    dense = main.dense.values("accuracy")
    for rung in rungs:
        mean, high = rung.ticket.values("accuracy").mean(), rung.comparison.accuracy.interval.high
        assert rung.matches == (mean >= dense.mean() - dense.std(ddof=1) and high >= 0)
        mean, low = rung.ticket.values("loss").mean(), rung.comparison.loss.interval.low
        losses = main.dense.values("loss")
        assert rung.matches_loss == (mean <= losses.mean() + losses.std(ddof=1) and low <= 0)
        if rung.ticket.rung > 0.25 or rung.ticket.rung < 0.1:
            assert rung.matches == (rung.ticket.rung > 0.25)


def test_matching_stops_at_the_first_failure():
    yes, no = True, False
    assert matching.matching([(0.8, yes), (0.6, yes), (0.5, no), (0.4, yes), (0.3, no)]) == (
        matching.Matching(0.6, 0.4)
    )
    assert matching.matching([(0.8, no), (0.6, yes)]) == matching.Matching(None, 0.6)
    assert matching.matching([(0.8, yes)]) == matching.Matching(0.8, 0.8)
    assert matching.matching([]) == matching.Matching(None, None)


def test_hypotheses(main, family, grid):
    said = {one.hypothesis: one for one in answers(main, matching.ladder(main), family)}
    assert list(said) == ["H1", "H2", "H3", "H4", "H5"]
    assert all(one.holds for one in said.values())
    assert said["H2"].densities == tuple(made.AT)
    without = [one for one in family if one.b.method != "long_dense"]
    assert {a.hypothesis: a.holds for a in answers(main, matching.ladder(main), without)}["H5"] is None
    high = [rung for rung in matching.ladder(main) if rung.ticket.rung > 0.25]
    assert {a.hypothesis: a.holds for a in answers(main, high, family)}["H1"] is None
    assert all(a.missing == "" for a in answers(main, high, family))
    shallow = replace(main, tickets=[rung.ticket for rung in high])
    said = {a.hypothesis: a for a in answers(shallow, high, family)}
    assert (said["H1"].holds, said["H1"].missing) == (None, "no rung at or below 20.97 %")
    dense = [r for r in grid if r["kind"] == "run" and (r["method"] == "dense" or r["rung"] > 0.25)]
    said = {row["question"]: row["answer"] for row in table.TABLES["decisions"].rows(dense)}
    assert said["H1"] == "no rung at or below 20.97 %"
    assert same_mask(overlaps.pairs(grid)).holds
    world = made.World()
    near = [world.overlap(d, s, 0.3 if d > 0.5 else 0.05) for d in made.AT[:2] for s in range(5)]
    said = table.TABLES["decisions"].rows(near)
    assert [(row["question"], row["answer"]) for row in said] == [("H6", "no, only at 51.20 %")]
    answer = same_mask(overlaps.pairs(near))
    assert answer.holds is False and answer.densities == (0.8**3,)
    assert same_mask(overlaps.pairs([world.overlap(0.5, 0, 0.3, "int4")])).holds is None


def test_worse_tickets_are_no_evidence_for_any(grid):
    """Turned around: controls that are better separate, too, but in the other direction."""
    swapped = {"iterative": "shuffle", "shuffle": "iterative"}
    runs = [r | {"method": swapped.get(r["method"], r["method"])} for r in grid if r["kind"] == "run"]
    line = next(line for line in lines(points(runs)) if line.first.cell == "main")
    found = [one for one in matching.separations(line) if one.b.method == "shuffle"]
    assert all(one.accuracy.separated and one.accuracy.interval.mean < 0 for one in found)
    assert not next(a for a in answers(line, [], matching.separations(line)) if a.hypothesis == "H2").holds


def test_three_tasks_pool_fifteen_pairs(grid):
    tasks = [
        made.grid(task, 5, n, k, cells=False) for k, (task, n) in enumerate((("imdb", 900), ("trec", 500)))
    ]
    families = [matching.separations(lines(points(runs))[0]) for runs in (grid, *tasks)]
    found = {(one.control, round(one.rung, 2)): one for one in matching.pooled(families)}
    assert len(found) == 40
    assert found["shuffle", 0.21].pairs == 15
    assert found["shuffle", 0.21].p_accuracy == pytest.approx(2 / 2**15 * 40, rel=0.2)
    assert found["sign", 0.21].p_accuracy > 0.1
    assert matching.pooled(families[:1]) == []


@given(st.integers(1, 9), st.data())
@settings(max_examples=60, deadline=None)
def test_chance_is_that_of_all_masks(weights, data):
    a, b = (data.draw(st.integers(0, weights)) for _ in range(2))
    first = set(range(a))
    common = [len(first & set(second)) for second in itertools.combinations(range(weights), b)]
    assert len(common) == math.comb(weights, b)
    assert overlaps.expected(a, b, weights) == pytest.approx(np.mean(common))
    assert overlaps.variance(a, b, weights) == pytest.approx(np.var(common))


def test_overlap_of_equal_independent_and_nested_masks():
    generator = np.random.default_rng(0)
    masks = generator.random((2, 3, 4000)) < 0.2

    def counts(a, b):
        sizes = {"weights": a.shape[1]}
        return {
            str(i): {"kept_a": int(x.sum()), "kept_b": int(y.sum()), "common": int((x & y).sum())} | sizes
            for i, (x, y) in enumerate(zip(a, b, strict=True))
        }

    same = overlaps.overlap(counts(masks[0], masks[0]))
    assert same.excess == 1
    assert overlaps.overlap(counts(masks[0], masks[0] | masks[1])).excess == 1
    chance = overlaps.overlap(counts(masks[0], masks[1]))
    assert abs(chance.deviations) < 3 and abs(chance.excess) < 0.05
    assert same.deviations > 50
    full = np.ones((1, 10), bool)
    assert overlaps.overlap(counts(full, full)) == overlaps.Overlap(10, 10.0, 0.0, 0.0)


def test_pairs_and_barriers(grid):
    found = overlaps.pairs(grid)
    assert [pair.density for pair in found] == pytest.approx(made.AT)
    assert all(pair.excess.mean == pytest.approx(0.3, abs=0.01) and pair.seeds == 5 for pair in found)
    first, second = barriers(grid)
    assert (first.step, first.stable, second.step, second.stable) == (0, False, 100, True)
    assert first.accuracy.mean == pytest.approx(0.09) and first.loss.mean == pytest.approx(0.18)


def test_every_table_can_be_shown_and_is_plain(small):
    for name, one in table.TABLES.items():
        heads, rows = one.shown(small, page=True)
        assert rows or name in ("pooled", *beside.TABLES), name
        assert all(len(row) == len(heads) and all(isinstance(cell, str) for cell in row) for row in rows)
    assert len(table.TABLES["barriers"].shown(small)[0]) == len(table.TABLES["barriers"].columns)
    assert len(table.TABLES["ladder"].shown(small)[0]) < len(table.TABLES["ladder"].columns)
    with pytest.raises(HwsimError, match="choose one of ladder"):
        table.table("ladders")
    heads, rows = table.TABLES["controls"].shown(small, page=True)
    assert heads[-2:] == [">ECE", ">agreement, points"]
    assert all(re.fullmatch(r"[+-]0\.\d{3} \[.*\]", row[-2]) and "[" in row[-1] for row in rows)
    row = table.plain(table.TABLES["ladder"].rows(small))[1]
    assert row["method"] == "iterative" and row["matches"] is True
    assert set(row["difference"]) == {"mean", "low", "high", "p"}


def test_comparisons_beside_the_controls(small):
    rows = table.TABLES["others"].rows(small)
    assert {(row["a"], row["b"]) for row in rows} == {
        ("edge_popup of strong", "ticket"),
        ("ticket of int4", "ticket"),
        ("ticket of float_inhibitor", "ticket"),
    }
    assert all(row["verdict"] == "-" for row in rows)  # described, never decided
    world = made.World()
    also = [world.run("one_shot", 0.8**7, s, -0.1, after="dense") for s in range(3)]
    also += [world.run("transfer", 0.8**7, s, -0.1, "from_imdb", after=None) for s in range(3)]
    for rewind in ("step:20", "rate:20"):
        cell = rewind.split(":")[0]
        also += [world.run("iterative", 0.8**7, s, 0.0, cell, rewind=rewind) for s in range(3)]
    rows = table.TABLES["others"].rows(small + also)
    found = [(row["a"], row["cell"], row["b"]) for row in rows if row["a"].startswith(("one", "transfer"))]
    assert found == [
        ("one_shot", "main", "ticket"),
        ("one_shot", "main", "shuffle"),
        ("one_shot", "main", "random_global"),
        ("transfer of from_imdb", "main", "ticket"),
        ("transfer of from_imdb", "main", "shuffle"),
        ("transfer of from_imdb", "main", "reinit"),
        # The line rewound to learning rates has no such control and says nothing of it.
        ("transfer of from_imdb", "step", "ticket"),
    ]


def test_the_page_is_made_of_the_committed_records():
    text = page.PAGE.read_text()
    assert markdown.fill(text, page.tables(page.found())) == text, "run python docs/science.py"
    there = {path.name: path.read_text() for path in DOCS.glob("science_*.md")}
    assert there == page.pages(page.found()), "run python docs/science.py"
    files = {file for those in page.by_task(page.found()) for file in page.figures(those)}
    folder = DOCS / page.IMAGES
    assert {path.name for path in folder.glob("*")} == files, "run python docs/science.py"


def test_the_page_of_other_records(small, tmp_path):
    text = markdown.fill(page.PAGE.read_text(), page.tables(small))
    assert "| sst2: ternary, main | H2 | yes, at 51.20 %, 20.97 %, 10.74 %, 5.50 %, 1.80 % |" in text
    assert text.count("No records yet.") == 2  # nothing to be pooled with, no empty encoder
    page.draw(
        [r for r in small if r["cell" if r["kind"] == "run" else "kind"] in ("main", "strong")], tmp_path
    )
    shown = set(re.findall(r"\]\(images/science/(.*?)\)", text))
    assert shown == {path.name for path in (tmp_path / page.IMAGES).iterdir()}
    assert markdown.fill(text, page.tables([])) == markdown.fill(page.PAGE.read_text(), page.tables([]))


def test_overlaps_between_the_seeds_of_one_cell():
    """Both sides name their seeds; what they share is one row."""
    world = made.World()
    found = [world.overlap(0.5, s, 0.2) for s in range(3)]
    for s, one in enumerate(found):
        one["b"] = one["a"] | {"seed": (s + 1) % 3}
        one["a"] |= {"seed": s}
    (pair,) = overlaps.pairs(records.merged(found))
    assert pair.seeds == 3 and "seed" not in pair.a
