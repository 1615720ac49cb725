"""The fixed part of the language models of NAS-Bench-NLP: what stands around the cell."""

from __future__ import annotations

# Words of the benchmark's corpora, Penn Treebank and WikiText-2.
PTB_WORDS, WIKITEXT_WORDS = 10_000, 33_278
# Width of a word's vector, which is that of the last layer as well; of the other layers; and how many layers there are.
EMBEDDING, HIDDEN, LAYERS = 400, 600, 3
# Shares that training drops: of a word's vector, between layers, after the last one, and of the weights of old states.
INPUT_DROPOUT, HIDDEN_DROPOUT, DROPOUT, WEIGHT_DROPOUT = 0.4, 0.25, 0.1, 0.1
# Tokens of an example: a text, of which the network tells the next token.
CONTEXT = 35


def layer_widths(embedding: int, hidden: int, layers: int) -> list[tuple[int, int]]:
    """What each layer reads and what it puts out; the last one's is the softmax's, whose weights are the words'."""
    outs = [*[hidden] * (layers - 1), embedding]
    return list(zip([embedding, *outs[:-1]], outs, strict=True))
