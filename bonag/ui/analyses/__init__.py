"""Ax's analysis cards of an experiment: which there are, how they are computed, and what of them is shown."""
