"""The network of both diffusions: from a noisy code and its noise level to the clean classes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from bonag.generators.conditions import BoundsCode
from bonag.remembered import Remembered
from search_spaces import SearchSpace

# A weight of attention is no less than that of the largest times exp(-LEAST_LOGIT).
LEAST_LOGIT = 60.0
# A table of more entries is not at hand fast enough.
MOST_ENTRIES = 2**19
# Bytes. Of a block that is freed, glibc remembers the size up to 32 MiB.
LARGEST_BLOCK = 2**24
# Levels of which tables are kept: those of a search. A level takes about a megabyte.
MOST_LEVELS = 32


class Denoiser(nn.Module):
    """A graph transformer over sites: p(x_i | z_j for j != i, t, bounds) for every node and every free edge i.

    The prediction of a site never sees what that site is now. What it is now enters by Bayes' rule, exactly
    (``Transition.log_likelihood``); what is left to learn is how sites depend on each other, and every noisy graph
    teaches it, not only the rare ones in which noise has broken a rule of the space.

    Each site is a token that only is read. A second stream of queries, one per site, reads the other sites' tokens
    layer after layer. Attention is biased, per head, by how two sites touch (an edge of all graphs joins two nodes; a
    node is the tail or the head of a free edge; two free edges share an end, or join a node to two that feed the same
    one); position embeddings tell the sites apart.
    The noise level enters as a sinusoidal code through a small MLP, and so do the bounds of conditions.

    space: whose codes are denoised. conditions: how many metrics can be bounded. width, heads, layers: the
    transformer's. siblings: whether edges to two nodes that feed the same one are told from others.
    """

    relation: Tensor
    words: Tensor
    absent: Tensor

    def __init__(
        self,
        space: SearchSpace,
        conditions: int = 0,
        width: int = 48,
        heads: int = 4,
        layers: int = 2,
        siblings: bool = True,
    ) -> None:
        super().__init__()
        _keep_freed_memory()
        self.width = width
        relation = site_relations(space, siblings)
        words, absent = _words(space)
        self.register_buffer("relation", torch.from_numpy(relation), persistent=False)
        self.register_buffer("words", torch.from_numpy(words), persistent=False)
        self.register_buffer("absent", torch.from_numpy(absent), persistent=False)
        vocabulary = int(words.max()) + 1
        self.operation = nn.Embedding(vocabulary, width)
        self.position = nn.Parameter(torch.randn(space.num_sites, width) * 0.02)
        self.query = nn.Parameter(torch.randn(space.num_sites, width) * 0.02)
        self.level = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.bounds = BoundsCode(conditions, width) if conditions else None
        relations = FIXED_RELATIONS + (FREE_RELATIONS if len(space.free_edges) else 0)
        # Where there are none, files of before stay readable.
        relations += int((relation == _SIBLING).any())
        self.blocks = nn.ModuleList(_Block(width, heads, relations) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.readout = nn.Linear(width, vocabulary)
        self._last = Remembered[tuple[Tensor, list[Tensor]]](count=MOST_LEVELS)

    def forward(self, z: Tensor, t: Tensor, bounds: Tensor | None = None) -> Tensor:
        """Logits of the clean classes given the other sites, (B, S, K), -inf where a site has no such class.

        z: (B, S) int64 codes, or any (B, S, K) real matrix in their one-hot form, for the noise of score-based models.
        t: (B,) levels in [0, 1]. bounds: (B, C, 2) lower and upper bounds, infinite where open; None for no condition.
        One level for all, of no dimension, and (1, C, 2) bounds give codes the same in half the time.
        """
        full = self.readout(self.norm(self.hidden(z, t, bounds)))
        if full.shape[-1] == self.words.shape[1]:
            return full
        logits = full.gather(2, self.words.expand(len(full), -1, -1))
        return logits.masked_fill(self.absent, -math.inf)

    def hidden(self, z: Tensor, t: Tensor, bounds: Tensor | None = None) -> Tensor:
        """The (B, S, width) state behind the logits: what the queries have read."""
        if t.dim() == 0 and z.dim() == 2 and len(z) > self.words.shape[1]:
            return self._hidden_by_tables(z, *self._remembered_tables(t, bounds))
        level = self._level(t, bounds)
        h, tokens = self.query + level, self._embed(z) + self.position + level
        for block in self._layers:
            h = block.attend(h, block.read_of(tokens), self.relation)
        return h

    def _level(self, t: Tensor, bounds: Tensor | None) -> Tensor:
        """The code of levels and bounds, (B, 1, width)."""
        level = self.level(sinusoid(t.reshape(-1), self.width))[:, None]
        return level if self.bounds is None else level + self.bounds(bounds, len(level))[:, None]

    @property
    def _layers(self) -> Iterator[_Block]:
        return cast(Iterator[_Block], iter(self.blocks))

    def _hidden_by_tables(self, z: Tensor, h: Tensor, tables: Sequence[Tensor]) -> Tensor:
        """The same of codes (B, S) at one level, by the tables of each layer. h: the first queries, (1, S, width)."""
        rows = z + self.words.shape[1] * torch.arange(z.shape[1], device=z.device)
        for block, table in zip(self._layers, tables, strict=True):
            if table.shape[1] == 2 * self.width:
                h = block.attend(h, functional.embedding(rows, table), self.relation)
            else:
                h = block.attend_by_sums(h, functional.embedding_bag(rows, table, mode="sum"))
        return h

    def _tables(self, t: Tensor, bounds: Tensor | None) -> tuple[Tensor, list[Tensor]]:
        """The first queries, and for each layer what is read of all tokens that there can be at a level: (S K, ...).

        In the first layer, whose queries are the same in all graphs, they are to be summed, unless that is too much.
        """
        level = self._level(t, bounds)
        h, tokens = self.query + level, self.operation(self.words) + self.position[:, None] + level[0]
        first, *others = self._layers
        few = self.words.shape[1] * len(self.position) ** 2 * self.width <= MOST_ENTRIES
        table = first.summing_table(h, tokens, self.relation) if few else first.read_of(tokens).flatten(0, 1)
        return h, [table, *(block.read_of(tokens).flatten(0, 1) for block in others)]

    def _remembered_tables(self, t: Tensor, bounds: Tensor | None) -> tuple[Tensor, list[Tensor]]:
        """The same; samplers come back to the same levels."""
        if torch.is_grad_enabled():
            return self._tables(t, bounds)
        weights = [(weight.data_ptr(), weight._version) for weight in self._weights]
        at = np.array([] if bounds is None else bounds.numpy(force=True), dtype=np.float32)
        return self._last.get(t.numpy(force=True), np.array(weights), at, compute=lambda: self._tables(t, bounds))

    @cached_property
    def _weights(self) -> list[nn.Parameter]:
        """All of them; to walk through the modules again takes a fifth of a small batch's time."""
        return list(self.parameters())

    def _embed(self, z: Tensor) -> Tensor:
        if z.dim() == 2:
            return self.operation(self.words.expand(len(z), -1, -1).gather(2, z[..., None])[..., 0])
        rows = self.operation(self.words).masked_fill(self.absent[..., None], 0.0)
        return torch.einsum("bsk,skw->bsw", z, rows)


