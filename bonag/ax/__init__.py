"""The Ax view of a run. Importing this package imports Ax, which takes seconds: do so only where Ax is needed."""

from bonag.ax.view import client, experiment, save_ax_json

__all__ = ["client", "experiment", "save_ax_json"]
