"""Optimisers of other packages as strategies: what people use who have no model of architectures."""
