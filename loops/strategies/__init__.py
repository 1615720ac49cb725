"""Strategies that need no PyTorch: the baselines."""

from loops.strategies.evolution import RegularizedEvolution
from loops.strategies.local_search import LocalSearch
from loops.strategies.nsga2 import NSGA2
from loops.strategies.random import RandomSearch

__all__ = ["NSGA2", "LocalSearch", "RandomSearch", "RegularizedEvolution"]