@cache
def _keep_freed_memory() -> None:
    """Let what one operation frees be there for the next one, instead of going back to the system page by page.

    glibc does so up to twice the largest block that was freed before (mallopt(3), M_MMAP_THRESHOLD), so one is; what
    nobody writes to takes no memory. Else nearly half of the time of a batch goes into pages. Other C libraries are
    left as they are.
    """
    torch.empty(LARGEST_BLOCK, dtype=torch.uint8)


# How a site is related to another: as nodes that an edge of all graphs joins (or not), or through free edges.
_UNRELATED, _TO, _FROM = range(3)
FIXED_RELATIONS = 3
_HAS_TAIL, _HAS_HEAD, _IS_TAIL, _IS_HEAD, _SAME_TAIL, _SAME_HEAD, _BEFORE, _AFTER = range(3, 11)
FREE_RELATIONS = 8
_SIBLING = FIXED_RELATIONS + FREE_RELATIONS


def site_relations(space: SearchSpace, siblings: bool = True) -> np.ndarray:
    """(S, S) int64: the relation of each site (row) to each other (column). siblings: see ``Denoiser``."""
    feed = space.adjacency.astype(np.int64)
    same_feed = feed @ feed.T > 0
    nodes, sites = space.num_nodes, space.num_sites
    relation = np.full((sites, sites), _UNRELATED, dtype=np.int64)
    relation[:nodes, :nodes] = space.adjacency * _TO + space.adjacency.T * _FROM
    edges = list(enumerate(space.free_edges.tolist(), start=nodes))
    for site, (tail, head) in edges:
        relation[site, [tail, head]] = _HAS_TAIL, _HAS_HEAD
        relation[[tail, head], site] = _IS_TAIL, _IS_HEAD
        for other, (other_tail, other_head) in edges:
            if other == site:
                continue
            if other_tail == tail:
                sibling = siblings and same_feed[head, other_head]
                relation[site, other] = _SIBLING if sibling else _SAME_TAIL
            elif other_head == head:
                relation[site, other] = _SAME_HEAD
            elif other_tail == head:
                relation[site, other] = _BEFORE
            elif other_head == tail:
                relation[site, other] = _AFTER
    return relation


