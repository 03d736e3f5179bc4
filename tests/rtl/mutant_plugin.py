"""For `mutation.py`: the tests of this pytest run see the Verilog of the folder that HWSIM_MUTANT names."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import Phase, settings

from hwsim import rtl

rtl._FOLDER = Path(os.environ["HWSIM_MUTANT"])
# A failure is enough: no search for a smaller one.
settings.register_profile("mutant", derandomize=True, database=None, phases=[Phase.generate])
settings.load_profile("mutant")
