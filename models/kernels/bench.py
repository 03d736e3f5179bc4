"""Checks the kernels, then times them against the other ways to compute the same, in one run.

    python -m hwsim.models.kernels.bench              on a GPU; writes bench.json beside this file
    python -m hwsim.models.kernels.bench --tune       the tile sizes of tiles.py, one against the other
    python -m hwsim.models.kernels.bench --quick      small sizes, on any device, to a file named by --out
    python -m hwsim.models.kernels.bench --table      bench.json as the table of the documentation

Every row has the same batch x heads x n, so that the work grows with n. Times are medians in milliseconds,
of kernels replayed as a CUDA graph; `launched` is forward and backward with Python starting each kernel.
Memory is the peak of forward and backward above the inputs.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch import Tensor
from torch.nn import functional

from hwsim import markdown
from hwsim.files import write_atomic
from hwsim.models import kernels
from hwsim.models.kernels import reference, tiles

HOME = Path(__file__).with_name("bench.json")
LENGTHS, TOKENS, HEAD_WIDTH = (32, 64, 128, 256, 512, 1024), 768 * 128, 64
INSTRUCTIONS = {"forward": 5, "both": 14}
"""Fewest float32 instructions for each query, key and feature. Forward: 2 for the distance, 3 for inhibition.
Backward: the distance again (2), |v| > z' (1), into dz (1) and dv (1), sign(q - k) (2), into dq, dk (2)."""
COLUMNS = ("forward", "both", "launched", "mib")
CDIST = 256
"""Longest sequences that the backward pass of torch.cdist survives here: it counts with 32 bits."""
LANES = 128
"""float32 results of one multiprocessor in one cycle."""

