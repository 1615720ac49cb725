"""The network of the diffusion: from a noisy graph and its noise level to the clean operations."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class Denoiser(nn.Module):
    """A graph transformer: p(x | z_t, t) for every node.

    Attention is biased, per head, by how two nodes are joined (edge from, edge to, none); position embeddings tell the
    nodes apart. The noise level enters as a sinusoidal code through a small MLP.

    adjacency: (N, N) bool. ops: size V of the vocabulary. width, heads, layers: the transformer's.
    """

    relation: Tensor

    def __init__(self, adjacency: Tensor, ops: int, width: int = 48, heads: int = 4, layers: int = 2) -> None:
        super().__init__()
        nodes = len(adjacency)
        self.width = width
        self.register_buffer("relation", adjacency.long() + 2 * adjacency.T.long(), persistent=False)
        self.operation = nn.Embedding(ops, width)
        self.position = nn.Parameter(torch.randn(nodes, width) * 0.02)
        self.level = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.blocks = nn.ModuleList(_Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.readout = nn.Linear(width, ops)

    def forward(self, z: Tensor, t: Tensor) -> Tensor:
        """z: (B, N) noisy operations, t: (B,) levels in [0, 1] -> (B, N, V) logits of the clean operations."""
        h = self.operation(z) + self.position + self.level(_sinusoid(t, self.width))[:, None]
        for block in self.blocks:
            h = block(h, self.relation)
        return self.readout(self.norm(h))


class _Block(nn.Module):
    """Pre-norm attention with relation biases, then a feed-forward layer."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention, self.before_feed = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.bias = nn.Embedding(3, heads)
        self.feed = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, h: Tensor, relation: Tensor) -> Tensor:
        count, nodes, width = h.shape
        qkv = self.qkv(self.before_attention(h)).reshape(count, nodes, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        bias = self.bias(relation).permute(2, 0, 1)
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias.expand(count, -1, -1, -1))
        h = h + self.out(mixed.transpose(1, 2).reshape(count, nodes, width))
        return h + self.feed(self.before_feed(h))


def _sinusoid(t: Tensor, width: int) -> Tensor:
    """(B,) levels -> (B, width): sines and cosines at periods from 1/250 to 4 of the unit interval."""
    frequencies = torch.exp(torch.linspace(math.log(0.25), math.log(250.0), width // 2, device=t.device))
    angles = 2 * math.pi * t.float()[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=-1)
