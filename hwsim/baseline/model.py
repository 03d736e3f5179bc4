"""The twin's integers: an encoder whose attention is a softmax of dot products, all by tables and shifts.

It takes a ticket as it is: the same norms, linear layers and residual stream, `score_shift` for the dot
products, `inhibit_shift` for the weighted sums; deltas are not used.
"""

from __future__ import annotations

import numpy as np

from hwsim import ops
from hwsim.model import Trace, check_inputs, merge_heads, split_heads
from hwsim.ops.manhattan_norm import RECIPROCAL
from hwsim.ticket import Layer, Linear, Ticket

SCORE_BITS = 16
FARTHEST = 127
"""How far below the largest score a score can be; so far stands padding."""

EXPONENTIAL = np.where(
    np.arange(FARTHEST + 1) < 64, np.floor(127 * 2.0 ** (-np.arange(FARTHEST + 1) / 8) + 0.5), 0
).astype(np.int64)
"""127 * 2^(-t / 8), rounded; 0 from t = 64 on."""

SOFTMAX_SHIFT = 20
"""Of the norm that divides exponentials by their sum: shares add up to about 127."""


def softmax(distance: np.ndarray) -> np.ndarray:
    """Shares int8 0..127 of keys [..., n], by their distance 0..127 from the largest score.

    The sum is inverted as in `ops.manhattan_norm`, to three significant bits: shares add up to 127 +- 7 %.
    """
    values = EXPONENTIAL[distance]
    total = np.maximum(values.sum(axis=-1, keepdims=True), 1)
    exponent = np.floor(np.log2(total)).astype(np.int64)
    mantissa = ((8 * total) >> exponent) - 8
    return ops.requantize(values * RECIPROCAL[mantissa], np.maximum(exponent - 23 + SOFTMAX_SHIFT, 0), 8)


def dot_head(
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    mask: np.ndarray,
    *,
    score_shift: int,
    weigh_shift: int,
    bits: int = 8,
) -> tuple[np.ndarray, np.ndarray]:
    """Softmax attention of all heads: (shares [..., h, n, n], output [..., h, n, dh]).

    q, k, v: int8 [..., h, n, dh]; mask: bool [..., n], True at real tokens; bits: of the output.
    """
    product = np.matmul(q.astype(np.int64), np.swapaxes(k, -1, -2).astype(np.int64))
    below = ops.requantize(-product, score_shift, SCORE_BITS).astype(np.int64)
    real = mask[..., None, None, :]
    smallest = np.where(real, below, 1 << SCORE_BITS).min(axis=-1, keepdims=True)
    distance = np.where(real, np.minimum(below - smallest, FARTHEST), FARTHEST)
    # A padding key may be nearer than the nearest: it counts as far.
    shares = softmax(np.maximum(distance, 0))
    return shares, ops.requantize(np.matmul(shares.astype(np.int64), v.astype(np.int64)), weigh_shift, bits)


def _project(x: np.ndarray, linear: Linear) -> np.ndarray:
    return ops.requantize(ops.linear(x, linear.weight, linear.bias), linear.shift)


def _block(ticket: Ticket, layer: Layer, x: np.ndarray, mask: np.ndarray, trace: Trace) -> np.ndarray:
    config, linears = ticket.config, layer.linears
    trace["attn_norm"] = a = ops.manhattan_norm(x)
    for name in "qkv":
        trace[name] = _project(a, linears[name])
    q, k, v = (split_heads(trace[name], config.heads) for name in "qkv")
    trace["score"], g = dot_head(
        q,
        k,
        v,
        mask,
        score_shift=layer.score_shift,
        weigh_shift=layer.inhibit_shift,
        bits=config.inhibit_bits,
    )
    trace["inhibit"] = g = merge_heads(g)
    if config.inner_norms:
        trace["inhibit_norm"] = g = ops.manhattan_norm(g)
    for name, norm, source in (("attn_out", "", g), ("ffn_out", "ffn_norm", None)):
        if source is None:
            trace[norm] = a = ops.manhattan_norm(x)
            trace["ffn_hidden"] = source = ops.relu(_project(a, linears["ffn_hidden"]))
            if config.inner_norms:
                trace["ffn_hidden_norm"] = source = ops.manhattan_norm(source)
        linear = linears[name]
        acc = ops.linear(source, linear.weight, linear.bias)
        trace[name] = x = ops.residual_add(x, acc, linear.shift, config.residual_bits)
    return x


def forward(ticket: Ticket, token_ids: np.ndarray, mask: np.ndarray | None = None) -> Trace:
    """Every named tensor of a batch [batch, n], by the emulator's names: `score` holds shares, `inhibit` the
    weighted values, `pool` the values weighted by equal shares. Raises as `hwsim.forward` does."""
    config = ticket.config
    token_ids, mask = check_inputs(ticket, token_ids, mask)
    positions = ticket.position_table[: token_ids.shape[1]]
    x = ops.embed(ticket.token_table[token_ids], positions, config.embed_shift, config.residual_bits)
    trace: Trace = {"embed": x}
    for i, layer in enumerate(ticket.layers):
        block: Trace = {}
        x = _block(ticket, layer, x, mask, block)
        trace |= {f"layers.{i}.{name}": tensor for name, tensor in block.items()}
    trace["final_norm"] = final = ops.manhattan_norm(x)
    shares = softmax(np.where(mask, 0, FARTHEST)).astype(np.int64)
    pooled = ops.requantize(np.einsum("bn,bnd->bd", shares, final.astype(np.int64)), 0, 16)
    trace["pool"] = pooled
    trace["pool_norm"] = ops.manhattan_norm(pooled)
    trace["logits"] = ops.classify(trace["pool_norm"], ticket.classify_weight, ticket.classify_bias)
    return trace
