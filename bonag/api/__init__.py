"""bonag in Python: ``search``, ``resume``, ``load`` and ``AskTell``."""

from bonag.api.ask_tell import AskTell
from bonag.api.result import Found, Result
from bonag.api.searching import load, resume, search

__all__ = ["AskTell", "Found", "Result", "load", "resume", "search"]
