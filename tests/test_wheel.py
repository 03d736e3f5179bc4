"""The wheel: what is in it, and that it runs outside the checkout with only what it asks for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from hwsim import backend
from hwsim.implementations import DEMO
from hwsim.tickets import DEFAULT

ROOT = Path(__file__).parent.parent
PACKAGES = {
    "hwsim": "hwsim",
    "models": "hwsim/models",
    "onnx_export": "hwsim/onnx_export",
    "rtl": "hwsim/rtl",
}
SHIPPED = (
    ".py",
    ".c",
    ".css",
    ".h",
    ".html",
    ".mjs",
    ".sv",
    ".v",
    ".vlt",
    ".cpp",
    ".safetensors",
    ".md",
    ".typed",
)
BUILT = ("__pycache__", "*.so")
KERNELS = "hwsim/native/_kernels.abi3.so"
TICKET_LIMIT, ALL_TICKETS_LIMIT = 6_000_000, 10_000_000


def source(folder: Path) -> Path:
    """A copy of this checkout, so that neither takes anything from the other."""
    copy = folder / "hwsim"
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns(*BUILT))
    return copy


def build(kind: str, copy: Path, **environment: str) -> Path:
    """The `wheel` or `sdist` of a source folder."""
    made, command = copy / f"dist-{kind}", [sys.executable, "-m", "build", f"--{kind}", "--no-isolation"]
    subprocess.run(
        [*command, "--outdir", made, copy], check=True, capture_output=True, env={**os.environ, **environment}
    )
    (one,) = made.iterdir()
    return one


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, with the kernels."""
    return build("wheel", source(tmp_path_factory.mktemp("source")))


@pytest.fixture(scope="session")
def plain_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as it is built from the source distribution where there is no C compiler."""
    folder = tmp_path_factory.mktemp("plain")
    with tarfile.open(build("sdist", source(folder))) as archive:
        archive.extractall(folder / "unpacked")
    (unpacked,) = (folder / "unpacked").iterdir()
    return build("wheel", unpacked, CC="/nonexistent/cc")


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
    assert f"hwsim/models/results/about/{DEFAULT}.toml" in sizes
    tickets = {name: size for name, size in sizes.items() if name.endswith(".safetensors")}
    assert f"hwsim/tickets/{DEFAULT}.safetensors" in tickets
    assert max(tickets.values()) <= TICKET_LIMIT
    assert sum(tickets.values()) <= ALL_TICKETS_LIMIT
    assert KERNELS in sizes
    assert "-cp311-abi3-" in wheel.name


def test_the_source_distribution_makes_the_same_wheel(wheel: Path, plain_wheel: Path) -> None:
    names = [set(zipfile.ZipFile(one).namelist()) for one in (wheel, plain_wheel)]
    assert names[0] - names[1] == {KERNELS}
    assert names[1] < names[0]


def test_one_wheel_a_platform_for_every_python(tmp_path: Path) -> None:
    for platform, architecture, made in (
        ("linux", "x86_64", "cp311-manylinux_x86_64"),
        ("linux", "aarch64", "cp311-manylinux_aarch64"),
        ("macos", "arm64", "cp311-macosx_arm64"),
    ):
        asked = ["--print-build-identifiers", "--platform", platform, "--archs", architecture, ROOT]
        command = [sys.executable, "-m", "cibuildwheel", *asked]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert done.stdout.split() == [made]


INSTALLED = (
    "import json, hwsim, numpy as np; ticket = hwsim.load_ticket('sst2-tiny'); "
    "ids = np.arange(1000).reshape(20, 50); mask = ids % 50 < 1 + ids // 20; "
    "logits = hwsim.forward(ticket, ids, mask).logits.tolist(); "
    "print(json.dumps({'backend': hwsim.backend.current(), 'logits': logits, 'file': hwsim.__file__}))"
)


def test_with_and_without_a_compiler_the_integers_are_the_same(
    wheel: Path, plain_wheel: Path, tmp_path: Path
) -> None:
    said = {}
    for name, one in (("kernels", wheel), ("plain", plain_wheel)):
        python = install(one, tmp_path / name, ()).with_name("python")
        command = [python, "-c", INSTALLED]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        said[name] = json.loads(done.stdout)
        assert Path(said[name]["file"]).is_relative_to(tmp_path / name)
    assert said["kernels"]["backend"] == backend.available()[0] != "numpy"
    assert said["plain"]["backend"] == "numpy"
    assert said["kernels"]["logits"] == said["plain"]["logits"]


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
    assert said["equal"] == dict.fromkeys(DEMO, True)
    assert said["skipped"] == {}
    assert [(tmp_path / "empty" / path).is_file() for path in said["pictures"]] == [True]
