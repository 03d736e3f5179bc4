"""Print the fields of a configuration as docs/runs.md shows them: python -m hwsim.models.runs.table"""

from __future__ import annotations

from hwsim import markdown
from hwsim.models.runs.config import RunConfig
from hwsim.models.runs.settings import describe


def table() -> str:
    """Markdown rows, one a field."""
    rows = [(f"`{one.name}`", f"`{one.default}`", one.values, one.help) for one in describe(RunConfig)]
    return markdown.table(("field", "default", "values", "meaning"), rows)


if __name__ == "__main__":
    print(table())
