"""The kernels without Python: under sanitizers, on an emulated 64-bit ARM, and as a fuzzing target."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import kernel_calls
import pytest
from kernel_calls import KERNELS, SANITIZED, STRICT, assert_answers, build, calls

from hwsim import native

ARM = "aarch64-linux-gnu-gcc"


def test_under_sanitizers(tmp_path: Path) -> None:
    program = build("vectors.c", tmp_path / "vectors", SANITIZED)
    assert tuple(assert_answers(program, tmp_path, list(calls(0)))) == native.NAMES


def test_on_an_emulated_arm(tmp_path: Path) -> None:
    program = build("vectors.c", tmp_path / "vectors", ("-O3", "-static"), ARM)
    assert assert_answers(program, tmp_path, list(calls(1)), ("qemu-aarch64",)) == ["neon", "portable"]


def test_the_fuzzing_target_on_its_own_inputs(tmp_path: Path) -> None:
    program = build("fuzz.c", tmp_path / "fuzz", (*SANITIZED, "-DSTANDALONE"))
    done = subprocess.run([program, "700", "7"], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("700 inputs agree\n", "")


@pytest.mark.parametrize(
    ("file", "right", "wrong", "found"),
    [
        ("avx2_head.h", "_mm256_or_si256(x, load(absent + j))", "x", "a score differs"),
        ("avx2_linear.h", "room = SPARSE_RUN; ", "room = 4096; ", "a linear layer differs"),
        ("avx2_head.h", "(size_t)(dh - k)", "CHUNK", "AddressSanitizer"),
    ],
)
def test_the_fuzzing_target_sees_a_planted_bug(
    file: str, right: str, wrong: str, found: str, tmp_path: Path
) -> None:
    folder = shutil.copytree(KERNELS, tmp_path / "native", ignore=shutil.ignore_patterns("*.so", "*.py"))
    text = (folder / file).read_text()
    assert right in text
    (folder / file).write_text(text.replace(right, wrong))
    source = kernel_calls.ROOT / "tests" / "native" / "fuzz.c"
    options = [*STRICT, *SANITIZED, "-Wno-unused", "-Wno-unused-parameter", "-DSTANDALONE"]
    subprocess.run(["gcc", *options, f"-I{folder}", source, "-o", tmp_path / "fuzz"], check=True)
    done = subprocess.run([tmp_path / "fuzz", "700", "7"], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert found in done.stderr
