"""bonag in Python: ``search``, ``resume``, ``abandon``, ``load`` and ``AskTell``.

``generating`` imports PyTorch, so it is a module of its own.
"""

from bonag.api.abandoning import abandon
from bonag.api.ask_tell import AskTell
from bonag.api.found import Found
from bonag.api.result import Result
from bonag.api.searching import load, resume, search

__all__ = ["AskTell", "Found", "Result", "abandon", "load", "resume", "search"]
