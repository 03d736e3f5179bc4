"""The float Transformer of the same shape, a yardstick: LayerNorm, dot-product or inhibitor attention."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from hwsim.config import ModelConfig
from hwsim.models.kernels import inhibitor_attention
from hwsim.models.model import split_heads


def dot_product(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """Softmax attention (Vaswani et al. 2017)."""
    return functional.scaled_dot_product_attention(q, k, v, attn_mask=mask[..., None, None, :])


class Inhibitor(nn.Module):
    """Inhibitor attention with learned scales and shift per head, centred and signed as told."""

    def __init__(self, heads: int, head_width: int, centring: str, signed: bool = True) -> None:
        super().__init__()
        self.centring, self.signed = centring, signed
        self.gamma = nn.Parameter(
            torch.full((heads, 1, 1), -0.5 * float(torch.log2(torch.tensor(head_width))))
        )
        # What is not centred must be shifted: the integer model's first 64 in these units.
        start = 0.0 if centring != "none" else 0.5 * head_width**0.5
        self.delta = nn.Parameter(torch.full((heads, 1, 1), start))
        self.eta = nn.Parameter(torch.full((heads, 1, 1), -3.0))

    def forward(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
        """[..., h, n, dh] each; mask [batch, n]."""
        scale, delta = torch.exp2(self.gamma), self.delta[:, 0, 0]
        h = inhibitor_attention(q, k, v, mask, scale, delta, self.centring, self.signed, whole=False)
        return h * torch.exp2(self.eta)


class FloatBlock(nn.Module):
    """Pre-norm block."""

    def __init__(self, config: ModelConfig, attention: str) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.attn_norm, self.ffn_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.attn_out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.ffn_hidden, self.ffn_out = nn.Linear(width, config.hidden), nn.Linear(config.hidden, width)
        signed = config.inhibition == "signed"
        inhibitor = Inhibitor(config.heads, config.head_width, config.centring, signed)
        self.attention = inhibitor if attention == "inhibitor" else dot_product
        inner = nn.LayerNorm if config.inner_norms else nn.Identity
        self.inner_norm, self.hidden_norm = inner(width), inner(config.hidden)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x [batch, n, d] -> x."""
        q, k, v = (split_heads(part, self.heads) for part in self.qkv(self.attn_norm(x)).chunk(3, -1))
        h = self.attention(q, k, v, mask).transpose(-2, -3).flatten(-2)
        x = x + self.attn_out(self.inner_norm(h))
        return x + self.ffn_out(self.hidden_norm(torch.relu(self.ffn_hidden(self.ffn_norm(x)))))


class FloatTransformer(nn.Module):
    """attention: "dot" or "inhibitor"; same call as `InhibitorTransformer`, logits are real."""

    def __init__(self, config: ModelConfig, attention: str) -> None:
        super().__init__()
        self.config = config
        self.token = nn.Embedding(config.vocabulary, config.width)
        self.position = nn.Embedding(config.max_tokens, config.width)
        self.blocks = nn.ModuleList(FloatBlock(config, attention) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, config.classes)

    def forward(self, token_ids: Tensor, mask: Tensor) -> Tensor:
        """Logits [batch, classes]."""
        x = self.token(token_ids) + self.position(torch.arange(token_ids.shape[1], device=token_ids.device))
        for block in self.blocks:
            x = block(x, mask)
        pooled = self.norm(x).masked_fill(~mask[..., None], 0).sum(1) / mask.sum(1, keepdim=True)
        return self.head(pooled)
