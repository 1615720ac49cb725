"""How a search goes: history, objective, strategies, the outer loop."""
