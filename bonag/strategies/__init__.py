"""Strategies with a model: guided generation and published methods. Those without one are in ``loops.strategies``."""
