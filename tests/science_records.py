"""Records of a made-up grid whose effects are known, for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

LAYERS = [
    f"layers.{i}.{name}" for i in range(3) for name in ("q", "k", "v", "attn_out", "ffn_hidden", "ffn_out")
]
SIZES = [16384] * 4 + [65536] * 2
WEIGHTS = 3 * sum(SIZES)
LADDER = [0.8**k for k in range(1, 19)]
AT = [0.8**k for k in (3, 7, 10, 13, 18)]
EFFECTS = {
    "shuffle": -0.5,
    "random_global": -0.55,
    "reinit": -0.4,
    "sign": 0.0,
    "magnitude": -0.45,
    "small_dense": -0.6,
    "long_dense": -0.35,
    "pruned_finetuned": -0.3,
}
"""Skill of a control less the ticket's; 0.1 is about 1.3 points."""


AFTER = ("iterative", "shuffle", "random_global", "reinit", "sign", "magnitude", "pruned_finetuned")
"""Methods that begin with an earlier round."""


class World:
    """A task: examples with difficulties, and trainings whose skills, seeds and noise make their answers."""

    def __init__(self, task: str = "sst2", examples: int = 872, seed: int = 0, spread: float = 0.03) -> None:
        self.task, self.spread = task, spread
        self.generator = np.random.default_rng(seed)
        self.difficulty = self.generator.normal(1.2, 1.4, examples)
        self.dense: dict[tuple[str, int], np.ndarray] = {}

    def run(
        self,
        method: str,
        density: float,
        seed: int,
        skill: float,
        cell: str = "main",
        model: str = "ternary",
        **also: Any,
    ) -> dict[str, Any]:
        """The record of a training of this skill."""
        examples = len(self.difficulty)
        noise = self.generator.normal(0, 0.7, examples)
        margin = self.difficulty + skill + self.generator.normal(0, self.spread) + noise
        right = margin > 0
        if method == "dense":
            self.dense[cell, seed] = right
        near = self.dense.get((cell, seed))
        kept = 1.0 if method in ("dense", "small_dense", "long_dense") else density
        entropy = 0.0 if kept == 1 else -kept * np.log2(kept) - (1 - kept) * np.log2(1 - kept)
        weights = 2 * kept * WEIGHTS if model == "ternary" else 8 * kept * WEIGHTS
        digits = (
            None if model.startswith("float") else round(kept * WEIGHTS * (1 if model == "ternary" else 1.3))
        )
        return {
            "kind": "run",
            "grid": self.task,
            "task": self.task,
            "cell": cell,
            "model": model,
            "width": 128,
            "method": method,
            "round": method if method == "dense" else f"{method}-{density:.6f}",
            "after": "dense" if method in AFTER else None,
            "rewind": "init",
            "rung": 1.0 if method == "dense" else density,
            "density": kept,
            "density_integer": kept,
            "density_all": (kept * WEIGHTS + 1_060_000) / (WEIGHTS + 1_060_000),
            "densities": dict.fromkeys(LAYERS, kept),
            "bits": {
                "weights": round(weights),
                "mask": WEIGHTS,
                "mask_entropy": round(entropy * WEIGHTS),
                "total": round(weights + entropy * WEIGHTS),
            },
            "digits_per_token": digits,
            "parameters": 1_650_318,
            "seed": seed,
            "metrics": {
                "accuracy": float(right.mean()),
                "loss": float(np.mean(np.log1p(np.exp(-1.5 * margin)))),
                "ece": float(abs(self.generator.normal(0.05, 0.01))),
                "agreement": None if method == "dense" or near is None else float(np.mean(near == right)),
            },
            "right": np.packbits(right).tobytes().hex(),
            "examples": examples,
            "config": "0123456789ab",
            "ticket": f"{seed:064x}",
            "seconds": 9.87 + seed,
            "together": 5,
            "steps": 1052,
            "device": "NVIDIA H200",
        } | also

    def overlap(self, density: float, seed: int, shared: float, b: str = "float_inhibitor") -> dict[str, Any]:
        """Two masks of which a share is common beyond chance."""
        layers = {}
        for name, size in zip(LAYERS, SIZES * 3, strict=True):
            kept = round(density * size)
            chance = kept * kept / size
            layers[name] = {
                "kept_a": kept,
                "kept_b": kept,
                "common": round(chance + shared * (kept - chance)),
                "weights": size,
            }
        return {
            "kind": "overlap",
            "grid": self.task,
            "task": self.task,
            "a": {"cell": "main", "model": "ternary", "round": f"iterative-{density:.6f}"},
            "b": {"cell": b, "model": b, "round": f"iterative-{density:.6f}"},
            "seed": seed,
            "density": density,
            "layers": layers,
            "common": sum(one["common"] for one in layers.values()),
            "expected": sum(one["kept_a"] * one["kept_b"] / one["weights"] for one in layers.values()),
            "agreement_of_signs": 0.5 + shared / 2,
        }

    def barrier(self, step: int, number: int, height: float) -> dict[str, Any]:
        """A line whose middle is so much worse in accuracy."""
        alphas = np.linspace(0, 1, 11)
        bump = np.sin(np.pi * alphas)
        return {
            "kind": "barrier",
            "grid": self.task,
            "task": self.task,
            "cell": "main",
            "model": "ternary",
            "round": "dense",
            "step": step,
            "seeds": [number, number + 100],
            "density": 1.0,
            "points": alphas.tolist(),
            "losses": (0.45 + 2 * height * bump).tolist(),
            "accuracies": (0.8 - height * bump).tolist(),
            "barrier_loss": 2 * height,
            "barrier_accuracy": height,
        }


def skill(density: float) -> float:
    """Of a ticket: a little better than dense down to a fifth, then worse and worse."""
    return 0.05 if density > 0.2 else 0.05 - 0.35 * np.log(0.21 / density)


def grid(
    task: str = "sst2", seeds: int = 5, examples: int = 872, seed: int = 0, cells: bool = True
) -> list[dict[str, Any]]:
    """A whole grid: a ladder with controls, int4 and float beside it, overlaps and barriers."""
    world = World(task, examples, seed)
    records = []
    for s in range(seeds):
        records.append(world.run("dense", 1.0, s, 0.0))
        records += [world.run("iterative", d, s, skill(d)) for d in LADDER]
        records += [
            world.run(method, d, s, skill(d) + effect) for method, effect in EFFECTS.items() for d in AT
        ]
        if cells:
            for model, better in (("int4", 0.02), ("float_inhibitor", 0.05)):
                records.append(world.run("dense", 1.0, s, better, model, model))
                records += [
                    world.run("iterative", d, s, skill(d) + better, model, model) for d in LADDER[2::5]
                ]
            records += [world.run("edge_popup", d, s, -0.7, "strong") for d in AT[:3]]
            records += [world.overlap(d, s, 0.3) for d in AT]
            records += [world.barrier(step, s, height) for step, height in ((0, 0.09), (100, 0.008))]
    return records


def write(records: list[dict[str, Any]], folder: Path) -> Path:
    """The folder of a grid, as its runs leave it."""
    for number, record in enumerate(records):
        path = folder / "records" / f"{number:04}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record, indent=1))
    return folder
