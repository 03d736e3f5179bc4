"""Both models once more in plain Python, one number at a time, with every operation and fetch counted.

`hwsim.cost` and `hwsim.dense` have formulas; these count what actually happens.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np

from hwsim.digits import to_digits
from hwsim.ops.manhattan_norm import RECIPROCAL
from hwsim.ticket import Linear, Ticket

Row = list[Any]


class Tally:
    """Counts what is done through it."""

    def __init__(self) -> None:
        self.operations: Counter[str] = Counter()
        self.once = self.each_use = 0

    def add(self, kind: str, a: Any, b: Any) -> Any:
        self.operations[f"{kind}_add"] += 1
        return a + b

    def multiply(self, kind: str, a: Any, b: Any) -> Any:
        self.operations[f"{kind}_multiply"] += 1
        return a * b

    def fetch(self, value: Any, bits: int) -> Any:
        """An operation reads one operand from memory."""
        self.each_use += bits
        return value

    def take(self, row: Row, bits: int) -> Row:
        """An operator reads one row of a tensor, once."""
        self.once += bits * len(row)
        return row


def half(shift: int) -> int:
    return (1 << shift) >> 1


def clamp(x: int, bits: int) -> int:
    limit = 2 ** (bits - 1) - 1
    return min(max(x, -limit), limit)


class CountedTicket:
    """The integer model on one sequence."""

    def __init__(self, ticket: Ticket) -> None:
        self.ticket, self.tally = ticket, Tally()

    def norm(self, row: Row, bits: int) -> Row:
        t = self.tally
        row, total = t.take(row, bits), 0
        for x in row:
            total = t.add("int32", total, abs(t.fetch(x, bits)))
        total = max(1, total)
        exponent = total.bit_length() - 1
        factor = int(RECIPROCAL[(8 * total >> exponent) - 8])
        shift = max(exponent - len(row).bit_length(), 0)
        made = []
        for x in row:
            x, acc = t.fetch(x, bits), half(shift)
            for bit in range(4):
                acc = t.add("int32", acc, (x << bit) if factor >> bit & 1 else 0)
            made.append(clamp(acc >> shift, 8))
        return made

    def linear(self, row: Row, weight: np.ndarray, bias: np.ndarray, start: int) -> Row:
        t, row, made = self.tally, self.tally.take(row, 8), []
        for planes, b in zip(to_digits(weight, 127).transpose(1, 2, 0), bias.tolist(), strict=True):
            acc = t.add("int32", start, b)
            for k, p in zip(*np.nonzero(planes), strict=True):
                term = t.fetch(row[k], 8) << int(p)
                acc = t.add("int32", acc, term if planes[k, p] > 0 else -term)
            made.append(acc)
        return made

    def project(self, row: Row, linear: Linear) -> Row:
        acc = self.linear(row, linear.weight, linear.bias, half(linear.shift))
        return [clamp(a >> linear.shift, 8) for a in acc]

    def residual(self, x: Row, row: Row, linear: Linear) -> Row:
        t, bits = self.tally, self.ticket.config.residual_bits
        acc = self.linear(row, linear.weight, linear.bias, half(linear.shift))
        x = t.take(x, bits)
        return [
            clamp(t.add("int32", t.fetch(a, bits), b >> linear.shift), bits)
            for a, b in zip(x, acc, strict=True)
        ]

    def score(self, q: Row, keys: list[Row], shift: int, delta: int) -> Row:
        """Of one query in one head."""
        t, centring = self.tally, self.ticket.config.centring
        near = []
        for key in keys:
            acc = half(shift)
            for a, b in zip(q, key, strict=True):
                acc = t.add("int32", acc, abs(t.add("int8", t.fetch(a, 8), -t.fetch(b, 8))))
            near.append(acc >> shift)
        less = delta
        if centring == "min":
            least = math.inf
            for z in near:
                least = z if t.add("int32", z, -least) < 0 else least
            less = t.add("int32", least, delta)
        elif centring == "mean":
            total = 0
            for z in near:
                total = t.add("int32", total, z)
            t.multiply("int32", total, 1)  # the division
            less = t.add("int32", total // len(near), delta)
        return [min(max(t.add("int32", z, -less), 0), 127) for z in near]

    def inhibit(self, score: Row, values: list[Row], shift: int) -> Row:
        t, config = self.tally, self.ticket.config
        acc = [half(shift)] * len(values[0])
        for z, row in zip(score, values, strict=True):
            z = t.fetch(z, 8)
            for k, v in enumerate(row):
                v = t.fetch(v, 8)
                signed = config.inhibition == "signed"
                left = max(t.add("int8", abs(v) if signed else v, -z), 0)
                acc[k] = t.add("int32", acc[k], -left if signed and v < 0 else left)
        return [clamp(a >> shift, config.inhibit_bits) for a in acc]

    def block(self, layer: Any, x: list[Row]) -> list[Row]:
        t, config = self.tally, self.ticket.config
        linears, dh, stream = layer.linears, config.head_width, config.residual_bits
        a = [self.norm(row, stream) for row in x]
        q, k, v = ([self.project(row, linears[name]) for row in a] for name in "qkv")
        made = []
        for i, row in enumerate(x):
            g: Row = []
            for side in (q, k, v):
                t.take(side[i], 8)
            for head in range(config.heads):
                part = slice(head * dh, (head + 1) * dh)
                z = self.score(
                    q[i][part], [key[part] for key in k], layer.score_shift, int(layer.delta[head])
                )
                g += self.inhibit(z, [value[part] for value in v], layer.inhibit_shift)
            if config.inner_norms:
                g = self.norm(g, config.inhibit_bits)
            row = self.residual(row, g, linears["attn_out"])
            u = [max(y, 0) for y in self.project(self.norm(row, stream), linears["ffn_hidden"])]
            if config.inner_norms:
                u = self.norm(u, 8)
            made.append(self.residual(row, u, linears["ffn_out"]))
        return made

    def logits(self, token_ids: Row) -> Row:
        t, ticket, bits = self.tally, self.ticket, self.ticket.config.residual_bits
        x = []
        for position, token in enumerate(token_ids):
            rows = ticket.token_table[token].tolist(), ticket.position_table[position].tolist()
            sums = (t.add("int8", a, b) for a, b in zip(*rows, strict=True))
            x.append([clamp(s << ticket.config.embed_shift, bits) for s in sums])
        for layer in ticket.layers:
            x = self.block(layer, x)
        pooled = [0] * ticket.config.width
        for row in x:
            final = t.take(self.norm(row, bits), 8)
            pooled = [t.add("int32", a, t.fetch(b, 8)) for a, b in zip(pooled, final, strict=True)]
        return self.linear(self.norm(pooled, 32), ticket.classify_weight, ticket.classify_bias, 0)


class CountedFloat:
    """The float dot-product model (`FloatTransformer`) on one sequence, from its state dict."""

    def __init__(self, state: dict[str, Any], heads: int) -> None:
        self.state = {name: tensor.double().tolist() for name, tensor in state.items()}
        self.heads, self.tally = heads, Tally()

    def add(self, a: float, b: float) -> float:
        return self.tally.add("float32", a, b)

    def multiply(self, a: float, b: float) -> float:
        return self.tally.multiply("float32", a, b)

    def dot(self, a: Row, b: Row, start: float = 0.0) -> float:
        for x, y in zip(a, b, strict=True):
            start = self.add(start, self.multiply(x, y))
        return start

    def norm(self, row: Row, name: str) -> Row:
        t, total = self.tally, 0.0
        row = t.take(row, 32)
        for x in row:
            total = self.add(total, t.fetch(x, 32))
        mean, squares = self.multiply(total, 1 / len(row)), 0.0
        away = [self.add(t.fetch(x, 32), -mean) for x in row]
        for x in away:
            squares = self.add(squares, self.multiply(x, x))
        # Variance, then the inverse root, which counts as one multiplication.
        variance = self.add(self.multiply(squares, 1 / len(row)), 1e-5)
        scale = self.multiply(variance**-0.5, 1.0)
        gain, offset = self.state[f"{name}.weight"], self.state[f"{name}.bias"]
        for x in row:
            t.fetch(x, 32)
        return [
            self.add(self.multiply(self.multiply(x, scale), g), o)
            for x, g, o in zip(away, gain, offset, strict=True)
        ]

    def linear(self, row: Row, weight: list[Row], bias: Row) -> Row:
        t, row = self.tally, self.tally.take(row, 32)
        made = []
        for w, b in zip(weight, bias, strict=True):
            for x in row:
                t.fetch(x, 32)
            made.append(self.add(self.dot(row, w), b))
        return made

    def named(self, row: Row, name: str) -> Row:
        return self.linear(row, self.state[f"{name}.weight"], self.state[f"{name}.bias"])

    def attend(self, q: Row, keys: list[Row], values: list[Row]) -> Row:
        """One query, one head."""
        t, scores = self.tally, []
        for key in keys:
            for _ in range(2 * len(q)):
                t.fetch(0, 32)
            scores.append(self.multiply(self.dot(q, key), len(q) ** -0.5))
        most, total = -math.inf, 0.0
        for s in scores:
            most = max(most, t.fetch(s, 32))
            self.add(s, -most)
        shares = [self.multiply(math.exp(self.add(t.fetch(s, 32), -most)), 1.0) for s in scores]
        for s in shares:
            total = self.add(total, s)
        shares = [self.multiply(t.fetch(s, 32), 1 / total) for s in shares]
        made = [0.0] * len(q)
        for s, row in zip(shares, values, strict=True):
            s = t.fetch(s, 32)
            made = [self.add(m, self.multiply(s, t.fetch(v, 32))) for m, v in zip(made, row, strict=True)]
        return made

    def residual(self, x: Row, y: Row) -> Row:
        x = self.tally.take(x, 32)
        return [self.add(self.tally.fetch(a, 32), b) for a, b in zip(x, y, strict=True)]

    def block(self, name: str, x: list[Row]) -> list[Row]:
        state, width = self.state, len(x[0])
        a = [self.norm(row, f"{name}.attn_norm") for row in x]
        weight, bias = state[f"{name}.qkv.weight"], state[f"{name}.qkv.bias"]
        parts = [slice(i * width, (i + 1) * width) for i in range(3)]
        q, k, v = ([self.linear(row, weight[part], bias[part]) for row in a] for part in parts)
        made, dh = [], width // self.heads
        for i, row in enumerate(x):
            g: Row = []
            for side in (q, k, v):
                self.tally.take(side[i], 32)
            for head in range(self.heads):
                part = slice(head * dh, (head + 1) * dh)
                g += self.attend(q[i][part], [key[part] for key in k], [value[part] for value in v])
            row = self.residual(row, self.named(g, f"{name}.attn_out"))
            u = self.named(self.norm(row, f"{name}.ffn_norm"), f"{name}.ffn_hidden")
            made.append(self.residual(row, self.named([max(y, 0.0) for y in u], f"{name}.ffn_out")))
        return made

    def logits(self, token_ids: Row, layers: int) -> Row:
        t, state = self.tally, self.state
        x = [
            [
                self.add(a, b)
                for a, b in zip(state["token.weight"][i], state["position.weight"][p], strict=True)
            ]
            for p, i in enumerate(token_ids)
        ]
        for i in range(layers):
            x = self.block(f"blocks.{i}", x)
        pooled = [0.0] * len(x[0])
        for row in x:
            final = t.take(self.norm(row, "norm"), 32)
            pooled = [self.add(a, t.fetch(b, 32)) for a, b in zip(pooled, final, strict=True)]
        return self.named([self.multiply(p, 1 / len(x)) for p in pooled], "head")
