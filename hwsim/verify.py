"""The verification driver: the same inputs through every implementation, every named tensor compared.

The NumPy emulator is the reference. What cannot run here is reported as skipped, never as equal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hwsim import model, ops
from hwsim.cases import Case, cases
from hwsim.compare import Difference, first_difference, real_elements
from hwsim.config import ModelConfig
from hwsim.errors import HwsimError, MissingToolError, UnsupportedError
from hwsim.implementations import IMPLEMENTATIONS, Batch, Implementation
from hwsim.isolate import tensor_cases
from hwsim.make import random_tokens
from hwsim.ticket import Ticket

Watch = Callable[[str], None]
"""Called with the name of each implementation before it runs."""


@dataclass
class Report:
    """What was compared and what came of it."""

    equal: dict[str, bool] = field(default_factory=dict)
    """By implementation; those that could not run are in `skipped` instead."""
    skipped: dict[str, str] = field(default_factory=dict)
    """By implementation: why, and how to change that."""
    refused: dict[str, str] = field(default_factory=dict)
    """By implementation: the tensors or operator cases it does not offer, and why."""
    failed: dict[str, str] = field(default_factory=dict)
    """By implementation: the error that ended it. It counts as not equal."""
    differences: dict[str, Difference] = field(default_factory=dict)
    """By implementation: its first difference."""
    tensors: dict[str, int] = field(default_factory=dict)
    """By implementation: how many tensors (or operator cases) were compared."""
    integers_compared: int = 0
    cycles: dict[str, Any] = field(default_factory=dict)
    """Clock cycles measured by the Verilog simulation; empty if it did not run."""

    @property
    def ok(self) -> bool:
        """At least one implementation ran and each that ran is equal."""
        return bool(self.equal) and all(self.equal.values())

    @property
    def tensors_compared(self) -> int:
        """Over all implementations."""
        return sum(self.tensors.values())

    @property
    def first_difference(self) -> Difference | None:
        """That of the first implementation that differs."""
        return next(iter(self.differences.values()), None)

    def join(self, other: Report) -> Report:
        """Both reports as one: an implementation is equal if it is in each that ran it."""
        names = [*self.equal, *(name for name in other.equal if name not in self.equal)]
        return Report(
            {name: self.equal.get(name, True) and other.equal.get(name, True) for name in names},
            self.skipped | other.skipped,
            self.refused | other.refused,
            self.failed | other.failed,
            other.differences | self.differences,
            {name: self.tensors.get(name, 0) + other.tensors.get(name, 0) for name in names},
            self.integers_compared + other.integers_compared,
            self.cycles | other.cycles,
        )

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON values."""
        first = self.first_difference
        return {
            "equal": self.equal,
            "skipped": self.skipped,
            "refused": self.refused,
            "failed": self.failed,
            "tensors_compared": self.tensors_compared,
            "integers_compared": self.integers_compared,
            "first_difference": first and first.to_dict(),
            "cycles": self.cycles or None,
        }


