"""The record: the one store of a run's trials, in SQL."""

from bonag.record.address import Address
from bonag.record.folder import NameTakenError, find_run, read_config, refuse_taken
from bonag.record.note_rows import Note
from bonag.record.opening import create_record, open_record
from bonag.record.reading import RunSnapshot, read_record
from bonag.record.writing import RunRecord

__all__ = [
    "Address",
    "NameTakenError",
    "Note",
    "RunRecord",
    "RunSnapshot",
    "create_record",
    "find_run",
    "open_record",
    "read_config",
    "read_record",
    "refuse_taken",
]
