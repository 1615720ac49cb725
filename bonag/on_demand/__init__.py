"""Architectures on demand: wishes, the labels that they cost, and the generator that they guide."""
