"""Every formal property holds, and fails with its planted bug."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwsim import HwsimError
from hwsim.rtl import modules, proofs
from hwsim.rtl.proofs import PROOFS, Bug, Proof


@pytest.mark.parametrize("proof", [one for one in PROOFS if not one.long], ids=lambda one: one.name)
def test_the_property_holds(proof: Proof) -> None:
    verdict = proofs.prove(proof)
    assert verdict.holds, verdict.failed


@pytest.mark.parametrize("proof", PROOFS, ids=lambda one: one.name)
def test_the_planted_bug_makes_it_fail_by_a_counterexample(proof: Proof) -> None:
    verdict = proofs.prove_wrong(proof)
    assert not verdict.holds and verdict.counterexample
    assert verdict.failed.startswith(f"{proof.name}.sv:")


def test_every_property_is_listed_and_describes_itself() -> None:
    assert sorted(one.name for one in PROOFS) == sorted(path.stem for path in proofs.FOLDER.glob("*.sv"))
    for path in proofs.FOLDER.glob("*.sv"):
        assert path.read_text().startswith(f"// {path.stem}: ")
    assert all(one.bug.module in modules() for one in PROOFS)


def test_a_bug_that_no_longer_applies_is_an_error() -> None:
    gone = Proof("axi_lite_answers", "", 4, Bug("axi_lite_registers", "not there", ""))
    with pytest.raises(HwsimError, match="'not there', which is not once in axi_lite_registers"):
        proofs.prove_wrong(gone)


def test_verilog_that_is_none_is_an_error_with_what_yosys_says(tmp_path: Path) -> None:
    broken = tmp_path / "lane_output.v"
    broken.write_text("module lane_output (")
    with pytest.raises(HwsimError, match="lane_output"):
        proofs.prove(PROOFS[0], {"lane_output": broken})


def test_a_proof_without_an_end_is_stopped() -> None:
    with pytest.raises(HwsimError, match="came to no end in"):
        proofs.prove(PROOFS[0], limit=0.01)
