"""NAS-Bench-101 (Ying et al., ICML 2019): cells of at most seven nodes and nine edges, 423,624 of them."""

from search_spaces.nb101.cell import NB101, NB101Architecture

__all__ = ["NB101", "NB101Architecture"]
