"""The setup behind the README's two commands, on a pretended machine: what it installs, asks for, repeats."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TOOLS = ("bash", "cat", "cksum", "cp", "dirname", "env", "id", "mkdir", "rm")
SYSTEM = ("c++", "make", "perl", "ccache", "iverilog")

PYTHON = """#!/bin/bash
case "$*" in
    *version_info*) exit "${OLD_PYTHON:-0}" ;;
    *Python.h*) exit "${NO_HEADERS:-0}" ;;
    "-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
    "-m pip "*) echo "pip $*" >> "$LOG" ;;
    --version) echo "Python 3.9.2" ;;
esac
"""
RECORD = '#!/bin/bash\necho "$(basename "$0") $*" >> "$LOG"\n'
SUDO = '#!/bin/bash\necho "sudo $*" >> "$LOG"\nexec "$@"\n'


@dataclass
class Machine:
    """A machine with only the commands in `bin`."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def command(self, name: str, text: str) -> None:
        path = self.folder / "bin" / name
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def setup(self, extras: str = "rtl,plots", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(self.folder / "bin"), "LOG": str(self.folder / "log"), **self.variables}
        script = self.folder / "project" / ".ci" / "setup.sh"
        return subprocess.run(
            ["/bin/bash", script, extras],
            env=environment,
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def log(self) -> list[str]:
        path = self.folder / "log"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Everything is there, the user is root, and apt-get only takes notes."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "project").mkdir()
    shutil.copytree(ROOT / ".ci", tmp_path / "project" / ".ci")
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "project")
    shutil.copytree(ROOT / "hwsim" / "native", tmp_path / "project" / "hwsim" / "native")
    made = Machine(tmp_path)
    for tool in (*TOOLS, "basename"):
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool) or f"/usr/bin/{tool}")
    for tool in SYSTEM:
        made.command(tool, "#!/bin/bash\n")
    made.command("python3", PYTHON)
    made.command("apt-get", RECORD)
    made.command("id", "#!/bin/bash\necho 0\n")
    return made


def test_environment_is_made_once(machine: Machine, tmp_path: Path) -> None:
    assert machine.setup(cwd=tmp_path).returncode == 0
    (pip,) = [line for line in machine.log if line.startswith("pip")]
    assert "--editable .[rtl,plots]" in pip
    assert "--constraint .ci/constraints.txt" in pip
    assert machine.setup().returncode == 0
    assert len([line for line in machine.log if line.startswith("pip")]) == 1
    assert machine.setup("docs").returncode == 0
    assert "--editable .[docs]" in machine.log[-1]


def test_environment_is_made_again_after_a_change(machine: Machine) -> None:
    machine.setup()
    with open(machine.folder / "project" / "pyproject.toml", "a") as file:
        file.write("\n")
    machine.setup()
    assert len([line for line in machine.log if line.startswith("pip")]) == 2
    shutil.rmtree(machine.folder / "project" / ".venv" / "bin")
    machine.setup()
    assert len([line for line in machine.log if line.startswith("pip")]) == 3


def test_another_folder_for_the_environment(machine: Machine) -> None:
    machine.variables["HWSIM_VENV"] = str(machine.folder / "elsewhere")
    assert machine.setup().returncode == 0
    assert (machine.folder / "elsewhere" / "bin" / "python").exists()
    assert not (machine.folder / "project" / ".venv").exists()


def test_the_runtimes_bring_node_chromium_npm_packages_and_an_emulated_arm(machine: Machine) -> None:
    machine.command("npm", '#!/bin/bash\necho "npm $ONNXRUNTIME_NODE_INSTALL $*" >> "$LOG"\n')
    assert machine.setup("runtimes,dev").returncode == 0
    assert {"nodejs", "chromium", "gcc-arm-linux-gnueabihf", "qemu-user"} <= set(machine.log[1].split())
    assert "npm" not in machine.log[1].split()
    node = machine.folder / "project" / ".venv" / "node"
    assert machine.log[-1].startswith("npm skip install --prefix .venv/node ")
    assert (node / "package.json").read_text() == (ROOT / ".ci" / "package.json").read_text()
    assert machine.setup("runtimes,dev").returncode == 0
    assert len([line for line in machine.log if line.startswith("npm")]) == 1


def test_the_tests_bring_headers_and_an_emulated_arm(machine: Machine) -> None:
    machine.variables["NO_HEADERS"] = "1"
    assert machine.setup("dev").returncode == 0
    wanted = {"python3-dev", "gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross", "qemu-user"}
    assert wanted <= set(machine.log[1].split())
    assert machine.setup("rtl,plots").returncode == 0
    assert not [line for line in machine.log[3:] if line.startswith("apt-get")]


def test_environment_is_made_again_after_a_change_of_the_kernels(machine: Machine) -> None:
    machine.setup()
    with open(machine.folder / "project" / "hwsim" / "native" / "model.h", "a") as file:
        file.write("\n")
    machine.setup()
    assert len([line for line in machine.log if line.startswith("pip")]) == 2


def test_missing_tools_are_installed_by_root(machine: Machine) -> None:
    for tool in ("c++", "iverilog"):
        (machine.folder / "bin" / tool).unlink()
    assert machine.setup().returncode == 0
    update, install = machine.log[:2]
    assert update.startswith("apt-get update")
    assert install.startswith("apt-get install -y")
    assert {"g++", "iverilog"} <= set(install.split())
    assert not {"make", "perl", "ccache", "python3-venv"} & set(install.split())


def test_missing_tools_are_installed_through_sudo(machine: Machine) -> None:
    (machine.folder / "bin" / "make").unlink()
    machine.command("id", "#!/bin/bash\necho 1000\n")
    machine.command("sudo", SUDO)
    assert machine.setup().returncode == 0
    assert machine.log[0].startswith("sudo apt-get update")
    assert any(
        line.startswith("sudo env DEBIAN_FRONTEND=noninteractive apt-get install") for line in machine.log
    )


def test_neither_root_nor_sudo(machine: Machine) -> None:
    (machine.folder / "bin" / "c++").unlink()
    machine.command("id", "#!/bin/bash\necho 1000\n")
    done = machine.setup()
    assert done.returncode == 1
    assert "neither root nor sudo: ask an administrator for: apt-get install g++" in done.stderr
    assert machine.log == []


def test_no_apt(machine: Machine) -> None:
    for tool in ("c++", "apt-get"):
        (machine.folder / "bin" / tool).unlink()
    done = machine.setup()
    assert done.returncode == 1
    assert "no apt-get to install them: g++" in done.stderr


def test_old_python(machine: Machine) -> None:
    machine.variables["OLD_PYTHON"] = "1"
    done = machine.setup()
    assert done.returncode == 1
    assert "hwsim needs Python 3.11 or newer; this system has Python 3.9.2" in done.stderr
    assert any("python3-venv" in line for line in machine.log)


@pytest.mark.parametrize("script", ["demo.sh", "test.sh", ".ci/run", ".ci/setup.sh"])
def test_scripts_parse(script: str) -> None:
    done = subprocess.run(["bash", "-n", ROOT / script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert os.access(ROOT / script, os.X_OK)
