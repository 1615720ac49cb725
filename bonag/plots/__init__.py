"""Figures of searches: plotly for pages and notebooks, matplotlib for papers, SVG for architectures."""
