"""A published split from the public hub, by the `datasets` package."""

from __future__ import annotations

from hwsim.data.formats import Example
from hwsim.data.sources import Source
from hwsim.errors import HwsimError, MissingToolError


def from_hub(source: Source) -> list[Example]:
    """Fetch a split. Raises MissingToolError without `datasets`, HwsimError if it cannot be fetched."""
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise MissingToolError(
            "set HWSIM_DATA to a folder of data sets, or `pip install 'hwsim[train]'` to fetch from the hub"
        ) from error
    hub = source.hub
    try:
        rows = load_dataset(hub.name, hub.config, split=hub.split, revision=hub.revision)
    except (OSError, ValueError) as error:
        raise HwsimError(
            f"{hub.name} cannot be fetched ({error}); set HWSIM_DATA to a folder of data sets"
        ) from error
    missing = {hub.text, hub.label, hub.second} - {""} - set(rows.column_names)
    if missing:
        raise HwsimError(f"{hub.name} has the columns {rows.column_names}; {sorted(missing)[0]} is not there")
    # The hub's reviews keep their line breaks as the published files do.
    return [
        Example(
            row[hub.text].strip().replace("<br />", " "),
            row[hub.label],
            row[hub.second].strip() if hub.second else "",
        )
        for row in rows
    ]
