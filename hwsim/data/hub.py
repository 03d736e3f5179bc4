"""A published split from the public hub, by the `datasets` package."""

from __future__ import annotations

from hwsim.data.formats import Example
from hwsim.data.sources import Source
from hwsim.errors import HwsimError, MissingToolError


def from_hub(source: Source) -> list[Example]:
    """Fetch a split; without a network, one that was fetched before.

    Raises MissingToolError without `datasets`, HwsimError if it cannot be fetched.
    """
    try:
        import datasets
    except ImportError as error:
        raise MissingToolError(
            "set HWSIM_DATA to a folder of data sets, or `pip install 'hwsim[train]'` to fetch from the hub"
        ) from error
    hub, config = source.hub, datasets.config
    offline = config.HF_HUB_OFFLINE
    silence = None if offline else _silence(config.HF_ENDPOINT)
    try:
        config.HF_HUB_OFFLINE = offline or silence is not None
        rows = datasets.load_dataset(hub.name, hub.config, split=hub.split, revision=hub.revision)
    except (OSError, ValueError) as error:
        raise HwsimError(
            f"{hub.name} cannot be fetched ({silence or error}); set HWSIM_DATA to a folder of data sets"
        ) from error
    finally:
        config.HF_HUB_OFFLINE = offline
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


def _silence(endpoint: str) -> str | None:
    """Why the hub does not answer; None if it does, whatever it says.

    Asked once: its library asks six times, for half a minute, before it believes that there is no network.
    """
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session

    try:
        get_session().head(endpoint, timeout=constants.HF_HUB_ETAG_TIMEOUT)
    except Exception as error:  # of requests or of httpx, as the library's version has it
        return f"{endpoint} does not answer: {error}"
    return None
