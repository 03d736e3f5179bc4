"""A run in numbers: cycles and memory traffic of each operation, rates, energy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from hwsim.accelerator.cycles import Spent, cycles, tokens_frame
from hwsim.accelerator.density import curve
from hwsim.accelerator.operations import Kind
from hwsim.accelerator.program import Program
from hwsim.energy import WORD, Work, memory_for, work
from hwsim.errors import HwsimError
from hwsim.ticket import Ticket

ENTRY_BITS, BIAS_BITS = 9, 31
TERMS = ("linear", "attention", "norm", "transfer")


def report(ticket: Ticket, program: Program, tokens: int, megahertz: float) -> dict[str, Any]:
    """JSON: what one sentence of so many real tokens costs on the accelerator at a clock.

    Raises HwsimError for 0 tokens or more than the ticket or the machine takes.
    """
    most = min(ticket.config.max_tokens, program.machine.lanes)
    if not 1 <= tokens <= most:
        raise HwsimError(f"tokens is {tokens}; this ticket on {program.machine.lanes} lanes takes 1..{most}")
    spent = cycles(program, tokens_frame(tokens))
    terms = {term: sum(one.cycles for one in spent if one.term == term) for term in TERMS}
    total = sum(terms.values())
    entries = sum(one.entries for one in spent)
    return {
        "tokens": tokens,
        "parameters": program.machine.parameters,
        "cycles": total,
        "terms": terms,
        "entries": entries,
        "digits": ticket.digits,
        "linear_over_entries": terms["linear"] / entries - 1,
        "clock_mhz": megahertz,
        "sentences_per_second": 1e6 * megahertz / total,
        "microseconds": total / megahertz,
        "traffic_bytes": traffic(program, spent),
        "nanojoules": energy(program, spent),
        "operations": [
            {
                "operation": str(one.operation),
                "tensor": one.operation.tensor,
                "part": one.operation.part,
                "term": one.term,
                "cycles": one.cycles,
                "steps": one.steps,
                "rows": one.rows,
                "reads_a": one.reads_a,
                "reads_s": one.reads_s,
                "entries": one.entries,
            }
            for one in spent
        ],
        "curve": curve(ticket, program, tokens),
    }


def traffic(
    program: Program, spent: list[Spent], entry_bits: int = ENTRY_BITS, bias_bits: int = BIAS_BITS
) -> dict[str, int]:
    """Bytes read from each memory, all lanes counted, and written to both row memories."""
    lanes = program.machine.lanes
    return {
        "read_a": lanes * sum(one.reads_a for one in spent),
        "read_s": 2 * lanes * sum(one.reads_s for one in spent),
        "weights": -(-entry_bits * sum(one.entries for one in spent) // 8),
        "biases": -(-bias_bits * sum(one.biases for one in spent) // 8),
        "written": sum(
            (lanes if one.operation.kind is not Kind.LOAD else 2)
            * one.rows
            * (one.operation.to_a + 2 * one.operation.to_s)
            for one in spent
        ),
    }


def energy(
    program: Program,
    spent: list[Spent],
    work_of: Callable[[Spent], Work] | None = None,
    entry_bits: int = ENTRY_BITS,
    bias_bits: int = BIAS_BITS,
) -> dict[str, float]:
    """Nanojoules of a run by the cited table of `hwsim.energy`: arithmetic of all lanes, and memory reads.

    work_of: what one lane does in an operation, and the bits of a stored entry and bias, of another machine.
    """
    machine, read = program.machine, traffic(program, spent, entry_bits, bias_bits)
    done = Work(Counter())
    for one in spent:
        done += (work_of or lane_work)(one).times(machine.lanes)
    sizes = {
        "read_a": machine.rows_a * machine.lanes,
        "read_s": 2 * machine.rows_s * machine.lanes,
        "weights": -(-entry_bits * len(program.entries) // 8),
        "biases": -(-bias_bits * len(program.biases) // 8),
    }
    memory = sum(8 * read[name] / WORD * memory_for(size)[1] for name, size in sizes.items()) / 1e3
    arithmetic = done.picojoules / 1e3
    return {"arithmetic": arithmetic, "memory": memory, "total": arithmetic + memory}


def lane_work(one: Spent) -> Work:
    """Additions of one lane."""
    kind, out = one.operation.kind, one.rows if one.operation.add_residual or one.operation.centre else 0
    if kind in (Kind.SCORE, Kind.INHIBIT):
        # The difference of two bytes, then the sum; the minimum is a comparison a row.
        return work(int8_add=one.steps, int32_add=one.steps + (one.rows if kind is Kind.SCORE else 0))
    if kind in (Kind.LINEAR, Kind.CLASSIFY, Kind.NORM, Kind.CENTRE):
        return work(int32_add=one.steps + out)
    return work(int8_add=one.rows if kind is Kind.LOAD else 0)
