"""What an architecture is: encodings, validity, neighbours, parameters, networks and exact costs."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search_spaces.architecture import Architecture, Costs, InvalidArchitectureError, Parameter
    from search_spaces.errors import UserError
    from search_spaces.graph import ArchGraph
    from search_spaces.network_size import NetworkSize
    from search_spaces.product import Choices, ProductSpace
    from search_spaces.registry import SPACES, Registry, get_space, space_names
    from search_spaces.site import Site
    from search_spaces.space import SearchSpace

__all__ = [
    "SPACES",
    "ArchGraph",
    "Architecture",
    "Choices",
    "Costs",
    "InvalidArchitectureError",
    "NetworkSize",
    "Parameter",
    "ProductSpace",
    "Registry",
    "SearchSpace",
    "Site",
    "UserError",
    "get_space",
    "space_names",
]

_HOMES = {
    "UserError": "errors",
    "ArchGraph": "graph",
    "NetworkSize": "network_size",
    "Choices": "product",
    "ProductSpace": "product",
    "Site": "site",
    **dict.fromkeys(("SPACES", "Registry", "get_space", "space_names"), "registry"),
    **dict.fromkeys(("Architecture", "Costs", "InvalidArchitectureError", "Parameter"), "architecture"),
    "SearchSpace": "space",
}


def __getattr__(name: str) -> object:
    # Imported when used, so that the command line stays light.
    if name in _HOMES:
        return getattr(import_module(f"search_spaces.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'search_spaces' has no attribute '{name}'")
