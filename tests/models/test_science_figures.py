"""Figures, of grids whose effects are known."""

from __future__ import annotations

import math
import re

import matplotlib.image
import numpy as np
import pytest
import science_records as made
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hwsim.errors import HwsimError
from hwsim.models.science import curves, looks, panels, plot, ranges, records
from hwsim.models.science.points import CONTROLS, STEP, STRONG, Line, lines, points


@pytest.fixture(scope="module")
def grid() -> list[dict]:
    return records.merged(made.grid())


def by_line(those: list[dict], metric: str = "accuracy") -> list[Axes]:
    figure = Figure()
    plot._by_line(figure, lines(points(those)), metric)
    return figure.axes


def by_task(those: list[dict], metric: str = "accuracy", axis: str = "bits") -> Axes:
    figure = Figure()
    plot._by_task(figure, points(those), metric, axis)
    (axes,) = figure.axes
    return axes


def ladder(world: made.World, skill: float = 0.0, **also: str) -> list[dict]:
    """A dense model and tickets, all as good."""
    dense = [world.run("dense", 1.0, s, skill, **also) for s in range(3)]
    return dense + [world.run("iterative", d, s, skill, **also) for d in made.AT for s in range(3)]


def line_of(those: list[dict]) -> Line:
    (line,) = lines(points(those))
    return line


@pytest.mark.parametrize("metric", plot.METRICS)
@pytest.mark.parametrize("axis", plot.AXES)
def test_figures(grid, tmp_path, metric, axis):
    path = plot.draw(grid, tmp_path / "folder" / "figure.png", metric, axis)
    image = matplotlib.image.imread(path)[..., :3]
    colours = {tuple(np.round(255 * pixel).astype(int)) for pixel in image.reshape(-1, 3)[::3]}
    wanted = looks.COLOURS if axis == "density" else [one.look.colour for one in plot._curves(points(grid))]
    shown = [colour for colour in wanted if tuple(bytes.fromhex(colour[1:])) in colours]
    assert len(shown) == len(wanted) - (axis == "digits")  # a float model has no digits


def test_figures_are_the_same_bytes_and_name_everything(grid, tmp_path):
    first, second = (plot.draw(grid, tmp_path / name).read_text() for name in ("a.svg", "b.svg"))
    assert first == second
    named = [looks.NAMES[method] for method in (*CONTROLS, "edge_popup")]
    for words in (*named, "ticket", "one density", "density, %", "dev accuracy, %", "sst2: int4"):
        assert f">{words}<" in first, words
    bits = plot.draw(grid, tmp_path / "bits.svg", axis="bits").read_text()
    for words in (plot.DENSE, plot.AXES["bits"], "ternary, main", "ternary, edge popup, width 128"):
        assert f">{words}<" in bits, words


def test_figures_that_cannot_be_drawn(grid, tmp_path):
    for arguments, message in (
        (("x.svg", "f1"), "metric 'f1'; choose one of accuracy, loss"),
        (("x.svg", "loss", "cost"), "axis 'cost'; choose one of density, bits, digits"),
        (("x.gif",), "ends in"),
    ):
        with pytest.raises(HwsimError, match=message):
            plot.draw(grid, tmp_path / arguments[0], *arguments[1:])
    floats = [record for record in grid if record.get("model") == "float_inhibitor"]
    with pytest.raises(HwsimError, match="digits; nothing to draw"):
        plot.draw(floats, tmp_path / "x.svg", axis="digits")


def test_what_is_far_away_leaves_the_range_to_the_others_and_is_named_at_its_edge(tmp_path):
    world = made.World()
    far = ("small_dense", "long_dense")
    near = ladder(world)
    for method in CONTROLS:
        if method not in far:
            near += [world.run(method, d, s, 0.0) for d in made.AT for s in range(3)]
    away = [world.run(method, made.AT[0], s, -3.0) for method in far for s in range(3)]
    line = line_of(near + away)
    for metric in plot.METRICS:
        (without,), (axes,) = by_line(near, metric), by_line(near + away, metric)
        low, high = axes.get_ylim()
        assert (low, high) == without.get_ylim()
        means = [curves.scores(line.control(method, made.AT[0]), metric).mean for method in far]
        assert all(mean < low if metric == "accuracy" else mean > high for mean in means)
        shown = [f"← {mean:.1f}" if metric == "accuracy" else f"{mean:.2f} →" for mean in means]
        text = plot.draw(near + away, tmp_path / f"{metric}.svg", metric).read_text()
        assert re.findall(r">(← [\d.]+|[\d.]+ →)<", text) == shown and f">{plot.BEYOND}<" in text
        assert plot.BEYOND not in without.get_legend_handles_labels()[1]


def test_lines_far_off_are_numbers_at_the_edge_that_do_not_cover_each_other():
    world = made.World()
    near = [run for n in range(6) for run in ladder(world, 0.01 * n, cell=f"c{n}")]
    far = [run for n in range(2) for run in ladder(world, -3.0 - n, cell=f"d{n}")]
    axes = by_task(near + far)
    assert axes.get_ylim() == by_task(near).get_ylim()
    assert len(axes.texts) == 2 * (1 + len(made.AT))
    assert len({text.get_position() for text in axes.texts}) == len(axes.texts)
    low, high = by_task(near[:18] + far).get_ylim()  # these are too many of all to be left out
    assert not by_task(near[:18] + far).texts and high - low > 10


