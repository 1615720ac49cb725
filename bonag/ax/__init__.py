"""bonag and Ax: the Ax view of a run, and bonag's strategy inside Ax.

Importing this package imports Ax, which takes seconds: do so only where Ax is needed. It also tells Ax's loaders of
GuidedDiffusionNode, so import it before loading an experiment with one.
"""

from bonag.ax.flat import parameters
from bonag.ax.node import GuidedDiffusionNode, generation_strategy
from bonag.ax.view import client, experiment, save_ax_json

__all__ = ["GuidedDiffusionNode", "client", "experiment", "generation_strategy", "parameters", "save_ax_json"]
