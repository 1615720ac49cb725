"""NAS-Bench-201 (Dong and Yang, ICLR 2020): cells of four nodes and six edges, five operations, 15,625 cells."""

from search_spaces.nb201.cell import NB201, NB201Architecture

__all__ = ["NB201", "NB201Architecture"]
