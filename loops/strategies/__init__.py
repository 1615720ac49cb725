"""Strategies that need nothing but NumPy: the baselines."""

from loops.strategies.evolution import RegularizedEvolution
from loops.strategies.local_search import LocalSearch
from loops.strategies.random import RandomSearch

__all__ = ["LocalSearch", "RandomSearch", "RegularizedEvolution"]
