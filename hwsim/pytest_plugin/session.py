"""One pytest run: what its command line chose, and the simulations its items share."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hwsim.pytest_plugin.build import locked
from hwsim.pytest_plugin.simulate import Outcome, Simulation, simulate

if TYPE_CHECKING:
    from hwsim.pytest_plugin.design import Design
    from hwsim.pytest_plugin.items import CocotbItem

KEY = pytest.StashKey["Session"]()


class CocotbFailure(Exception):
    """A cocotb test that did not pass; the message is what cocotb or the simulator said."""


class Session:
    """What the hooks of one pytest process share."""

    def __init__(self, config: pytest.Config) -> None:
        options = config.option
        self.config = config
        self.simulator: str | None = options.sim
        self.waves: bool = options.waves
        self.coverage: bool = options.rtl_coverage or bool(options.rtl_coverage_json)
        # All workers of pytest-xdist share the seed and the name of the run, and so the simulations.
        worker = getattr(config, "workerinput", {})
        self.seed: int = worker.get("rtl_seed", options.rtl_seed)
        self._run: str = worker.get("testrunuid", uuid.uuid4().hex)
        self._delivered: set[str] = set()

    @staticmethod
    def of(config: pytest.Config) -> Session:
        """The session of a pytest configuration."""
        if KEY not in config.stash:
            config.stash[KEY] = Session(config)
        return config.stash[KEY]

    @property
    def folder(self) -> Path:
        """Where builds, logs and waveforms are kept: pytest's cache folder, or `sim_build` if that is off."""
        cache = getattr(self.config, "cache", None)
        return Path(cache.mkdir("hwsim")) if cache else self.config.rootpath / "sim_build"

    def simulation(self, item: CocotbItem) -> Simulation:
        """A simulation that ran `item`: one for all selected items of its group, or one of its own.

        Processes share it: the first pytest-xdist worker that needs a group simulates it, others wait.
        """
        key = hashlib.sha256(repr(item.group).encode()).hexdigest()[:10]
        where = f"{item.module}-{item.design.toplevel}-{item.design.simulator}-{key}"
        shared = None
        # A test that is repeated (by a plugin that reruns failures) or wants waveforms runs alone.
        if not self.waves and item.nodeid not in self._delivered:
            shared = self._shared(item, where)
        self._delivered.add(item.nodeid)
        outcome = shared.outcomes.get(item.test) if shared else None
        # A simulation that died says little of the tests it still had before it: each gets one of its own.
        if shared and outcome and (outcome.status != "dead" or len(shared.outcomes) == 1):
            return shared
        return self.simulate(item.design, item.module, [item.test], f"{where}/{_slug(item.name)}")

    def _shared(self, item: CocotbItem, where: str) -> Simulation:
        file = self.folder / "run" / where / "shared.json"
        with locked(file.with_suffix(".lock")):
            stored = json.loads(file.read_text()) if file.is_file() else {}
            if stored.get("run") == self._run:
                outcomes = {name: Outcome(**outcome) for name, outcome in stored["outcomes"].items()}
                return Simulation(outcomes, stored["files"])
            simulation = self.simulate(item.design, item.module, _tests_with(item), f"{where}/all")
            file.write_text(json.dumps({"run": self._run} | dataclasses.asdict(simulation)))
            return simulation

    def simulate(self, design: Design, module: str, tests: list[str], where: str) -> Simulation:
        """Simulate these tests of a Python module in the folder `where` of this session."""
        folder, builds = self.folder / "run" / where, self.folder / "build"
        # Another pytest of the same project may be at work.
        with locked(folder.with_name(f"{folder.name}.lock")):
            return simulate(design, module, tests, self.seed, builds, folder, [str(self.config.rootpath)])

    def properties(self, design: Design, simulation: Simulation) -> list[tuple[str, object]]:
        """What a test's report (and its JUnit entry) says about its simulation."""
        files = [(f"rtl_{kind}", path) for kind, path in simulation.files.items()]
        return [("rtl_simulator", design.simulator), ("rtl_seed", self.seed), *files]


def _tests_with(item: CocotbItem) -> list[str]:
    """The selected tests of the item's group, itself among them, that no mark may skip."""
    group = [i for i in item.session.items if isinstance(i, type(item)) and i.group == item.group]
    marked = {i.test for i in group if i.get_closest_marker("skip") or i.get_closest_marker("skipif")}
    return [test for test in dict.fromkeys(i.test for i in group) if test == item.test or test not in marked]


def _slug(name: str) -> str:
    return re.sub(r"[^\w.=-]+", "_", name)
