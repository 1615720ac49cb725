"""Hands a network over: its weights, an ONNX graph, or its source."""

from bonag.export.network import FORMATS, export_network

__all__ = ["FORMATS", "export_network"]
