"""Proof that nothing overflows: interval analysis from the weights, shifts and longest sequence.

Each accumulator of each operator gets the interval of all values it can take, for any token ids and any
length up to `max_tokens`, and is held against two limits: the width of the hardware's accumulator
(profile `rtl`) and 2^24, below which a runtime that computes int32 in float32 stays exact (profile
`portable`). The portable rows include what only the ONNX recipes create; held against 2^30 instead they
prove what runs on true 32-bit integers (profile `int32`: the fast ONNX profile and the C build).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from hwsim import interval
from hwsim.config import ModelConfig
from hwsim.errors import HwsimError, RangeError
from hwsim.interval import Interval
from hwsim.ops.manhattan_norm import RECIPROCAL, norm_exponent_offset
from hwsim.ops.manhattan_score import LARGEST_SCORE, largest_shifted_distance
from hwsim.ticket import Linear, Ticket

PROFILES = ("rtl", "portable")
"""Those with rows of their own."""

LINEAR_BITS = 24


def accumulator_bits(config: ModelConfig) -> dict[str, int]:
    """Signed width of the Verilog accumulators, by the last two parts of a bound's name.

    The widths of score, inhibit and pool follow from the sizes, so that they hold any input by construction;
    the linear layers' has to be proved from the weights. A norm's product has 4 bits more than its input.
    """
    keys = (config.max_tokens - 1).bit_length()
    return {
        "embed.sum": 17,
        "norm.sum": 25,  # 24 bits without a sign
        "linear.partial": LINEAR_BITS,
        "linear.acc": LINEAR_BITS,
        "score.sum": 9 + (config.head_width - 1).bit_length(),
        "score.centred": 17,
        "inhibit.sum": max(8 + keys, config.inhibit_bits + 1),
        "residual.sum": LINEAR_BITS + 1,
        "pool.sum": max(8 + keys, 16),
    }


PORTABLE_BITS = 25
"""|value| < 2^24."""

INT32_BITS = 31
"""|value| < 2^30: a bias of 2^30, which makes every dividend positive, still fits int32."""

FIXES = {
    "embed": "lower embed_shift",
    "manhattan_norm": "lower residual_bits or max_tokens, or raise the layer's inhibit_shift",
    "linear": "prune or shrink the row's weights, its bias or its shift",
    "manhattan_score": "lower score_shift or max_tokens",
    "inhibit": "lower inhibit_shift or max_tokens",
    "residual_add": "prune or shrink the layer's weights, or raise its shift",
    "pool": "lower max_tokens",
    "classify": "shrink the classifier's weights or bias",
}


@dataclass(frozen=True)
class Bound:
    """One accumulator: every value it can take, and what it may hold."""

    name: str
    """Named tensor and accumulator: `layers.0.q.acc`."""
    operator: str
    what: str
    low: int
    high: int
    width_bits: int
    """Signed bits of the accumulator."""
    profile: str
    """`rtl` or `portable`."""

    @property
    def limit(self) -> int:
        """The largest magnitude it may hold: 2^(width_bits-1) - 1."""
        return (1 << (self.width_bits - 1)) - 1

    @property
    def excess(self) -> int:
        """By how much it may leave its limit; 0 if it is proved to fit."""
        return max(self.high - self.limit, -self.low - self.limit, 0)

    @property
    def ok(self) -> bool:
        """True if it is proved to fit."""
        return self.excess == 0


class _Proof:
    """Walks the model in running order, operator by operator, and notes every accumulator."""

    def __init__(self, ticket: Ticket) -> None:
        self.ticket, self.config = ticket, ticket.config
        self.bits = accumulator_bits(ticket.config)
        self.bounds: list[Bound] = []

    def hardware(self, name: str, operator: str, what: str, low: int, high: int, bits: int) -> None:
        self.bounds.append(Bound(name, operator, what, int(low), int(high), bits, "rtl"))

    def portable(self, name: str, operator: str, what: str, low: int, high: int) -> None:
        self.bounds.append(Bound(name, operator, what, int(low), int(high), PORTABLE_BITS, "portable"))

    def both(self, name: str, operator: str, what: str, x: Interval, kind: str) -> None:
        """An accumulator that hardware (`kind` of accumulator_bits) and ONNX have in common."""
        low, high = x.low.min(), x.high.max()
        self.hardware(name, operator, what, low, high, self.bits[kind])
        self.portable(name, operator, what, low, high)

    def rounded(self, name: str, operator: str, x: Interval, shift: int) -> None:
        """ONNX adds 2^(shift-1), then takes the remainder off, down to a multiple of 2^shift.

        The Verilog does neither: the last bit shifted out is the carry into its result.
        """
        half = (1 << shift) >> 1
        low, high = int(x.low.min()) + half, int(x.high.max()) + half
        self.portable(f"{name}.rounded", operator, "with the rounding half", low >> shift << shift, high)

    def norm(self, name: str, x: Interval, bits: int, row_limit: int | None = None) -> Interval:
        """bits: of x; row_limit: of the row's Manhattan norm, if better known than by its elements."""
        total = int(x.magnitude.sum())
        total = max(1, total if row_limit is None else min(total, row_limit))
        operator = "manhattan_norm"
        norm = Interval(np.array(1), np.array(total))
        self.both(f"{name}.sum", operator, "the row's Manhattan norm", norm, "norm.sum")
        self.portable(f"{name}.exponent", operator, "norm - (2^t - 1)", 2 - (1 << 23), total)
        shift = max(total.bit_length() - 1 + norm_exponent_offset(x.low.size), 0)
        product = int(RECIPROCAL.max()) * int(x.magnitude.max(initial=0))
        what = "element times reciprocal"
        self.hardware(f"{name}.product", operator, what, -product, product, bits + 4)
        low, high = -product - (1 << shift) + 1, product + ((1 << shift) >> 1)
        self.portable(f"{name}.product", operator, f"{what}, rounded", low, high)
        return interval.norm(x)

    def linear(self, name: str, operator: str, weight: np.ndarray, bias: np.ndarray, x: Interval) -> Interval:
        bias = bias.astype(np.int64)
        low, high = interval.horner(weight, x)
        low, high = min(low, int(bias.min())), max(high, int(bias.max()))
        what = "bias; partial sums of the digit stream"
        self.hardware(f"{name}.partial", operator, what, low, high, self.bits["linear.partial"])
        low, high = interval.any_order(weight, bias, x)
        self.portable(f"{name}.partial", operator, "partial sums in any order", low, high)
        acc = interval.linear(weight, x).plus(bias)
        self.both(f"{name}.acc", operator, "sum with bias", acc, "linear.acc")
        return acc

    def project(self, name: str, linear: Linear, x: Interval) -> Interval:
        acc = self.linear(name, "linear", linear.weight, linear.bias, x)
        self.rounded(name, "linear", acc, linear.shift)
        return acc.round_shift(linear.shift).saturate(8)

    def residual(self, name: str, x: Interval, linear: Linear, y: Interval) -> Interval:
        acc = self.linear(name, "linear", linear.weight, linear.bias, y)
        self.rounded(name, "linear", acc, linear.shift)
        total = x + acc.round_shift(linear.shift)
        self.both(f"{name}.sum", "residual_add", "residual plus layer", total, "residual.sum")
        return total.saturate(self.config.residual_bits)

    def head(self, prefix: str, layer: int, q: Interval, k: Interval, v: Interval) -> Interval:
        """All heads of one attention; returns the interval of the merged output row."""
        config, shifts = self.config, self.ticket.layers[layer]
        name, operator, longest = f"{prefix}score", "manhattan_score", config.max_tokens
        z = interval.distance(q.heads(config.heads), k.heads(config.heads))
        self.both(f"{name}.sum", operator, "Manhattan distance", z, "score.sum")
        self.rounded(name, operator, z, shifts.score_shift)
        z = z.round_shift(shifts.score_shift)
        if config.centring == "mean":
            high = longest * int(z.high.max())
            self.portable(f"{name}.centre", operator, "sum over the real keys", 0, high)
            most = largest_shifted_distance(config.head_width, shifts.score_shift)
            trial = longest * ((1 << most.bit_length()) - 1)
            what = "remainder of a quotient tried"
            self.portable(f"{name}.trial", operator, what, -trial, max(trial, high) + 1)
        if config.centring != "none":
            # A padded key may be nearer than the nearest real one: the difference can be negative there.
            z = Interval(z.low - z.high, z.high - z.low)
        z = z.plus(-shifts.delta.astype(np.int64))
        self.both(f"{name}.centred", operator, "distance - centre - delta", z, "score.centred")
        weakest = np.clip(z.low, 0, LARGEST_SCORE)[:, None]

        name, operator, v = f"{prefix}inhibit", "inhibit", v.heads(config.heads)
        high = longest * np.maximum(v.high - weakest, 0)
        low = -longest * np.maximum(-v.low - weakest, 0)
        total = Interval(low.ravel(), high.ravel())
        if config.inhibition == "unsigned":
            total = Interval(np.zeros_like(total.low), total.high)
        self.both(f"{name}.sum", operator, "sum over the keys", total, "inhibit.sum")
        self.rounded(name, operator, total, shifts.inhibit_shift)
        return total.round_shift(shifts.inhibit_shift).saturate(config.inhibit_bits)

    def block(self, prefix: str, layer: int, x: Interval) -> Interval:
        config, linears = self.config, self.ticket.layers[layer].linears
        a = self.norm(f"{prefix}attn_norm", x, config.residual_bits)
        q, k, v = (self.project(f"{prefix}{name}", linears[name], a) for name in "qkv")
        g = self.head(prefix, layer, q, k, v)
        if config.inner_norms:
            g = self.norm(f"{prefix}inhibit_norm", g, config.inhibit_bits)
        x = self.residual(f"{prefix}attn_out", x, linears["attn_out"], g)
        a = self.norm(f"{prefix}ffn_norm", x, config.residual_bits)
        u = self.project(f"{prefix}ffn_hidden", linears["ffn_hidden"], a).clip(0, LARGEST_SCORE)
        if config.inner_norms:
            u = self.norm(f"{prefix}ffn_hidden_norm", u, 8)
        return self.residual(f"{prefix}ffn_out", x, linears["ffn_out"], u)

    def model(self) -> None:
        ticket, config = self.ticket, self.config
        tables = [table.astype(np.int64) for table in (ticket.token_table, ticket.position_table)]
        rows = [Interval(table.min(axis=0), table.max(axis=0)) for table in tables]
        x = (rows[0] + rows[1]).times(1 << config.embed_shift)
        self.both("embed.sum", "embed", "token plus position, shifted", x, "embed.sum")
        x = x.saturate(config.residual_bits)
        for i in range(config.layers):
            x = self.block(f"layers.{i}.", i, x)
        final = self.norm("final_norm", x, config.residual_bits)
        pooled = final.times(config.max_tokens)
        self.both("pool.sum", "pool", "sum over the tokens", pooled, "pool.sum")
        row_limit = config.max_tokens * interval.norm_row_limit(config.width)
        c = self.norm("pool_norm", pooled, self.bits["pool.sum"], row_limit)
        self.linear("logits", "classify", ticket.classify_weight, ticket.classify_bias, c)


