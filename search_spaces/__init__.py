"""What an architecture is: encodings, validity, neighbours, parameters, networks and exact costs."""

from search_spaces.graph import ArchGraph
from search_spaces.registry import UnknownSpaceError, get_space, space_names
from search_spaces.space import Architecture, Costs, InvalidArchitectureError, Parameter, SearchSpace

__all__ = [
    "ArchGraph",
    "Architecture",
    "Costs",
    "InvalidArchitectureError",
    "Parameter",
    "SearchSpace",
    "UnknownSpaceError",
    "get_space",
    "space_names",
]
