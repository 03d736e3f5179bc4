"""One pytest item a cocotb test; the items of one design share one simulation."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hwsim.errors import HwsimError, MissingToolError
from hwsim.pytest_plugin.build import BuildError
from hwsim.pytest_plugin.design import Design, designs, merge_marks
from hwsim.pytest_plugin.session import CocotbFailure, Session
from hwsim.pytest_plugin.simulate import Simulation, printed


class CocotbItem(pytest.Item):
    """One cocotb test on one design. Its setup builds and simulates, its call tells what came of the test."""

    def __init__(
        self, *, module: str, test: Any, design: Design, marks: list[pytest.Mark], **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.module, self.design = module, design
        self.test: str = test.fullname
        self.line: int = test.func.__code__.co_firstlineno - 1
        self.simulation = Simulation({})
        self.own_markers.extend(marks)
        self.keywords.update((mark.name, mark) for mark in marks)

    @property
    def group(self) -> tuple[str, Design]:
        """Items that are equal in this share one simulation."""
        return self.module, self.design

    def setup(self) -> None:
        session = Session.of(self.config)
        try:
            self.simulation = session.simulation(self)
        except (BuildError, MissingToolError) as error:
            pytest.fail(str(error), pytrace=False)
        self.user_properties = session.properties(self.design, self.simulation)

    def runtest(self) -> None:
        outcome = self.simulation.outcomes[self.test]
        if outcome.status == "skipped":
            pytest.skip(outcome.message)
        if outcome.status != "passed":
            text = printed(Path(self.simulation.files["log"]), self.test)
            if text:
                self.add_report_section("call", "simulation", text)
            raise CocotbFailure(outcome.message)

    @property
    def seconds(self) -> float:
        """Wall time of the test inside its simulation."""
        outcome = self.simulation.outcomes.get(self.test)
        return outcome.seconds if outcome else 0.0

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if not isinstance(excinfo.value, CocotbFailure):
            return super().repr_failure(excinfo, style)
        seed = Session.of(self.config).seed
        command = f"pytest {shlex.quote(self.nodeid)} --sim {self.design.simulator} --rtl-seed {seed}"
        shown = [(kind, path) for kind, path in self.simulation.files.items() if kind != "coverage"]
        lines = [f"{kind.capitalize()}: {path}" for kind, path in shown]
        return "\n".join([str(excinfo.value), "", f"Again: {command} --waves", *lines])

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.line, self.name


def collect(module: pytest.Module, name: str, generator: Any) -> Iterator[CocotbItem]:
    """The items of one `@cocotb.test()` coroutine: each of its parametrised tests on each design."""
    session = Session.of(module.config)
    marks = list(getattr(generator.func, "pytestmark", []))
    if any(mark.name == "parametrize" for mark in marks):
        raise module.CollectError(
            f"{name}: a cocotb test is parametrised by @cocotb.parametrize, not by pytest"
        )
    try:
        options = merge_marks(module, marks)
        found = designs(options, module.path.parent, session.simulator, session.waves, session.coverage)
    except HwsimError as error:
        raise module.CollectError(f"{name}: {error}") from error
    for label, design in found:
        for test in generator.generate_tests():
            first, *choices = test.name.split("/")
            skip = [pytest.mark.skip(reason="skipped by cocotb").mark] if test.skip else []
            yield CocotbItem.from_parent(
                module,
                name=f"{first}[{'-'.join([label, *choices])}]",
                module=module.obj.__name__,
                test=test,
                design=design,
                marks=[*marks, *skip],
            )
