"""NAS-Bench-Graph (Qin et al., NeurIPS 2022): 26,206 graph neural networks of at most four layers in a tree."""

from search_spaces.nbgraph.architecture import NBGraphArchitecture
from search_spaces.nbgraph.space import NBGraph, NBGraphProteins

__all__ = ["NBGraph", "NBGraphArchitecture", "NBGraphProteins"]
