"""Arguments and options that several commands share, and the help of those with a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from hwsim.cli.output import print_table, stdout
from hwsim.tickets import DEFAULT

TicketArgument = Annotated[str, typer.Argument(metavar="TICKET", help="A shipped ticket's name, or a file.")]
TicketOption = Annotated[str, typer.Option("--ticket", help="A shipped ticket's name, or a file.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Seed of everything random.")]
TextOption = Annotated[list[str] | None, typer.Option("--text", help="A text; may be given again.")]
DataOption = Annotated[
    Path | None, typer.Option("--data", help="A file with the header sentence<TAB>label, plain, .gz or .xz.")
]


def given(context: typer.Context, *names: str) -> list[str]:
    """Which of these options stand on the command line, as --name."""
    sources = {name: context.get_parameter_source(name) for name in names}
    return [f"--{name}" for name, source in sources.items() if source and source.name == "COMMANDLINE"]


class FieldsCommand(TyperCommand):
    """A command whose help also shows every field of its configuration; `kind` as in `config.shipped`."""

    kind = ""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The usual help, then the fields as their dataclasses describe them."""
        super().format_help(ctx, formatter)
        from hwsim.errors import MissingToolError

        try:
            from hwsim.models.distill.config import DistillConfig
            from hwsim.models.runs import config, settings
        except MissingToolError as error:
            stdout().print(f"The fields of a configuration cannot be shown: {error}")
            return
        stdout().print(f"Configurations that come with hwsim: {', '.join(config.shipped(self.kind))}")
        described = settings.describe(DistillConfig if self.kind else config.RunConfig)
        rows = [(line.name, line.default, line.values, line.help) for line in described]
        print_table(("field", "default", "values", "meaning"), rows)


class DistillFieldsCommand(FieldsCommand):
    """The same for `hwsim distill`."""

    kind = "distill"


__all__ = [
    "DEFAULT",
    "DataOption",
    "DistillFieldsCommand",
    "FieldsCommand",
    "JsonOption",
    "SeedOption",
    "TextOption",
    "TicketArgument",
    "TicketOption",
    "given",
]