def prove(ticket: Ticket) -> list[Bound]:
    """The bound of every accumulator of the model, in running order, for both profiles."""
    proof = _Proof(ticket)
    proof.model()
    return proof.bounds


def prove_block(ticket: Ticket, layer: int) -> list[Bound]:
    """The bounds of one encoder block alone, for any residual input of `residual_bits` bits."""
    proof = _Proof(ticket)
    proof.block("", layer, Interval.full(ticket.config.residual_bits, ticket.config.width))
    return proof.bounds


def prove_head(ticket: Ticket, layer: int) -> list[Bound]:
    """The bounds of one layer's attention head alone, for any int8 q, k and v."""
    proof = _Proof(ticket)
    full = Interval.full(8, ticket.config.width)
    proof.head("", layer, full, full, full)
    return proof.bounds


def refuse_excess(bounds: list[Bound], profile: str) -> None:
    """Raise RangeError, naming the first accumulator that may leave its limit, unless all are proved."""
    if profile == "int32":
        bounds = [
            dataclasses.replace(bound, width_bits=INT32_BITS, profile=profile)
            for bound in bounds
            if bound.profile == "portable"
        ]
    elif profile not in PROFILES:
        raise HwsimError(f"profile is {profile!r}; choose one of {(*PROFILES, 'int32')}")
    bad = [bound for bound in bounds if bound.profile == profile and not bound.ok]
    if bad:
        first = bad[0]
        raise RangeError(
            f"{first.name} ({first.operator}: {first.what}) may take {first.low}..{first.high}; "
            f"the {profile} profile holds +-{first.limit} ({first.excess} too much; "
            f"{len(bad)} accumulators fail). "
            f"To fix: {FIXES[first.operator]}"
        )


def require(ticket: Ticket, profile: str = "rtl") -> None:
    """Raise RangeError, naming tensor, bound and excess, unless every accumulator is proved to fit."""
    refuse_excess(prove(ticket), profile)