def _words(space: SearchSpace) -> tuple[np.ndarray, np.ndarray]:
    """The vocabulary index of every class of every site, (S, K), and whether the site does not have that class."""
    classes = space.site_classes
    columns = np.arange(classes.max())
    first = np.where(np.arange(space.num_sites) < space.num_nodes, 0, len(space.op_names))
    absent = columns >= classes[:, None]
    return np.where(absent, 0, first[:, None] + columns), absent


class _Block(nn.Module):
    """Pre-norm attention of queries to the tokens of all other sites, then a feed-forward layer."""

    def __init__(self, width: int, heads: int, relations: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_query, self.before_read = nn.LayerNorm(width), nn.LayerNorm(width)
        self.before_feed = nn.LayerNorm(width)
        self.read = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, 2 * width))
        self.ask = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.bias = nn.Embedding(relations, heads)
        self.feed = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def read_of(self, tokens: Tensor) -> Tensor:
        """(..., width) -> (..., 2 width), the keys and values of tokens."""
        return self.read(self.before_read(tokens))

    def attend(self, h: Tensor, read: Tensor, relation: Tensor) -> Tensor:
        """(B, S, width) queries, and (B, S, 2 width) of the sites that they read."""
        count, sites, _ = read.shape
        k, v = read.reshape(count, sites, 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        q = self.ask(self.before_query(h)).reshape(len(h), sites, self.heads, -1).transpose(1, 2)
        bias = self._bias(relation).expand(count, -1, -1, -1)
        mixed = functional.scaled_dot_product_attention(q.expand(count, -1, -1, -1), k, v, attn_mask=bias)
        return self._after(h, mixed)

    def summing_table(self, h: Tensor, tokens: Tensor, relation: Tensor) -> Tensor:
        """Of (1, S, width) queries of all graphs and the (S, K, width) tokens: rows (S K, ...) that sums are made of.

        What a query weighs a token by is the same in every graph. So sums over sites are sums of rows of a table of
        weights times values, and of the weights.
        """
        sites, classes, _ = tokens.shape
        k, v = self.read_of(tokens).reshape(sites, classes, 2, self.heads, -1).permute(2, 0, 1, 3, 4)
        q = self.ask(self.before_query(h)).reshape(sites, self.heads, -1)
        logits = torch.einsum("tkhd,shd->tkhs", k, q) / math.sqrt(k.shape[-1])
        logits = logits + self._bias(relation).permute(2, 0, 1)[:, None]
        # A weight must not vanish, except a site's own.
        weights = torch.where(logits.isneginf(), 0, (logits - logits.amax(dim=(0, 1))).clamp_min(-LEAST_LOGIT).exp())
        table = weights[..., None] * functional.pad(v, (0, 1), value=1.0)[..., None, :]
        return table.flatten(2).flatten(0, 1)

    def attend_by_sums(self, h: Tensor, sums: Tensor) -> Tensor:
        """As ``attend``, of (B, ...) sums of rows of that table."""
        parts = sums.reshape(len(sums), self.heads, h.shape[1], -1)
        return self._after(h, parts[..., :-1] / parts[..., -1:])

    def _bias(self, relation: Tensor) -> Tensor:
        """Of every head, what is added to the logits: (heads, S, S)."""
        itself = torch.eye(len(relation), dtype=torch.bool, device=relation.device)
        return self.bias(relation).permute(2, 0, 1).masked_fill(itself, -math.inf)

    def _after(self, h: Tensor, mixed: Tensor) -> Tensor:
        """The state after what was read, (B, heads, S, width / heads)."""
        h = h + self.out(mixed.transpose(1, 2).flatten(2))
        return h + self.feed(self.before_feed(h))


def sinusoid(t: Tensor, width: int) -> Tensor:
    """(B,) levels -> (B, width): sines and cosines at periods from 1/250 to 4 of the unit interval."""
    frequencies = torch.exp(torch.linspace(math.log(0.25), math.log(250.0), width // 2, device=t.device))
    angles = 2 * math.pi * t.float()[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=-1)
