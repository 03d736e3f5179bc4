"""A saved view of the accelerator's waveform: what one looks at first, for GTKWave."""

from __future__ import annotations

from pathlib import Path

from hwsim.files import write_atomic

SIGNALS = {
    "frames in": ("s_axis_tvalid", "s_axis_tready", "s_axis_tlast", "s_axis_tdata[31:0]"),
    "logits out": ("m_axis_tvalid", "m_axis_tready", "m_axis_tlast", "m_axis_tdata[31:0]"),
    "program": ("number[{operation}:0]", "kind[3:0]", "u_sequencer.state_q[2:0]", "error_o[3:0]", "done_o"),
    "counters": ("cycles_o[31:0]", "stalls_o[31:0]"),
    "steps": (
        "entry_valid",
        "entry_take",
        "entry[8:0]",
        "bias_take",
        "counted_step",
        "weight_step",
        "load_row",
    ),
    "rows": ("row_valid_o", "row_place_o[13:0]", "row_o[{row}:0]"),
}
"""By group, below the top module; a clock cycle is 10 units of time long."""


def save(waves: Path, lanes: int, operations: int) -> Path:
    """Write the view beside a waveform of an accelerator of these parameters; returns its path, `*.gtkw`."""
    sizes = {"operation": operations.bit_length() - 2, "row": 16 * lanes - 1}
    lines = [f'[dumpfile] "{waves.name}"', "[timestart] 0"]
    for group, names in SIGNALS.items():
        lines += ["@200", f"-{group}", "@22"]
        lines += [f"TOP.accelerator.{name.format(**sizes)}" for name in names]
    return write_atomic(waves.with_suffix(".gtkw"), "\n".join(lines) + "\n")
