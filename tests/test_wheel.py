"""The wheel: what is in it, and that it runs outside the checkout with only what it asks for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from hwsim.tickets import DEFAULT

ROOT = Path(__file__).parent.parent
PACKAGES = {
    "hwsim": "hwsim",
    "models": "hwsim/models",
    "onnx_export": "hwsim/onnx_export",
    "rtl": "hwsim/rtl",
}
SHIPPED = (".py", ".v", ".sv", ".vlt", ".cpp", ".safetensors", ".md", ".typed")
TICKET_LIMIT = 2_000_000


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built in a copy so that neither takes anything from the other."""
    copy = tmp_path_factory.mktemp("source") / "hwsim"
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", copy / "dist", copy]
    subprocess.run(build, check=True, capture_output=True)
    (made,) = (copy / "dist").glob("*.whl")
    return made


def test_contents(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    packages, metadata = sorted({name.split("/")[0] for name in sizes})
    assert packages == "hwsim"
    assert metadata.endswith(".dist-info")
    wanted = {
        f"{inside}/{path.relative_to(ROOT / folder).as_posix()}"
        for folder, inside in PACKAGES.items()
        for path in (ROOT / folder).rglob("*")
        if path.suffix in SHIPPED
    }
    assert wanted - set(sizes) == set()
    assert {"hwsim/py.typed", "hwsim/rtl/inhibit.v", "hwsim/tickets/NOTICE"} <= set(sizes)
    tickets = {name: size for name, size in sizes.items() if name.endswith(".safetensors")}
    assert f"hwsim/tickets/{DEFAULT}.safetensors" in tickets
    assert max(tickets.values()) <= TICKET_LIMIT


def needed(extras: tuple[str, ...]) -> dict[str, Distribution]:
    """hwsim's dependencies and theirs, as the installed metadata declare them; hwsim itself left out."""
    found: dict[str, Distribution] = {}
    todo = [("hwsim", extras)]
    while todo:
        name, wanted = todo.pop()
        for text in distribution(name).requires or ():
            one = Requirement(text)
            key = one.name.lower().replace("_", "-")
            asked = one.marker is None or any(
                one.marker.evaluate({"extra": extra}) for extra in ("", *wanted)
            )
            if asked and key not in found:
                found[key] = distribution(one.name)
                todo.append((one.name, tuple(one.extras)))
    return found


def install(wheel: Path, folder: Path, extras: tuple[str, ...]) -> Path:
    """A new environment with the wheel and links to exactly what it declares; returns its `hwsim`."""
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for one in needed(extras).values():
        for top in {file.parts[0] for file in one.files or ()} - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(Path(str(one.locate_file(top))).resolve())
    pip = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-index", wheel], check=True, capture_output=True)
    return folder / "bin" / "hwsim"


def demo(command: Path, folder: Path) -> dict:
    """What `hwsim demo --json` says in an empty folder."""
    folder.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [command, "demo", "A warm and funny film.", "--json"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_demo_without_extras(wheel: Path, tmp_path: Path) -> None:
    said = demo(install(wheel, tmp_path / "environment", ()), tmp_path / "empty")
    assert said["equal"] == {"onnxruntime": True, "onnxruntime_unoptimised": True}
    assert "pip install 'hwsim[rtl]'" in said["skipped"]["rtl"]
    assert "pip install 'hwsim[plots]'" in said["skipped"]["picture"]
    assert list((tmp_path / "empty").iterdir()) == []


def test_demo_with_extras(wheel: Path, tmp_path: Path) -> None:
    said = demo(install(wheel, tmp_path / "environment", ("rtl", "plots")), tmp_path / "empty")
    assert said["equal"] == {"onnxruntime": True, "onnxruntime_unoptimised": True, "rtl": True}
    assert said["skipped"] == {}
    assert [(tmp_path / "empty" / path).is_file() for path in said["pictures"]] == [True]
