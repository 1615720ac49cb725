"""DARTS (Liu, Simonyan and Yang, ICLR 2019), as in NAS-Bench-301: a normal and a reduction cell, about 1.1e18 pairs."""

from search_spaces.darts.architecture import DARTSArchitecture, Genotype, from_genotype, to_genotype
from search_spaces.darts.space import DARTS

__all__ = ["DARTS", "DARTSArchitecture", "Genotype", "from_genotype", "to_genotype"]
