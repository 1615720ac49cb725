"""A text of the user's as tokens, and how it is split."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bonag.safe_reading import reading
from bonag.training.text_recipe import CHARACTERS
from search_spaces.errors import UserError

if TYPE_CHECKING:
    import torch

# Where the validation part begins, and then the test part, as shares of the characters of a text.
VALIDATION, TEST = 0.8, 0.9
# What is not in the vocabulary, and what stands for the end of a line among words.
UNKNOWN, LINE = "<unk>", "<eos>"
# A word that is in the training part only once teaches nothing of a word that is not in it.
RARE = 2
FEWEST_TOKENS = 50
LONGEST = 10**9


@dataclass(frozen=True, eq=False)
class Text:
    """A text in its three parts, each (n,) int64 tokens.

    name: as users call it. validation: selects. test: reports, and nothing else. vocabulary: what each token stands
    for, of the training part. kind: what tokens are, ``characters`` or ``words``.
    """

    name: str
    train: torch.Tensor
    validation: torch.Tensor
    test: torch.Tensor
    vocabulary: tuple[str, ...]
    kind: str

    @property
    def num_classes(self) -> int:
        """How many tokens there are to choose from."""
        return len(self.vocabulary)

    def describe(self) -> str:
        """Name, size and splits, in words."""
        return (
            f"{self.name} (a vocabulary of {self.num_classes:,} {self.kind}; the first {len(self.train):,} to train, "
            f"then {len(self.validation):,} to validate and {len(self.test):,} to test)"
        )

    def resplit(self) -> Text:
        """The text with its validation part among what to train with, and nothing left to validate."""
        import torch

        return replace(self, train=torch.cat([self.train, self.validation]), validation=self.validation[:0])


def read_text(path: Path, kind: str) -> Text:
    """The text of a file, split by position: 80 % to train, 10 % to validate, 10 % to test. Raises UserError.

    Words are what stands between blanks, and the end of each line. What the training part does not have, of words
    twice, is one token: unknown.
    """
    with reading(path):
        data = path.read_bytes()
    if len(data) > LONGEST:
        raise UserError(f"{path} is too large: a text may have {LONGEST:,} bytes, and it has {len(data):,}")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is no text in UTF-8: its byte {error.start:,} is 0x{data[error.start]:02x}") from None
    if "\0" in text:
        raise UserError(f"{path} is no text: it has a zero byte at {data.index(0):,}")
    return split_text(path.name, text.replace("\r\n", "\n"), kind)


def split_text(name: str, text: str, kind: str) -> Text:
    """A text in its parts; raises UserError for one that is too short."""
    ends = [0, int(VALIDATION * len(text)), int(TEST * len(text)), len(text)]
    parts = [_tokens(text[start:end], kind) for start, end in pairwise(ends)]
    shortest = min(map(len, parts))
    if shortest < FEWEST_TOKENS:
        raise UserError(
            f"{name} is too short: a tenth of it must have {FEWEST_TOKENS} {kind} or more, and has {shortest}"
        )
    counts = Counter(parts[0])
    least = 1 if kind == CHARACTERS else RARE
    vocabulary = (UNKNOWN, *sorted(token for token, count in counts.items() if count >= least and token != UNKNOWN))
    number = {token: place for place, token in enumerate(vocabulary)}
    train, validation, test = (_numbers(part, number) for part in parts)
    return Text(name, train, validation, test, vocabulary, kind)


def _tokens(text: str, kind: str) -> list[str]:
    if kind == CHARACTERS:
        return list(text)
    return [word for line in text.splitlines() for word in (*line.split(), LINE)]


def _numbers(tokens: list[str], number: dict[str, int]) -> torch.Tensor:
    import torch

    return torch.from_numpy(np.array([number.get(token, 0) for token in tokens], dtype=np.int64))
