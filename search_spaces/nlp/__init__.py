"""NAS-Bench-NLP (Klyuchnikov et al., IEEE Access 2022): recurrent cells of at most 15 nodes, in a language model."""

from search_spaces.nlp.architecture import NLPArchitecture
from search_spaces.nlp.space import NLP

__all__ = ["NLP", "NLPArchitecture"]
