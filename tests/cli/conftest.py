"""A ticket that reads text, and the command line run in this process."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

import hwsim
from hwsim import verify
from hwsim.cli import main
from hwsim.implementations import Batch, Implementation, Run

WORDS = (
    "a",
    "and",
    "but",
    "dull",
    "film",
    "funny",
    "is",
    "it",
    "long",
    "moving",
    "not",
    "the",
    "was",
    "warm",
    ".",
    ",",
)


@dataclass(frozen=True)
class Result:
    """What a command did."""

    status: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.stdout)


@pytest.fixture(scope="session")
def ticket() -> hwsim.Ticket:
    """A small random ticket whose tokenizer knows a few words."""
    words = {word: i for i, word in enumerate(("[UNK]", *WORDS))}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    config = hwsim.ModelConfig(
        vocabulary=len(words), max_tokens=8, width=16, heads=2, layers=2, hidden=32, classes=2
    )
    made = hwsim.random_ticket(config, seed=5)
    return made.replace(
        tokenizer=tokenizer.to_str(), labels=("negative", "positive"), metrics={"sst2_dev": 0.5}
    )


@pytest.fixture(scope="session")
def ticket_file(ticket: hwsim.Ticket, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Its file."""
    return str(hwsim.save_ticket(ticket, tmp_path_factory.mktemp("ticket") / "small.safetensors"))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run `hwsim ARGUMENTS` in this process."""

    def command(*arguments: object) -> Result:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Result(int(end.value.code or 0), said.out, said.err)

    return command


@pytest.fixture
def data_file(tmp_path: Path) -> Path:
    """Four labelled sentences."""
    path = tmp_path / "data.tsv"
    path.write_text("sentence\tlabel\nit was warm .\t1\nit was long and dull .\t0\nfunny\t1\nnot funny\t0\n")
    return path


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, tuple[int, ...], int], None]:
    """Make an implementation return one integer that is wrong by so much."""

    def fault(name: str, tensor: str, index: tuple[int, ...], off: int) -> None:
        def broken(one: Implementation) -> Implementation:
            def run(batch: Batch) -> Run:
                made = one.run(batch)
                made.trace[tensor][index] += off
                return made

            return dataclasses.replace(one, run=run) if one.name == name else one

        monkeypatch.setattr(verify, "IMPLEMENTATIONS", tuple(map(broken, verify.IMPLEMENTATIONS)))

    return fault