def make_inputs(config: ModelConfig, count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(token_ids int32, mask bool) [count, max_tokens]: four directed sequences, then random ones.

    The directed ones: a single token; all tokens; one token throughout (every distance 0); holes in the mask.
    """
    if count < 1:
        raise HwsimError(f"{count} inputs; give at least 1")
    token_ids, mask = random_tokens(config, max(count, 4), seed)
    token_ids[2] = token_ids[2, 0]
    mask[3] = np.arange(config.max_tokens) % 3 != 1
    return token_ids[:count], mask[:count]


def prepare(
    ticket: Ticket, inputs: tuple[np.ndarray, np.ndarray], seed: int = 0, waves: Path | None = None
) -> Batch:
    """Run the emulator once on (token_ids, mask); everything else is compared with what it returns.

    seed: of the stalls on the Verilog's streams; waves: a VCD file for its simulation to write.
    """
    token_ids, mask = model.check_inputs(ticket, *inputs)
    trace = model.forward(ticket, token_ids, mask, trace=True).trace
    return Batch(ticket, token_ids, mask, trace, seed, waves)


def verify_ticket(
    batch: Batch, names: Sequence[str] | None = None, reproduce: str = "", watch: Watch | None = None
) -> Report:
    """Compare every named tensor of `prepare`'s batch in each implementation.

    names: of the implementations to run, default all; reproduce: a command line with `{tensor}` in it, for
    the report of a difference.
    """

    def check(report: Report, implementation: Implementation) -> Difference | None:
        run = implementation.run(batch)
        expected = {name: want for name, want in batch.expected.items() if name not in run.refused}
        if run.refused:
            reasons = "; ".join(dict.fromkeys(run.refused.values()))
            report.refused[implementation.name] = (
                f"{len(run.refused)} of {len(batch.expected)} tensors: {reasons}"
            )
        report.cycles |= run.cycles
        report.tensors[implementation.name] = len(expected)
        for name, tensor in expected.items():
            report.integers_compared += int(real_elements(name, tensor.shape, batch.mask).sum())
        found = first_difference(implementation.name, expected, run.trace, batch.mask, reproduce)
        return found and run.with_time(found)

    return _run(check, names, watch)


def verify_operators(
    operators: Sequence[str] = ops.OPERATORS,
    seed: int = 0,
    names: Sequence[str] | None = None,
    watch: Watch | None = None,
) -> Report:
    """Compare operators one by one, on the directed and random cases of `hwsim.cases`."""
    every = [case for operator in operators for case in cases(operator, seed)]
    again = f"hwsim verify --operator {{operator}} --seed {seed}"
    return _run(lambda report, one: _compare_cases(report, one, every, again), names, watch)


def verify_tensor(
    batch: Batch, tensor: str, names: Sequence[str] | None = None, watch: Watch | None = None
) -> Report:
    """Compare the operators of one named tensor alone, on the emulator's own inputs to it."""
    every = tensor_cases(batch, tensor)
    return _run(lambda report, one: _compare_cases(report, one, every, ""), names, watch)


def _run(
    check: Callable[[Report, Implementation], Difference | None],
    names: Sequence[str] | None,
    watch: Watch | None,
) -> Report:
    known = {implementation.name: implementation for implementation in IMPLEMENTATIONS}
    if unknown := [name for name in names or () if name not in known]:
        raise HwsimError(f"no implementation {unknown[0]!r}; there are {', '.join(known)}")
    report = Report()
    for name in names or known:
        if reason := known[name].missing():
            report.skipped[name] = reason
            continue
        if watch:
            watch(name)
        try:
            difference = check(report, known[name])
        except (MissingToolError, UnsupportedError) as error:
            report.skipped[name] = str(error)
        except HwsimError as error:
            report.failed[name], report.equal[name] = str(error), False
        else:
            report.equal[name] = difference is None
            if difference:
                report.differences[name] = difference
    return report


def _compare_cases(
    report: Report, one: Implementation, every: Sequence[Case], again: str
) -> Difference | None:
    """The first case in which `one` differs; cases it does not offer are listed as refused."""
    refused: list[str] = []
    found = None
    for case in every:
        want = case.expected()
        try:
            got = one.operator(case)
        except UnsupportedError as error:
            refused.append(f"{case.operator}: {error}")
            continue
        report.tensors[one.name] = report.tensors.get(one.name, 0) + 1
        report.integers_compared += want.size
        if found is None and got.shape == want.shape and (wrong := got != want).any():
            index = tuple(int(i) for i in np.argwhere(wrong)[0])
            found = Difference(
                one.name,
                f"{case.operator}: {case.name}",
                index,
                int(want[index]),
                int(got[index]),
                case.operator,
                int(wrong.sum()),
                again.format(operator=case.operator),
            )
        if found is None and got.shape != want.shape:
            raise HwsimError(f"{case.operator}, {case.name}: shape {got.shape}; expected {want.shape}")
    if len(refused) == len(every):
        raise UnsupportedError(refused[0])
    if refused:
        reasons = "; ".join(dict.fromkeys(refused))
        report.refused[one.name] = f"{len(refused)} of {len(every)} cases: {reasons}"
    return found
