"""How much of one ticket is in another: masks of two cells, of two seeds of one, or of two tasks.

Two masks of a layer that keep a and b of its W weights have a b / W in common by chance. Read from the models
that the searches left, so that cells of any grids in one folder can be compared.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor

from hwsim.files import read_record, write_atomic
from hwsim.models.grid.config import Grid
from hwsim.models.grid.folder import GridFolder
from hwsim.models.pruning.plan import label
from hwsim.models.pruning.rewind import Snapshot

Tensors = dict[str, Tensor]


def overlap(a: Tensors, b: Tensors) -> dict[str, Any]:
    """What two trained models of one shape have in common: layer by layer, in all, by chance, and in signs.

    Signs are those of the latent weights, which are the signs of non-zero integers too; None if nothing is
    in common.
    """
    layers, common, equal, expected = {}, 0, 0, 0.0
    for name in (name.removesuffix(".mask") for name in a if name.endswith(".mask")):
        kept_a, kept_b = a[f"{name}.mask"], b[f"{name}.mask"]
        both = kept_a & kept_b
        found = {"kept_a": int(kept_a.sum()), "kept_b": int(kept_b.sum()), "common": int(both.sum())}
        layers[name.replace("blocks.", "layers.")] = found | {"weights": both.numel()}
        positive_a, positive_b = (tensors[f"{name}.latent"] >= 0 for tensors in (a, b))
        equal += int((both & (positive_a == positive_b)).sum())
        common += found["common"]
        expected += found["kept_a"] * found["kept_b"] / both.numel()
    return {
        "layers": layers,
        "common": common,
        "expected": expected,
        "agreement_of_signs": equal / common if common else None,
    }


def write_overlaps(name: str, grid: Grid, keys: dict[str, str], folder: GridFolder) -> None:
    """Write what is missing of a grid's overlaps and can be made of the runs that are done.

    keys: TASK-CELL of each cell of the grid. Any process may do this: the same file gets the same content.
    """
    for first, second in grid.overlaps.pairs:
        pair = keys.get(first, first), keys.get(second, second)
        for rung in grid.overlaps.rungs:
            round = label("iterative", grid.keep**rung)
            for seeds in _seeds(grid.seeds, first == second):
                paths = [folder.records / f"{k}-{round}-{s}.json" for k, s in zip(pair, seeds, strict=True)]
                out = folder.records / f"{'-'.join(pair)}-{round}-{seeds[0]}-overlap.json"
                if all(path.exists() for path in paths) and not out.exists():
                    runs = [read_record(path) for path in paths]
                    models = [
                        Snapshot.read(folder.cell(key) / f"seed-{seed}" / f"{round}.safetensors").tensors
                        for key, seed in zip(pair, seeds, strict=True)
                    ]
                    record = _record(name, runs) | overlap(*models)
                    write_atomic(out, json.dumps(record, indent=1) + "\n")


def _seeds(seeds: Sequence[int], same_cell: bool) -> Iterator[tuple[int, int]]:
    """The same seed in two cells; in one cell each seed and the next."""
    after = [*seeds[1:], seeds[0]] if same_cell else seeds
    return ((a, b) for a, b in zip(seeds, after, strict=True) if not same_cell or a != b)


def _record(name: str, runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    a, b = ({k: run[k] for k in ("task", "cell", "model", "round", "seed")} for run in runs)
    shared = {"task": runs[0]["task"], "seed": runs[0]["seed"], "density": runs[0]["density"]}
    return {"kind": "overlap", "grid": name} | shared | {"a": a, "b": b}
