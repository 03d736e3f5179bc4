"""The emulator: attention head, encoder block and whole model in golden integers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwsim import backend, ops
from hwsim.config import ModelConfig
from hwsim.errors import HwsimError, UnsupportedError
from hwsim.ticket import Layer, Linear, Ticket

Trace = dict[str, np.ndarray]
"""Named tensors in the order they are computed (`docs/arithmetic.md`)."""


@dataclass(frozen=True)
class Output:
    """What a forward pass returns."""

    logits: np.ndarray
    """int32 [batch, classes]."""
    trace: Trace
    """Every named tensor; empty unless asked for."""

    @property
    def prediction(self) -> np.ndarray:
        """Class indices [batch]; the first of equal logits."""
        return self.logits.argmax(axis=-1)


def split_heads(x: np.ndarray, heads: int) -> np.ndarray:
    """[..., n, d] -> [..., heads, n, d / heads]."""
    return np.moveaxis(x.reshape(*x.shape[:-1], heads, -1), -2, -3)


def merge_heads(x: np.ndarray) -> np.ndarray:
    """[..., heads, n, dh] -> [..., n, heads * dh]."""
    x = np.moveaxis(x, -3, -2)
    return x.reshape(*x.shape[:-2], -1)


def inhibitor_head(
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    mask: np.ndarray,
    delta: np.ndarray,
    *,
    score_shift: int,
    inhibit_shift: int,
    centring: str = "min",
    signed: bool = True,
    bits: int = 8,
) -> tuple[np.ndarray, np.ndarray]:
    """Inhibitor attention of all heads: (score [..., h, n, n], output [..., h, n, dh]).

    q, k, v: int8 [..., h, n, dh]; mask: bool [..., n]; delta: int [h]. See `manhattan_score`, `inhibit`.
    Computed by `hwsim.backend.current()`.
    """
    shifts = {"score_shift": score_shift, "inhibit_shift": inhibit_shift}
    options = {"centring": centring, "signed": signed, "bits": bits}
    if (name := backend.current()) != backend.NUMPY:
        from hwsim.native import operators

        try:
            return operators.inhibitor_head(name, q, k, v, mask, delta, **shifts, **options)  # type: ignore[arg-type]
        except UnsupportedError:
            pass
    return golden_head(q, k, v, mask, delta, **shifts, **options)  # type: ignore[arg-type]


def golden_head(
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    mask: np.ndarray,
    delta: np.ndarray,
    *,
    score_shift: int,
    inhibit_shift: int,
    centring: str,
    signed: bool,
    bits: int,
) -> tuple[np.ndarray, np.ndarray]:
    """`inhibitor_head` in NumPy, the definition."""
    score = ops.manhattan_score(q, k, mask, score_shift, delta, centring)
    return score, ops.inhibit(v, score, inhibit_shift, signed, bits)


def _project(x: np.ndarray, linear: Linear) -> np.ndarray:
    return ops.requantize(ops.linear(x, linear.weight, linear.bias), linear.shift)


def _residual(x: np.ndarray, y: np.ndarray, linear: Linear, bits: int) -> np.ndarray:
    return ops.residual_add(x, ops.linear(y, linear.weight, linear.bias), linear.shift, bits)


def encoder_block(ticket: Ticket, layer: Layer, x: np.ndarray, mask: np.ndarray, trace: Trace) -> np.ndarray:
    """One pre-norm block on the residual stream x [batch, n, d]; fills `trace` with its named tensors."""
    config, linears = ticket.config, layer.linears
    trace["attn_norm"] = a = ops.manhattan_norm(x)
    for name in "qkv":
        trace[name] = _project(a, linears[name])
    q, k, v = (split_heads(trace[name], config.heads) for name in "qkv")
    trace["score"], g = golden_head(
        q,
        k,
        v,
        mask,
        layer.delta,
        score_shift=layer.score_shift,
        inhibit_shift=layer.inhibit_shift,
        centring=config.centring,
        signed=config.inhibition == "signed",
        bits=config.inhibit_bits,
    )
    trace["inhibit"] = g = merge_heads(g)
    if config.inner_norms:
        trace["inhibit_norm"] = g = ops.manhattan_norm(g)
    trace["attn_out"] = x = _residual(x, g, linears["attn_out"], config.residual_bits)
    trace["ffn_norm"] = a = ops.manhattan_norm(x)
    trace["ffn_hidden"] = u = ops.relu(_project(a, linears["ffn_hidden"]))
    if config.inner_norms:
        trace["ffn_hidden_norm"] = u = ops.manhattan_norm(u)
    trace["ffn_out"] = x = _residual(x, u, linears["ffn_out"], config.residual_bits)
    return x


def forward(
    ticket: Ticket, token_ids: np.ndarray, mask: np.ndarray | None = None, *, trace: bool = False
) -> Output:
    """Run the integer model.

    token_ids: integers [batch, n], 1 <= n <= max_tokens; mask: bool (or 0/1) [batch, n], True at real
    tokens, default all real; trace: keep every named tensor, and compute in NumPy whatever the backend.
    Raises HwsimError for ids outside the vocabulary, sequences too long, and rows without a real token.
    """
    config = ticket.config
    token_ids, mask = check_inputs(ticket, token_ids, mask)
    if not trace and (logits := _native_logits(ticket, token_ids, mask)) is not None:
        return Output(logits, {})
    x = ops.embed(
        ticket.token_table[token_ids],
        ticket.position_table[: token_ids.shape[1]],
        config.embed_shift,
        config.residual_bits,
    )
    named: Trace = {"embed": x} if trace else {}
    for i, layer in enumerate(ticket.layers):
        block: Trace = {}
        x = encoder_block(ticket, layer, x, mask, block)
        if trace:
            named |= {f"layers.{i}.{name}": tensor for name, tensor in block.items()}
    final = ops.manhattan_norm(x)
    pooled = ops.pool(final, mask)
    pool_norm = ops.manhattan_norm(pooled)
    logits = ops.classify(pool_norm, ticket.classify_weight, ticket.classify_bias)
    if trace:
        named |= {"final_norm": final, "pool": pooled, "pool_norm": pool_norm, "logits": logits}
    return Output(logits, named)


def _native_logits(ticket: Ticket, token_ids: np.ndarray, mask: np.ndarray) -> np.ndarray | None:
    """Logits by the kernels in C; None where NumPy is chosen, or has to say what is wrong."""
    if (name := backend.current()) == backend.NUMPY:
        return None
    from hwsim.native.model import plan

    try:
        return plan(ticket).run(name, token_ids, mask, backend.threads())
    except UnsupportedError:
        return None


def check_inputs(
    ticket: Ticket, token_ids: np.ndarray, mask: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Checked (token_ids int32 [batch, n], mask bool [batch, n]); raises HwsimError naming the bad value."""
    return check_tokens(ticket.config, token_ids, mask)


