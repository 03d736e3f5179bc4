"""The record of `hwsim bench cpu`, made in a process of its own whose libraries have one thread.

python -m hwsim.models.bench.cpu [--quick]        the record as JSON on stdout, progress on stderr
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from hwsim.errors import HwsimError

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "HWSIM_THREADS")
QUICK = "--quick"


def record(quick: bool) -> dict[str, Any]:
    """Run it in a new process and return what it measured. Raises HwsimError if it fails."""
    environment = {**os.environ, **dict.fromkeys(ONE_THREAD, "1")}
    command = [sys.executable, "-m", "hwsim.models.bench.cpu", *([QUICK] if quick else [])]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise HwsimError("the benchmark stopped; what it said stands above")
    return json.loads(done.stdout)


def main(quick: bool) -> dict[str, Any]:
    """Measure everything here and now."""
    import torch

    from hwsim import load_ticket, native, tickets
    from hwsim.models.bench import heads, machine, whole
    from hwsim.models.bench.timing import OURS, Effort

    torch.set_num_threads(1)
    name = native.fastest()
    effort = Effort(3, 0.001) if quick else Effort(31, 0.005)
    lengths = (8, 17) if quick else (32, 64, 128, 256, 512, 1024)
    widths = (16,) if quick else (32, 64)
    sentences = (8,) if quick else (32, 64)
    densities = (0.1, 0.6) if quick else (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
    ticket = load_ticket(tickets.DEFAULT)
    done: dict[str, Any] = {"quick": quick, **machine.about(name), "ticket": tickets.DEFAULT}

    def say(what: str) -> None:
        print(f"hwsim bench cpu: {what}", file=sys.stderr)

    say("data set")
    done["data_set"] = whole.data_set(ticket, "sst2", "dev", name)  # first: a broken one stops at once
    say("instructions on registers")
    ceiling = heads.ceilings(effort) if name == "avx2" else {}
    done["ceiling_elements_per_second"] = ceiling
    done["heads"] = []
    for width in widths:
        for n in lengths:
            say(f"head, n = {n}, width {width}")
            row = heads.measure(n, width, name, effort)
            if ceiling:
                row["share_of_ceiling"] = heads.share_of_ceiling(row, ceiling)
            done["heads"].append(row)
    done["models"] = []
    for n in sentences:
        say(f"whole model, n = {n}")
        done["models"].append(whole.measure(ticket, n, name, effort))
    done["densities"] = [
        row for n in sentences for row in whole.by_density(ticket, n, name, densities, effort)
    ]
    say("energy")
    calls = {OURS: whole.inference(ticket, sentences[-1], name), **whole.twins(ticket, sentences[-1])}
    done["energy"] = machine.energy(calls, 0.1 if quick else 3.0)
    return done


if __name__ == "__main__":
    print(json.dumps(main(QUICK in sys.argv[1:])))
