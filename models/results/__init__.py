"""Committed results: one JSON file a task, rows added from finished runs, tables and plots made from it.

    python -m hwsim.models.results add models/results/sst2.json "ternary" RUN --command "hwsim train ..."
    python -m hwsim.models.results add models/results/sst2.json "ticket" SEARCH/seed-0/ROUND.json ...
    python -m hwsim.models.results majority models/results/sst2.json prepared/sst2.safetensors
    python -m hwsim.models.results table models/results/sst2.json
    python -m hwsim.models.results plot models/results/sst2.json docs/images/sst2.png

    python -m hwsim.models.results stamp models/results/trec.json ROW SEED TICKET OUT --about about.toml
    python -m hwsim.models.results exact models/results/trec.json ROW SEED TICKET prepared/trec.safetensors
    python -m hwsim.models.results remake trec-tiny --into remade

A row is a name with one record a seed. A record keeps the command that makes it again. The test split is
scored once for a record: adding one under the same name and seed is refused.
"""

from hwsim.models.results.records import append, load
from hwsim.models.results.summary import Summary, points, summarise, table

__all__ = ["Summary", "append", "load", "points", "summarise", "table"]
