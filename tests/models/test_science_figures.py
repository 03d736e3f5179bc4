"""Figures, of grids whose effects are known."""

from __future__ import annotations

import re

import matplotlib.image
import numpy as np
import pytest
import science_records as made

from hwsim.errors import HwsimError
from hwsim.models.science import panels, plot, records
from hwsim.models.science.points import lines, points


@pytest.fixture(scope="module")
def grid() -> list[dict]:
    return records.merged(made.grid())


@pytest.mark.parametrize("metric", plot.METRICS)
@pytest.mark.parametrize("axis", plot.AXES)
def test_figures(grid, tmp_path, metric, axis):
    path = plot.draw(grid, tmp_path / "folder" / "figure.png", metric, axis)
    image = matplotlib.image.imread(path)[..., :3]
    colours = {tuple(np.round(255 * pixel).astype(int)) for pixel in image.reshape(-1, 3)[::3]}
    wanted = panels.COLOURS if axis == "density" else panels.COLOURS[:3]
    shown = [colour for colour in wanted if tuple(bytes.fromhex(colour[1:])) in colours]
    assert len(shown) == len(wanted) - (axis == "digits")  # a float model has no digits


def test_figures_are_the_same_bytes_and_name_everything(grid, tmp_path):
    first, second = (plot.draw(grid, tmp_path / name).read_text() for name in ("a.svg", "b.svg"))
    assert first == second
    for words in (*panels.NAMES.values(), "ticket", "density, %", "dev accuracy, %", "sst2: int4"):
        assert f">{words}<" in first, words


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
    near = [world.run("dense", 1.0, s, 0.0) for s in range(3)]
    for method in ("iterative", "shuffle", "reinit", "sign"):
        near += [world.run(method, d, s, 0.0) for d in made.AT for s in range(3)]
    far = [world.run(method, made.AT[0], s, -3.0) for method in panels.FAR for s in range(3)]
    (without,), (line,) = (lines(points(those)) for those in (near, near + far))
    for metric in plot.METRICS:
        low, high = panels.reach(line, metric)
        assert (low, high) == panels.reach(without, metric)
        text = plot.draw(near + far, tmp_path / f"{metric}.svg", metric).read_text()
        means = [panels.scores(line.control(method, made.AT[0]), metric).mean for method in panels.FAR]
        assert all(mean < low if metric == "accuracy" else mean > high for mean in means)
        said = re.findall(r">([↓↑] [\d.]+)<", text)
        shown = [f"↓ {mean:.1f}" if metric == "accuracy" else f"↑ {mean:.2f}" for mean in means]
        assert said == shown and f">{panels.BEYOND}<" in text
        assert panels.BEYOND not in plot.draw(near, tmp_path / "near.svg", metric).read_text()


def test_what_an_all_but_empty_encoder_reaches_is_a_line_within_the_range(tmp_path):
    world = made.World()
    ladder = [world.run("dense", 1.0, s, 0.0) for s in range(3)]
    ladder += [world.run("iterative", d, s, 0.0) for d in made.AT for s in range(3)]
    empty = [world.run("random", 1e-4, s, 2.0, cell="empty") for s in range(3)]
    (without,), (line,) = (lines(points(those)) for those in (ladder, ladder + empty))
    for metric in plot.METRICS:
        (low, high), (lowest, highest) = panels.reach(without, metric), panels.reach(line, metric)
        mean = panels.scores(line.control("random", 1e-4), metric).mean
        assert not low <= mean <= high and lowest <= mean <= highest
        text = plot.draw(ladder + empty, tmp_path / f"{metric}.svg", metric).read_text()
        assert ">encoder all but empty<" in text
        assert "all but empty" not in plot.draw(ladder, tmp_path / "without.svg", metric).read_text()


def test_a_line_with_many_controls_has_a_row_of_its_own(grid, tmp_path):
    """int4 and float stand below it, side by side, with one range."""
    from matplotlib.figure import Figure

    figure = Figure()
    plot._by_line(figure, lines(points(grid)), "accuracy")
    first, *others = figure.axes
    spans = [axes.get_subplotspec() for axes in figure.axes]
    assert [(span.rowspan.start, len(span.colspan)) for span in spans] == [(0, 3), (1, 1), (1, 1)]
    assert len({axes.get_ylim() for axes in others}) == 1
    assert {axes.get_xlim() for axes in others} == {first.get_xlim()}
    assert first.get_xlim()[0] > 80 > 1.8 > first.get_xlim()[1]
    few = Figure()
    plot._by_line(few, lines(points([r for r in grid if r.get("cell") == "int4"])), "accuracy")
    assert len(few.axes) == 1 and few.get_figwidth() < figure.get_figwidth() / 2
