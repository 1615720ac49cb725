"""Drawings of architectures, as SVG."""

from bonag.plots.architecture.drawing import drawing
from bonag.plots.architecture.ops import Look, look

__all__ = ["Look", "drawing", "look"]