Method = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def inputs(batch: int, n: int, device: str, whole: bool, features: int = HEAD_WIDTH) -> tuple[Tensor, ...]:
    """(q, k, v, mask, shift or gamma, delta) of one head a sequence; a fifth of each sequence is padding."""
    draw = torch.Generator().manual_seed(n)
    if whole:
        parts = [torch.randint(-127, 128, (batch, 1, n, features), generator=draw).float() for _ in "qkv"]
        scale = torch.tensor(4.0)
    else:
        # Multiples of 1/64, so that no comparison turns out otherwise in float32 than in float64: gradients
        # jump where |v| = z' and where two keys are equally near.
        draws = [torch.randn(batch, 1, n, features, generator=draw) for _ in "qkv"]
        parts = [(64 * x).round() / 64 for x in draws]
        scale = torch.tensor(features**-0.5)
    mask = (torch.arange(n) < max(1, n - n // 5)).expand(batch, n)
    delta = torch.ones(1)
    return tuple(x.to(device) for x in (*parts, mask, scale, delta))


def by_cdist(q: Tensor, k: Tensor, v: Tensor, mask: Tensor, shift: Tensor, delta: Tensor) -> Tensor:
    """The papers' form: soft(v, z) = v + (|v - z| - |v + z|) / 2, all three sums by torch.cdist."""
    z = reference.score(torch.cdist(q, k, p=1), mask, shift, delta, "min", True)
    columns = v.mT.contiguous()
    difference = torch.cdist(z, columns, p=1) - torch.cdist(z, -columns, p=1)
    return v.sum(-2, keepdim=True) + difference / 2


def by_halves(q: Tensor, k: Tensor, v: Tensor, mask: Tensor, shift: Tensor, delta: Tensor) -> Tensor:
    """Our two separate kernels with the score in between, as when a trace is wanted."""
    from hwsim.models import ops

    return ops.inhibit_sum(v, ops.manhattan_score(q, k, mask, shift, delta))


def dot_product(q: Tensor, k: Tensor, v: Tensor, mask: Tensor, shift: Tensor, delta: Tensor) -> Tensor:
    """PyTorch's own attention in bfloat16, without a mask."""
    return functional.scaled_dot_product_attention(q.bfloat16(), k.bfloat16(), v.bfloat16())


def in_float(q: Tensor, k: Tensor, v: Tensor, mask: Tensor, gamma: Tensor, delta: Tensor) -> Tensor:
    """Our fused kernels in float mode."""
    return kernels.inhibitor_attention(q, k, v, mask, gamma, delta, whole=False)


def check(device: str, lengths: tuple[int, ...], features: int) -> dict[str, float]:
    """Largest relative error of H and each gradient, integer and float mode; raises if integers differ."""
    worst: dict[str, float] = {}
    for n in lengths:
        for whole in (True, False):
            found, expected = (
                _with_gradients(function, [x.to(kind) if x.is_floating_point() else x for x in given], whole)
                for given in [inputs(2, n, device, whole, features)]
                for function, kind in (
                    (kernels.inhibitor_attention, torch.float32),
                    (reference.inhibitor_attention, torch.float64),
                )
            )
            for name in found:
                error = (found[name].double() - expected[name]).norm() / expected[name].norm().clamp(min=1e-9)
                key = f"{'integer' if whole else 'float'}.{name}"
                worst[key] = max(worst.get(key, 0.0), float(error))
            if whole and not torch.equal(found["H"].double(), expected["H"]):
                raise SystemExit(f"the integers of H differ at n = {n}")
    for name, error in worst.items():
        if not error < 1e-3:
            raise SystemExit(f"{name} is off by {error:.1e}")
    return worst


def _with_gradients(function: Callable[..., Tensor], given: list[Tensor], whole: bool) -> dict[str, Tensor]:
    leaves = [x.clone().requires_grad_(x.is_floating_point()) for x in given]
    out = function(*leaves, whole=whole)
    out.backward(torch.linspace(-1, 1, out.numel(), device=out.device).view_as(out).to(out.dtype))
    names = ("dq", "dk", "dv", "mask", "dscale", "ddelta")
    found = {name: x.grad for name, x in zip(names, leaves, strict=True) if x.grad is not None}
    return found | {"H": out.detach()}


def median_ms(run: Callable[[], Any], device: str, replayed: bool = True) -> float:
    """Median time of `run`; on a GPU replayed as a CUDA graph, or launched by Python kernel after kernel."""
    if device == "cuda":
        from triton.testing import do_bench, do_bench_cudagraph

        if replayed:
            return do_bench_cudagraph(run, rep=100, return_mode="median")
        return do_bench(run, warmup=25, rep=100, return_mode="median")
    times = []
    for _ in range(3):
        start = time.perf_counter()
        run()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def measure(method: Method, given: tuple[Tensor, ...], device: str) -> dict[str, float | None]:
    """Forward, forward and backward, the same launched by Python, and peak memory in MiB.

    None for what does not fit the memory, and on a CPU for the last two.
    """
    leaves = [x.clone().requires_grad_(x.ndim == 4) for x in given]
    gradient = torch.ones_like(given[2])

    def both() -> None:
        for x in leaves:
            x.grad = None
        out = method(*leaves)
        out.backward(gradient.to(out.dtype))

    try:
        with torch.no_grad():
            forward = median_ms(lambda: method(*given), device)
        found: dict[str, float | None] = dict.fromkeys(COLUMNS)
        found |= {"forward": forward, "both": median_ms(both, device)}
        if device == "cuda":
            found["launched"] = median_ms(both, device, replayed=False)
            torch.cuda.synchronize()
            before = torch.cuda.memory_allocated()
            torch.cuda.reset_peak_memory_stats()
            both()
            torch.cuda.synchronize()
            found["mib"] = (torch.cuda.max_memory_allocated() - before) / 2**20
        return found
    except torch.cuda.OutOfMemoryError:
        return dict.fromkeys(COLUMNS)
    finally:
        if device == "cuda":
            leaves.clear()
            torch.cuda.empty_cache()


def floor_ms(batch: int, n: int, device: str) -> dict[str, float | None]:
    """Milliseconds at one instruction a lane and cycle, at the GPU's highest clock."""
    if device != "cuda":
        return dict.fromkeys(COLUMNS)
    command = ["nvidia-smi", "--query-gpu=clocks.max.sm", "--format=csv,noheader,nounits"]
    megahertz = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[0])
    lanes = torch.cuda.get_device_properties(0).multi_processor_count * LANES
    unit = batch * n * n * HEAD_WIDTH / (lanes * megahertz * 1e3)
    return dict.fromkeys(COLUMNS) | {name: count * unit for name, count in INSTRUCTIONS.items()}


def rows(device: str, lengths: tuple[int, ...], tokens: int, features: int) -> list[dict[str, Any]]:
    """One record for each length and method."""
    compiled = torch.compile(reference.inhibitor_attention) if device == "cuda" else None
    methods: dict[str, Method] = {
        "fused, integers": kernels.inhibitor_attention,
        "two kernels, integers": by_halves,
        "fused, floats": in_float,
        "cdist": by_cdist,
        "torch.compile": compiled or reference.inhibitor_attention,
        "dot product, bf16": dot_product,
    }
    found = []
    for n in lengths:
        batch = max(1, tokens // n)
        for name, method in methods.items():
            given = inputs(batch, n, device, name != "fused, floats", features)
            skipped = name == "cdist" and n > CDIST
            times = dict.fromkeys(COLUMNS) if skipped else measure(method, given, device)
            found.append({"n": n, "heads": batch, "method": name, **times})
            typer.echo(json.dumps(found[-1]))
        found.append({"n": n, "heads": batch, "method": "floor", **floor_ms(batch, n, device)})
    return found


def tune(device: str) -> list[dict[str, Any]]:
    """Times of every tile of the table, the other kernels at their first choice."""
    found = []
    for kernel, row in tiles.TILES.items():
        for n in (64, 128, 512):
            for tile in row:
                tiles.TILES[kernel] = (tile,)
                method = by_halves if kernel == "separate" else kernels.inhibitor_attention
                times = measure(method, inputs(TOKENS // n, n, device, True), device)
                found.append({"kernel": kernel, "tile": str(tile), "n": n, **times})
                typer.echo(json.dumps(found[-1]))
        tiles.TILES[kernel] = row
    return found


def table(records: list[dict[str, Any]]) -> str:
    """Markdown: times, memory and how often the fused integer kernels fit into each."""

    def cell(value: float | None) -> str:
        return "-" if value is None else f"{value:.3g}"

    heads = ("n", "heads", "method", "forward ms", "both ms", "launched ms", "MiB")
    lines = []
    for record in records:
        ours = next(r for r in records if r["n"] == record["n"] and r["method"] == "fused, integers")
        ratios = [record[key] and record[key] / ours[key] for key in ("forward", "both")]
        values = [*(record[name] for name in COLUMNS), *ratios]
        lines.append([str(record["n"]), str(record["heads"]), record["method"], *map(cell, values)])
    return markdown.table((*heads, "forward / fused", "both / fused"), lines)


@app.command()
def main(
    out: Annotated[Path, typer.Option(help="where the record goes")] = HOME,
    quick: Annotated[bool, typer.Option("--quick", help="tiny sizes, any device")] = False,
    tune_tiles: Annotated[bool, typer.Option("--tune", help="compare tile sizes; writes nothing")] = False,
    show: Annotated[bool, typer.Option("--table", help="print the record as a table; runs nothing")] = False,
) -> None:
    """Check, then measure."""
    if show and not out.exists():
        raise SystemExit(
            f"there is no record at {out}; make it on a GPU: python -m hwsim.models.kernels.bench"
        )
    if show:
        typer.echo(table(json.loads(out.read_text())["rows"]))
        return
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu" and not quick:
        raise SystemExit("no GPU here; --quick runs small sizes on the CPU")
    features = 4 if quick else HEAD_WIDTH
    errors = check(device, (1, 5) if quick else (1, 33, 128, 300), features)
    typer.echo(json.dumps(errors))
    if tune_tiles:
        tune(device)
        return
    found = rows(device, (4,) if quick else LENGTHS, 8 if quick else TOKENS, features)
    record = {
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "torch": torch.__version__,
        "head_width": features,
        "errors": errors,
        "rows": found,
    }
    write_atomic(out, json.dumps(record, indent=1) + "\n")
    typer.echo(table(found))


if __name__ == "__main__":
    app()
