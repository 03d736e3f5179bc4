"""Tables beside the tests, on records whose effects are known."""

from __future__ import annotations

import numpy as np
import pytest
import science_records as made

from hwsim.models.science.points import DENSITIES
from hwsim.models.science.table import TABLES

FEW = DENSITIES[:2]


def test_layers_are_shown_where_they_differ():
    world = made.World()
    differing = {name: 0.3 if name.endswith("q") else 0.6 for name in made.LAYERS}
    runs = [world.run("iterative", d, s, 0.0) for d in FEW for s in range(2)]
    runs += [world.run("iterative", d, 0, 0.0, "global", densities=differing) for d in FEW]
    runs.append(world.run("iterative", FEW[0], 1, 0.0, "global", densities=dict.fromkeys(made.LAYERS, 0.4)))
    heads, rows = TABLES["layers"].shown(runs)
    assert heads[2:] == [">51.20 %", ">20.97 %"]
    assert [row[1] for row in rows] == made.LAYERS
    assert {row[0] for row in rows} == {"sst2: ternary, global"}
    assert rows[0][2:] == ["35.00 %", "30.00 %"]
    assert rows[1][2:] == ["50.00 %", "60.00 %"]


@pytest.mark.parametrize(
    ("ladder", "shown"),
    [
        ([0.5, 0.25], [">50.00 %", ">25.00 %"]),
        (made.LADDER, [">51.20 %", ">20.97 %", ">10.74 %", ">5.50 %", ">1.80 %"]),
    ],
)
def test_layers_have_the_densities_of_the_records_or_of_the_protocol(ladder, shown):
    world = made.World()
    differing = dict.fromkeys(made.LAYERS, 0.9 * ladder[-1]) | {made.LAYERS[0]: ladder[-1]}
    runs = [world.run("iterative", d, 0, 0.0, "global", densities=differing) for d in ladder]
    heads, rows = TABLES["layers"].shown(runs)
    assert heads == ["line", "layer", *shown]
    assert [len(row) for row in rows] == [len(heads)] * len(made.LAYERS)
    assert TABLES["layers"].shown([world.run("iterative", 0.5, 0, 0.0)]) == (["line", "layer"], [])


def test_attention_is_compared_at_the_densities_of_any_ladder():
    world = made.World()
    runs = [
        world.run(method, density, seed, 0.0, model, model)
        for model in ("float_inhibitor", "float_dot")
        for method, density in (("dense", 1.0), ("iterative", 0.5))
        for seed in range(2)
    ]
    assert [row["density"] for row in TABLES["attention"].rows(runs)] == [0.5]


def test_attention_is_a_difference_of_differences():
    world = made.World(examples=3000)
    effects = {"float_inhibitor": (0.0, -0.2), "float_dot": (0.5, -0.4)}
    runs = []
    for seed in range(3):
        for kind, (dense, gain) in effects.items():
            runs.append(world.run("dense", 1.0, seed, dense, kind, kind))
            runs += [world.run("iterative", d, seed, dense + gain, kind, kind) for d in FEW]
    missing = [r for r in runs if not (r["model"] == "float_dot" and r["rung"] == FEW[1] and r["seed"])]
    (row,) = TABLES["attention"].rows(missing)

    def mean(metric: str) -> float:
        of = {
            (kind, method): np.mean(
                [r["metrics"][metric] for r in runs if (r["model"], r["round"]) == (kind, method)]
            )
            for kind in effects
            for method in ("dense", "iterative-0.512000")
        }
        gains = [of[kind, "iterative-0.512000"] - of[kind, "dense"] for kind in effects]
        return float(gains[0] - gains[1])

    assert (row["density"], row["seeds"]) == (FEW[0], 3)
    assert row["difference"].mean == pytest.approx(mean("accuracy"))
    assert row["loss_difference"].mean == pytest.approx(mean("loss"))
    assert row["difference"].low < row["difference"].mean < row["difference"].high
    assert row["p_seeds"] >= 1 / 4
    assert len(TABLES["attention"].rows(runs)) == 2
    for left_out in ("float_dot", "dense"):
        assert TABLES["attention"].rows([r for r in runs if left_out not in (r["model"], r["method"])]) == []


