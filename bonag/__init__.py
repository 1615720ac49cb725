"""bonag: neural architecture search by Bayesian optimisation with acquisition-guided graph diffusion.

``search`` runs a search, ``resume`` goes on with one, ``load`` reads one, ``abandon`` gives up trials of one;
``AskTell`` is for those who evaluate architectures themselves. ``test`` measures a trained network on its test images.
``generate`` gives architectures that meet conditions, ``train_generator`` trains what it needs for that.
``train_supernet`` trains all networks of a space at once. ``profile`` measures the latency of networks on this machine,
``calibrate`` says how well an estimate ranks measured networks. ``NetworkSize`` is how an evaluator says which networks
it measures.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bonag.api import AskTell, Result, abandon, load, resume, search
    from bonag.api.calibrating import calibrate
    from bonag.api.generating import generate
    from bonag.api.supernets import train_supernet
    from bonag.api.testing import test
    from bonag.api.training import train_generator
    from bonag.profiling.profile import profile
    from search_spaces.errors import UserError
    from search_spaces.network_size import NetworkSize

__version__ = "0.2.0"
__all__ = [
    "AskTell",
    "NetworkSize",
    "Result",
    "UserError",
    "__version__",
    "abandon",
    "calibrate",
    "generate",
    "load",
    "profile",
    "resume",
    "search",
    "test",
    "train_generator",
    "train_supernet",
]

_HOMES = {
    **dict.fromkeys(("AskTell", "Result", "abandon", "load", "resume", "search"), "bonag.api"),
    "calibrate": "bonag.api.calibrating",
    "generate": "bonag.api.generating",
    "test": "bonag.api.testing",
    "train_generator": "bonag.api.training",
    "train_supernet": "bonag.api.supernets",
    "profile": "bonag.profiling.profile",
    "UserError": "search_spaces.errors",
    "NetworkSize": "search_spaces.network_size",
}


def __getattr__(name: str) -> Any:
    # Imported when used, so that `import bonag` and the command line stay light.
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'bonag' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
