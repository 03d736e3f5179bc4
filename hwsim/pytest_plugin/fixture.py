"""The fixture `cosim`: build and run designs from ordinary test functions."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from hwsim.errors import HwsimError
from hwsim.pytest_plugin.build import build
from hwsim.pytest_plugin.design import Design, designs, merge_marks
from hwsim.pytest_plugin.session import CocotbFailure, Session
from hwsim.pytest_plugin.simulate import Outcome


class Cosim:
    """What a test function does with Verilog. It takes the options of the mark, laid over the mark's own."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._node = request.node
        self._session = Session.of(request.config)
        self._options = merge_marks(request.node)
        self.simulator: str = request.param
        """verilator or icarus."""
        self.seed = self._session.seed
        """What --rtl-seed chose."""

    def _design(self, options: dict[str, Any]) -> Design:
        session = self._session
        chosen = self._options | options | {"simulators": self.simulator}
        found = designs(chosen, self._node.path.parent, None, session.waves, session.coverage)
        if len(found) != 1:
            raise HwsimError(
                f"these parameters make {len(found)} designs; the fixture cosim takes one at a time"
            )
        return found[0][1]

    def build(self, **options: Any) -> Path:
        """Build a design, or find it built; returns its folder.

        Raises BuildError with the simulator's message if it is refused.
        """
        return build(self._design(options), self._session.folder / "build")

    def run(self, module: str, **options: Any) -> dict[str, Outcome]:
        """Run all cocotb tests of an importable Python module on a design; returns their outcomes by name.

        Raises CocotbFailure if one does not pass, BuildError if the design is refused.
        """
        from cocotb.regression import TestGenerator

        values = vars(importlib.import_module(module)).values()
        found = [
            test for value in values if isinstance(value, TestGenerator) for test in value.generate_tests()
        ]
        names = [test.fullname for test in found if not test.skip]
        if not names:
            raise HwsimError(f"the module {module} has no cocotb tests to run")
        design = self._design(options)
        simulation = self._session.simulate(
            design, module, names, f"{module}-{design.digest()}-{self._node.name}"
        )
        self._node.user_properties.extend(self._session.properties(design, simulation))
        bad = {name: o for name, o in simulation.outcomes.items() if o.status not in ("passed", "skipped")}
        if bad:
            text = "\n".join(f"{name} {outcome.status}: {outcome.message}" for name, outcome in bad.items())
            raise CocotbFailure(f"{text}\nLog: {simulation.files['log']}")
        return simulation.outcomes
