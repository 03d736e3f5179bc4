"""Makes docs/cpu.json, docs/images/cpu.svg and the tables in docs/cpu.md: python docs/cpu.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hwsim.files import write_atomic
from hwsim.models.bench import cpu, machine, report

DOCS = Path(__file__).parent
PAGE, JSON, PICTURE = DOCS / "cpu.md", DOCS / "cpu.json", DOCS / "images" / "cpu.svg"
START, END = "<!-- made by docs/cpu.py -->", "<!-- end -->"


def said(record: dict[str, Any]) -> str:
    """The measured part of the page."""
    lines = [
        machine.words(record),
        "![Times and ratios](images/cpu.svg)",
        report.markdown(record),
    ]
    shares = ", ".join(
        f"{100 * row['share_of_ceiling']:.0f} % (n = {row['n']}, width {row['head_width']})"
        for row in record["heads"]
        if "share_of_ceiling" in row
    )
    if shares:
        lines.append(f"Share of the instructions' own ceiling, the whole head from Python: {shares}.")
    data = record["data_set"]
    if "n" in data:
        kernels = data[f"{record['kernels']}_seconds"]
        lines.append(
            f"SST-2 dev, {data['n']} sentences, one core: {kernels:.2f} s in the emulator and "
            f"{data['tokens_seconds']:.2f} s for cutting into tokens; {data['numpy_seconds']:.1f} s in NumPy."
        )
    else:
        lines.append(f"SST-2 dev: {data['missing']}.")
    energy = record["energy"]
    joules = ", ".join(f"{name} {value:.3g} J" for name, value in energy.get("joules", {}).items())
    lines.append(f"Energy of an inference, whole package: {joules or energy['missing']}.")
    return "\n\n".join(lines)


def page(text: str, record: dict[str, Any]) -> str:
    """The page with the measured part made anew."""
    before, after = text.index(START) + len(START), text.index(END)
    return f"{text[:before]}\n\n{said(record)}\n\n{text[after:]}"


if __name__ == "__main__":
    measured = cpu.record(quick=False)
    write_atomic(JSON, json.dumps(measured, indent=1) + "\n")
    report.plot(measured, PICTURE)
    write_atomic(PAGE, page(PAGE.read_text(), measured))
