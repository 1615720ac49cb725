"""What an architecture is: encodings, validity, neighbours, parameters, networks and exact costs."""

from search_spaces.errors import UserError
from search_spaces.graph import ArchGraph
from search_spaces.product import Choices, ProductSpace
from search_spaces.registry import SPACES, Registry, get_space, space_names
from search_spaces.site import Site
from search_spaces.space import Architecture, Costs, InvalidArchitectureError, Parameter, SearchSpace

__all__ = [
    "SPACES",
    "ArchGraph",
    "Architecture",
    "Choices",
    "Costs",
    "InvalidArchitectureError",
    "Parameter",
    "ProductSpace",
    "Registry",
    "SearchSpace",
    "Site",
    "UserError",
    "get_space",
    "space_names",
]
