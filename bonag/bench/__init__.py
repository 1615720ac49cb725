"""Benchmarks: strategies against each other, and what bonag itself costs."""