def test_an_empty_encoder_stands_beside_its_dense_model_and_nowhere_else():
    world = made.World()
    grid = [world.run("dense", 1.0, s, 0.0) for s in range(3)]
    grid += [world.run("iterative", d, s, 0.0) for d in FEW for s in range(3)]
    empty = [world.run("dense", 1.0, s, 0.0, "empty") for s in range(3)]
    empty += [world.run("random", 1e-4, s, -0.9, "empty", after="dense") for s in range(3)]
    (row,) = TABLES["empty"].rows(grid + empty)
    dense, left = (np.array([r["metrics"]["accuracy"] for r in part]) for part in (empty[:3], empty[3:]))
    assert row["weights"] == pytest.approx(1e-4 * made.WEIGHTS)
    assert row["accuracy"] == pytest.approx((left.mean(), left.std(ddof=1)))
    assert row["difference"].mean == pytest.approx((left - dense).mean()) and row["difference"].high < 0
    assert row["loss_difference"].low > 0
    (shown,) = TABLES["empty"].shown(grid + empty)[1]
    assert shown[:4] == ["sst2", "ternary", "empty", "59"]
    assert TABLES["empty"].rows(grid) == TABLES["empty"].rows(empty[:4]) == []
    # A mask that leaves much is none of these.
    much = [world.run("random", FEW[0], s, 0.0, after="dense") for s in range(3)]
    assert TABLES["empty"].rows(grid + much) == []
    for name in set(TABLES) - {"empty", "cost"}:
        one = TABLES[name]
        assert one.shown(grid) == one.shown(grid + empty), name


def test_dense_models_of_two_seeds_are_compared_over_all_pairs():
    world = made.World(examples=4)
    answers = ([1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 0, 0])
    runs = [
        world.run("dense", 1.0, seed, 0.0, cell) | {"right": np.packbits(right).tobytes().hex()}
        for cell in ("main", "another")
        for seed, right in enumerate(answers)
    ]
    runs += [world.run("iterative", FEW[0], 0, 0.0, cell) for cell in ("main", "another")]
    (row,) = TABLES["dense"].rows(runs)
    assert (row["seeds"], row["pairs"]) == (3, 3)
    assert (row["least"], row["same"], row["most"]) == (0.0, pytest.approx(1 / 3), 0.5)
    assert TABLES["dense"].rows([r for r in runs if not (r["method"] == "dense" and r["seed"])]) == []


def test_the_distillation_loss_of_lines_with_a_teacher_is_compared_seed_by_seed():
    world, nats = made.World(), {"dense": 0.2, "iterative": 0.3, "shuffle": 0.25}
    runs = [world.run("dense", 1.0, seed, 0.0) for seed in range(3)]
    runs += [world.run(method, FEW[0], s, 0.0) for method in ("iterative", "shuffle") for s in range(3)]
    runs.append(world.run("reinit", FEW[0], 1, 0.0))
    assert TABLES["distillation"].rows(runs) == []
    for run in runs:
        of = nats.get(run["method"], 0.7) + run["seed"] / 100
        run["metrics"] = run["metrics"] | {"teacher_divergence": of}
    ticket, dense, reinit, shuffle = TABLES["distillation"].rows(runs)
    assert [row["method"] for row in (ticket, dense, shuffle)] == ["ticket", "dense", "shuffle"]
    assert ticket["divergence"] == pytest.approx((0.31, 0.01))
    assert ticket["difference"] is ticket["p_seeds"] is None
    assert [row["difference"].mean for row in (dense, shuffle)] == pytest.approx([0.1, 0.05])
    assert dense["p_seeds"] == 1 / 4
    # What learnt from labels alone stands beside no line with a teacher.
    lent = [world.run("magnitude", FEW[0], s, 0.0, "lent") for s in range(3)]
    assert TABLES["controls"].rows(runs + lent) == TABLES["controls"].rows(runs)
    # One seed decides nothing.
    assert reinit["divergence"] == (0.71, None) and reinit["difference"] is None
