"""The record: the one store of a run's trials, in SQL."""

from bonag.record.address import Address
from bonag.record.folder import find_run, free_name, read_config
from bonag.record.reading import RunSnapshot, read_record
from bonag.record.writing import RunRecord, create_record, open_record

__all__ = [
    "Address",
    "RunRecord",
    "RunSnapshot",
    "create_record",
    "find_run",
    "free_name",
    "open_record",
    "read_config",
    "read_record",
]