def check_tokens(
    config: ModelConfig, token_ids: np.ndarray, mask: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """`check_inputs` for implementations that know the config only."""
    token_ids = np.asarray(token_ids)
    if token_ids.dtype.kind not in "iu" or token_ids.ndim != 2 or not token_ids.size:
        raise HwsimError(
            f"token_ids is {token_ids.dtype} {token_ids.shape}; "
            "it must hold integers [batch, tokens], not empty"
        )
    longest, vocabulary = config.max_tokens, config.vocabulary
    if token_ids.shape[1] > longest:
        raise HwsimError(f"token_ids has {token_ids.shape[1]} tokens; this ticket takes at most {longest}")
    if token_ids.min() < 0 or token_ids.max() >= vocabulary:
        bad = token_ids.min() if token_ids.min() < 0 else token_ids.max()
        raise HwsimError(f"token id {bad} is outside the vocabulary 0..{vocabulary - 1}")
    mask = np.ones(token_ids.shape, bool) if mask is None else np.asarray(mask)
    if mask.shape != token_ids.shape:
        raise HwsimError(f"mask has shape {mask.shape}; token_ids has {token_ids.shape}")
    if mask.dtype != np.bool_:
        if mask.dtype.kind not in "iu" or not np.isin(mask, (0, 1)).all():
            raise HwsimError("mask must be boolean or hold 0 and 1 only")
        mask = mask.astype(bool)
    if not mask.any(axis=1).all():
        raise HwsimError("mask has a row without a real token; drop empty sequences")
    return token_ids.astype(np.int32), mask
