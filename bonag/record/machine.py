"""What decides the last bits of a computation beside the configuration and the events."""

from __future__ import annotations

import json
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

# The packages that compute.
PACKAGES = ("bonag", "torch", "numpy", "scipy", "gpytorch", "botorch", "linear-operator")


def this_machine(threads: int) -> dict[str, str]:
    """By name: the processor's instruction set as PyTorch uses it, the linear algebra, threads, and versions."""
    found = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }
    found["threads"] = str(threads)
    if "torch" in sys.modules:
        torch = sys.modules["torch"]
        found["instructions"] = torch.backends.cpu.get_cpu_capability()
        found["linear algebra"] = "MKL" if torch.backends.mkl.is_available() else "no MKL"
        if torch.cuda.is_available():
            found["gpu"] = torch.cuda.get_device_name()
    if limit := os.environ.get("ATEN_CPU_CAPABILITY"):
        found["ATEN_CPU_CAPABILITY"] = limit
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def differences(recorded: str | None, now: dict[str, str]) -> list[str]:
    """What is another than it was when the run computed last, in words; nothing where the record does not say."""
    try:
        before = json.loads(recorded or "{}")
    except ValueError:
        return []
    return [
        f"{name} {before[name]} then, {now.get(name, 'none')} now" for name in before if before[name] != now.get(name)
    ]
