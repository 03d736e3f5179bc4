"""The cells of a grid, ready to run: a configuration, seeds and rounds each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hwsim.errors import ConfigError
from hwsim.models.grid.config import CellPlan, Grid
from hwsim.models.pruning.plan import DENSE, Round, label
from hwsim.models.pruning.registry import method_named
from hwsim.models.runs import config
from hwsim.models.runs.config import RunConfig


@dataclass(frozen=True)
class Cell:
    """One search folder."""

    grid: str
    name: str
    config: RunConfig
    seeds: tuple[int, ...]
    rounds: tuple[Round, ...]
    """Each after the one that it begins with."""
    barriers: tuple[str, ...]
    """Rounds at whose masks linear mode connectivity is measured."""
    trainer: str
    source: str
    """For transfer: the key of the cell whose tickets are taken."""

    @property
    def key(self) -> str:
        """Its name among the cells of all grids."""
        return f"{self.config.task.name}-{self.name}"

    @property
    def model(self) -> str:
        """What a record calls the model: its grid of weights, or the kind of a float model."""
        model = self.config.model
        return model.weights if model.kind == "integer" else model.kind


def cells(name: str, grid: Grid, wanted: Sequence[str] = ()) -> list[Cell]:
    """The cells of a grid, those `wanted` or all. Raises ConfigError naming the cell and what is wrong."""
    for one in wanted:
        if one not in grid.cells:
            raise ConfigError(f"the grid {name} has no cell {one}; its cells: {', '.join(grid.cells)}")
    return [_cell(name, grid, one, grid.cells[one]) for one in wanted or grid.cells]


def _cell(grid_name: str, grid: Grid, name: str, plan: CellPlan) -> Cell:
    try:
        loaded = config.load(plan.config or grid.config, [*grid.set, *plan.set])
        planned = tuple(rounds(plan.methods, grid.keep))
        return Cell(
            grid_name,
            name,
            loaded,
            plan.seeds or grid.seeds,
            planned,
            tuple(_masks(plan.barriers, grid.keep, planned)),
            grid.trainer,
            plan.source,
        )
    except ConfigError as error:
        raise ConfigError(f"grid {grid_name}, cells.{name}: {error}") from error


def rounds(methods: dict[str, tuple[int, ...]], keep: float) -> list[Round]:
    """The trainings of these methods at these rungs, and those they come after, once each.

    The ladder is that of `iterative`; in a cell without it, all rungs that occur. Methods that take the
    tickets of iterative pruning find them on its ladder. Raises ConfigError for an unknown method or a rung
    that is not on the ladder.
    """
    occurring = {rung for rungs in methods.values() for rung in rungs if rung}
    ladder = sorted(methods.get("iterative", occurring))
    found: dict[str, Round] = {}
    for method, rungs in methods.items():
        if method == "dense":
            if rungs != (0,):
                raise ConfigError(f"methods.dense is {list(rungs)}; the dense model is rung 0 alone")
            known = {one.name: one for one in method_named(method)([])}
            chosen = list(known.values())
        else:
            if missing := sorted(set(rungs) - set(ladder)):
                raise ConfigError(
                    f"methods.{method} has rung {missing[0]}, which is not on the ladder {ladder}"
                )
            known = {one.name: one for one in method_named(method)([keep**rung for rung in ladder])}
            densities = {keep**rung for rung in rungs}
            chosen = [one for one in known.values() if one.method == method and one.density in densities]
        for one in chosen:
            found |= {earlier.name: earlier for earlier in _line(one, known)}
    return list(found.values())


def _masks(rungs: Sequence[int], keep: float, planned: Sequence[Round]) -> list[str]:
    """The rounds of iterative pruning at these rungs; ConfigError for one that is not planned."""
    names = [label("iterative", keep**rung) if rung else DENSE for rung in rungs]
    known = {one.name for one in planned}
    if missing := [rung for rung, name in zip(rungs, names, strict=True) if name not in known]:
        raise ConfigError(f"barriers has rung {missing[0]}, at which no ticket is found; add it to iterative")
    return names


def _line(one: Round, known: dict[str, Round]) -> list[Round]:
    """A round after all that it comes after."""
    return ([] if one.after is None else _line(known[one.after], known)) + [one]
