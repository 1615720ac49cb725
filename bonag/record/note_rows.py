"""The rows of notes and tags, which people write beside a run and its trials, and no search reads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bonag.record import schema
from bonag.record.rows import check_version, trusted
from search_spaces.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

LONGEST_NOTE, LONGEST_TAG, MOST_TAGS = 10_000, 40, 20
# Stands for the run itself where trials have their index.
_RUN = -1


@dataclass(frozen=True)
class Note:
    """What somebody wrote about a run or a trial."""

    text: str = ""
    tags: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: str, tags: Iterable[str] = ()) -> Note:
        """Without white space around, and each tag once; raises UserError for what is too long or too many."""
        text = "\n".join(line.rstrip() for line in text.strip().splitlines())
        kept = tuple(dict.fromkeys(" ".join(tag.split()) for tag in tags if tag.strip()))
        if len(text) > LONGEST_NOTE:
            raise UserError(f"a note has {LONGEST_NOTE:,} characters at most, and this one {len(text):,}")
        if len(kept) > MOST_TAGS or any(len(tag) > LONGEST_TAG or "," in tag for tag in kept):
            raise UserError(f"there may be {MOST_TAGS} tags of {LONGEST_TAG} characters at most, without commas")
        return cls(text, kept)


NO_NOTE = Note()
# By the trial's index; under None that of the run itself.
Notes = Mapping[int | None, Note]


def write_note(connection: sa.Connection, run: str, trial: int | None, note: Note) -> None:
    """Put the note in place of the one that was there; an empty one is none."""
    table, place = schema.notes, _RUN if trial is None else trial
    connection.execute(sa.delete(table).where((table.c.run == run) & (table.c.trial == place)))
    if note != NO_NOTE:
        row = {"run": run, "trial": place, "text": note.text, "tags": json.dumps(note.tags)}
        connection.execute(sa.insert(table).values(**row))


def read_notes(connection: sa.Connection, run: str) -> dict[int | None, Note]:
    """The notes of a run and its trials; raises UserError for a row of no sense."""
    if check_version(connection) < schema.NOTES_SINCE:
        return {}
    table, found = schema.notes, {}
    for row in connection.execute(sa.select(table).where(table.c.run == run).order_by(table.c.trial)).mappings():
        with trusted(f"the note of trial {row['trial']}"):
            found[None if row["trial"] == _RUN else row["trial"]] = Note.of(row["text"], json.loads(row["tags"]))
    return found


def add_notes(frame: pd.DataFrame, notes: Notes) -> None:
    """Give a table of trials the columns ``tags``, with commas between them, and ``note``, where any trial has them."""
    if any(trial is not None for trial in notes):
        found = [notes.get(int(trial), NO_NOTE) for trial in frame["trial"]]
        frame["tags"] = [", ".join(note.tags) or None for note in found]
        frame["note"] = [note.text or None for note in found]
