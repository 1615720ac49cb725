"""Acquisition functions over architectures."""
