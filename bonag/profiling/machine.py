"""What is known of this machine."""

from __future__ import annotations

import platform
from pathlib import Path


def machine_facts() -> dict[str, str]:
    """Its name, its processor and its system."""
    return {"machine": platform.node(), "cpu": _processor(), "system": f"{platform.system()} {platform.machine()}"}


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(errors="replace").splitlines():
            if line.startswith(("model name", "Model")):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