def test_a_range_leaves_out_what_squeezes_the_others():
    level, size = [(0.0, 1.0)] * 6, lambda low_high: low_high[1] - low_high[0]
    assert ranges.shared(level, []) == (-0.06, 1.06)
    assert ranges.shared([*level, (0.0, 1.4)], []) == pytest.approx((-0.084, 1.484))
    assert ranges.shared([*level, (0.5, 9.0)], []) == (-0.06, 1.06)
    assert ranges.shared([*level, (0.5, 9.0), (-20.0, 0.5)], []) == (-0.06, 1.06)
    assert size(ranges.shared([*level, (9.0, 9.0), (-20.0, 0.5), (0.0, 30.0)], [])) > 9  # more than a quarter
    assert ranges.shared([*level, (0.5, 9.0)], [(4.0, 5.0)]) == pytest.approx((-0.3, 5.3))
    assert ranges.shared([(2.0, 2.0)], []) == (1.0, 3.0)


def test_what_an_all_but_empty_encoder_reaches_is_a_line_within_the_range():
    world = made.World()
    tickets = ladder(world)
    empty = [world.run("random", 1e-4, s, 2.0, cell="empty") for s in range(3)]
    line = line_of(tickets + empty)
    for metric in plot.METRICS:
        (without,), (axes,) = by_line(tickets, metric), by_line(tickets + empty, metric)
        (low, high), (lowest, highest) = without.get_ylim(), axes.get_ylim()
        mean = curves.scores(line.control("random", 1e-4), metric).mean
        assert not low <= mean <= high and lowest <= mean <= highest
        assert "encoder all but empty" in axes.get_legend_handles_labels()[1]
        assert "encoder all but empty" not in without.get_legend_handles_labels()[1]


def test_panels_of_a_task_have_its_range():
    here, there = (ladder(made.World(task), skill) for task, skill in (("sst2", 0.0), ("trec", -3.0)))
    for axes, task in zip(by_line(here + there), (here, there), strict=True):
        assert axes.get_ylim() == by_line(task)[0].get_ylim()


def test_what_is_of_one_density_stands_in_one_band(grid):
    for line in lines(points(grid)):
        for panel in panels.of(line):
            dodges = [curve.dodge for curve in panel.curves]
            assert len(set(dodges)) == len(dodges) and dodges[-1] == 1
            assert all(abs(math.log(dodge, STEP)) < 0.5 for dodge in dodges)  # less than to the next rung's
            assert len(panel.compared) == len({p.rung for curve in panel.beside for p in curve.points})


def test_every_line_has_a_look_of_its_own():
    """Without the shapes, too; weights that are never trained are dotted, and they alone."""
    trained = [looks.of_line(number) for number in range(20)]
    strong = [looks.of_strong(method, 2 * n + m) for n in range(2) for m, method in enumerate(STRONG)]
    assert len({(look.colour, look.style) for look in trained + strong}) == 24
    assert [look.style == ":" for look in trained + strong] == [False] * 20 + [True] * 4


def test_dense_models_have_open_marks(grid):
    for axis, count in (("bits", 3), ("digits", 2)):
        axes = by_task(grid, axis=axis)
        open_marks = [line for line in axes.lines if line.get_markerfacecolor() == "white"]
        assert len([line for line in open_marks if len(line.get_xdata())]) == count
        assert plot.DENSE in axes.get_legend_handles_labels()[1]


def test_a_line_with_many_controls_has_a_row_of_its_own(grid):
    """Its tickets beside weights never trained, int4 and float stand below it, side by side."""
    first, *others = drawn = by_line(grid)
    spans = [axes.get_subplotspec() for axes in drawn]
    assert [(s.rowspan.start, len(s.colspan)) for s in spans] == [(0, 3), (1, 1), (1, 1), (1, 1)]
    assert len({axes.get_ylim() for axes in drawn}) == len({axes.get_xlim() for axes in drawn}) == 1
    assert first.get_xlim()[0] > 80 > 1.8 > first.get_xlim()[1]
    titles = ["ternary, main, beside weights never trained", "int4", "float inhibitor"]
    assert [axes.get_title() for axes in others] == [f"sst2: {title}" for title in titles]
    few = Figure()
    plot._by_line(few, lines(points([r for r in grid if r.get("cell") == "int4"])), "accuracy")
    assert len(few.axes) == 1 and few.get_figwidth() < first.figure.get_figwidth() / 2


def test_strong_tickets_stand_beside_the_tickets_of_their_width():
    world = made.World()
    strong = [world.run(method, d, s, 0.1) for method in STRONG for d in made.AT for s in range(3)]
    (panel,) = panels.of(line_of(ladder(world) + strong))
    assert [curve.label for curve in panel.beside] == [looks.NAMES[method] for method in STRONG]
    wide = [record | {"width": 256, "cell": "wide"} for record in strong]
    (panel,) = panels.of(line_of(ladder(world) + wide))
    assert panel.beside == []
