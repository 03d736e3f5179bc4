"""Print the fields of a configuration as docs/runs.md shows them: python -m hwsim.models.runs.table"""

from __future__ import annotations

from hwsim.models.runs.config import RunConfig
from hwsim.models.runs.settings import describe


def table() -> str:
    """Markdown rows, one a field."""
    lines = ["| field | default | values | meaning |", "| --- | --- | --- | --- |"]
    for line in describe(RunConfig):
        lines.append(f"| `{line.name}` | `{line.default}` | {line.values} | {line.help} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
