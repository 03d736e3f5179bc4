"""The float view: every named tensor's recorded scale. No float takes part in inference."""

from __future__ import annotations

from hwsim.config import ModelConfig

ACTIVATION = 5
"""f of an 8-bit activation: the norm brings the mean magnitude to 32 = 2^5, called 1.0 in floats."""


def scales(config: ModelConfig) -> dict[str, int]:
    """f of every named tensor, in the order of `forward(..., trace=True)`: the float view is value * 2^-f.

    - Activations (norm outputs, q, k, v, inhibit, ffn_hidden) have f = 5.
    - The residual stream (embed, attn_out, ffn_out) has f = 5 + embed_shift: the int8 tables count as
      activations, and the embedding shifts their sum left.
    - A linear layer's integer weights have the scale 2^-shift, its bias has the scale of its accumulator;
      where the layer feeds the residual stream the weights count 2^embed_shift times that.
    - Scores and inhibited values are divided by 2^score_shift and 2^inhibit_shift; both are part of the
      float definition too (as 1 / sqrt(d) is in dot-product attention), so f stays 5.
    - pool (a sum) and pool_norm have f = 5; the classifier's weights count at scale 1, so logits have it too.
    """
    residual = ACTIVATION + config.embed_shift
    named = {"embed": residual}
    for i in range(config.layers):
        block = dict.fromkeys(("attn_norm", "q", "k", "v", "score", "inhibit"), ACTIVATION)
        if config.inner_norms:
            block["inhibit_norm"] = ACTIVATION
        block |= {"attn_out": residual, "ffn_norm": ACTIVATION, "ffn_hidden": ACTIVATION}
        if config.inner_norms:
            block["ffn_hidden_norm"] = ACTIVATION
        block["ffn_out"] = residual
        named |= {f"layers.{i}.{name}": f for name, f in block.items()}
    return named | dict.fromkeys(("final_norm", "pool", "pool_norm", "logits"), ACTIVATION)
