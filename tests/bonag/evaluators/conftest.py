"""The scripts that fitted what is shipped, which stand with the evidence and not in the package."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[3] / "results" / "fitting"))
