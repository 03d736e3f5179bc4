"""The kernels without Python: under sanitizers, on an emulated 64-bit ARM, and as a fuzzing target."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import kernel_calls
import pytest
from kernel_calls import KERNELS, SANITIZED, STRICT, assert_answers, build, calls

from hwsim import native

ARM = "aarch64-linux-gnu-gcc"


def test_under_sanitizers(tmp_path: Path) -> None:
    program = build("vectors.c", tmp_path / "vectors", SANITIZED)
    assert tuple(assert_answers(program, tmp_path, list(calls(0)))) == native.NAMES


IN_PYTHON = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("hwsim.native._kernels", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
sys.modules["hwsim.native._kernels"] = module
import numpy as np
import hwsim
from hwsim import cases, native, ops
from hwsim.compare import first_difference
from hwsim.native import operators
from hwsim.native.model import plan
assert native.kernels() is module
for name in native.NAMES:
    for operator in operators.OPERATORS:
        for case in cases.cases(operator):
            assert np.array_equal(getattr(operators, operator)(name, **case.arguments), case.expected())
    for inner in (False, True):
        config = hwsim.ModelConfig(9, 32, 32, 4, 2, 40, 3, inner_norms=inner)
        ticket = hwsim.random_ticket(config)
        ids, mask = hwsim.random_tokens(config, 5)
        want = hwsim.forward(ticket, ids, mask, trace=True).trace
        assert first_difference(name, want, plan(ticket).trace(name, ids, mask), mask) is None
print("equal")
"""


def test_the_extension_module_under_sanitizers(tmp_path: Path) -> None:
    made = tmp_path / "_kernels.so"
    include = f"-I{sysconfig.get_path('include')}"
    subprocess.run(
        ["gcc", *STRICT, *SANITIZED, "-fPIC", "-shared", include, KERNELS / "module.c", "-o", made],
        check=True,
    )
    found = [
        subprocess.run(
            ["gcc", f"-print-file-name={name}.so"], capture_output=True, text=True, check=True
        ).stdout
        for name in ("libasan", "libubsan")
    ]
    # Python itself leaves memory behind; only what is touched outside its bounds counts.
    environment = {
        **os.environ,
        "LD_PRELOAD": " ".join(map(str.strip, found)),
        "ASAN_OPTIONS": "detect_leaks=0",
    }
    done = subprocess.run(
        [sys.executable, "-c", IN_PYTHON, made], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "equal\n"), done.stderr


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
        ("avx2_head.h", "here ? 0 : INT16_MAX", "0", "a score differs"),
        ("avx2_linear.h", "_mm256_min_epi8(a, most)", "a", "a linear layer differs"),
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
