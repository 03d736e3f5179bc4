"""Print the table of training runs in the documentation from the JSON that holds them.

python -m hwsim.models.recipes.table models/recipes/sst2.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

NAMES = {
    "float_dot": "float, dot product and LayerNorm",
    "float_inhibitor": "float, inhibitor and LayerNorm",
    "integer": "integer inhibitor, ternary",
}


def table(path: Path) -> str:
    """Markdown rows, one a run, in the order of the file."""
    lines = [
        "| model | density | inner norms | recipe | epochs | seed | teacher dev | dev |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for run in json.loads(path.read_text())["runs"]:
        cells = (
            NAMES[run["model"]],
            f"{run['density']:.2f}",
            "yes" if run["inner_norms"] else "no",
            run["recipe"],
            run["epochs"],
            run["seed"],
            f"{run['teacher_dev']:.3f}",
            f"{run['dev']:.3f}",
        )
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(Path(sys.argv[1])))
