"""The tutorial does what it says."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import bonag.ax

NOTEBOOK = Path(bonag.ax.__file__).parent / "tutorial.ipynb"


def test_it_is_kept_without_outputs():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.outputs and cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")


@pytest.mark.slow
def test_it_runs_and_finds_good_cells(tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = ["".join(output.get("text", "") for output in cell.get("outputs", [])) for cell in notebook.cells]
    kinds = {kind for cell in notebook.cells for output in cell.get("outputs", []) for kind in output.get("data", {})}
    assert "image/png" in kinds
    assert "text/html" in kinds
    accuracies = [float(found) for text in shown for found in re.findall(r"trial \d+: ([\d.]+) %", text)]
    sizes = [float(found) for text in shown for found in re.findall(r"([\d.]+) million parameters", text)]
    # One objective, a front, and one objective with a bound.
    assert accuracies[0] > 93.5
    assert len(accuracies) >= 6
    assert accuracies[1:-1] == sorted(accuracies[1:-1])
    assert min(accuracies) >= 85
    assert sizes[-1] <= 0.5
