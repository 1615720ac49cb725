"""A run keeps what its data set looks like; records of before there were such rows open as they did."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from bonag.record import Address, create_record, open_record, read_record
from bonag.record.database import postgres_reader
from bonag.record.schema import VERSION
from bonag.record.watching import read_stored
from loops.config import RunConfig
from loops.fingerprint import Fingerprint
from loops.history import Trial
from search_spaces.errors import UserError


@pytest.fixture
def fingerprint() -> Fingerprint:
    statistics = np.abs(np.random.default_rng(0).standard_normal((3, 4, 5))).astype(np.float16)
    return Fingerprint("random-filters", 28, np.array([10.0, 20.5, 1 / 3]), statistics)


def check(found: Fingerprint | None, written: Fingerprint) -> None:
    assert found is not None
    assert (found.network, found.side) == (written.network, written.side)
    assert found.counts.tolist() == written.counts.tolist()
    assert found.statistics.dtype == np.float16
    assert found.statistics.tolist() == written.statistics.tolist()


def test_it_is_read_as_it_was_written(tmp_path: Path, config: RunConfig, fingerprint: Fingerprint) -> None:
    create_record(tmp_path, config, "", fingerprint=fingerprint).close()
    check(read_record(tmp_path / "a-run").fingerprint, fingerprint)


def test_it_is_so_in_postgresql(
    tmp_path: Path, config: RunConfig, fingerprint: Fingerprint, postgres_url: Callable[[], str]
) -> None:
    address = Address.parse(postgres_url())
    create_record(tmp_path, config, "", address, fingerprint=fingerprint).close()
    check(read_record(tmp_path / "a-run").fingerprint, fingerprint)
    check(read_stored(postgres_reader(address), address, "a-run").fingerprint, fingerprint)


def test_an_edited_one_is_told(tmp_path: Path, config: RunConfig, fingerprint: Fingerprint) -> None:
    create_record(tmp_path, config, "", fingerprint=fingerprint).close()
    with closing(sqlite3.connect(tmp_path / "a-run" / "record.db", isolation_level=None)) as connection:
        connection.execute("UPDATE bonag_fingerprints SET side = 29")
    with pytest.raises(UserError, match="the fingerprint of run 'a-run' makes no sense: its checksum is wrong"):
        read_record(tmp_path / "a-run")


def test_a_record_of_version_4_opens_and_is_brought_up_to_date(
    tmp_path: Path, config: RunConfig, trials: list[Trial], make_older: Callable[[Path, int], None]
) -> None:
    create_record(tmp_path, config, "").close()
    place = tmp_path / "a-run" / "record.db"
    make_older(tmp_path / "a-run", 4)
    assert read_record(tmp_path / "a-run").fingerprint is None
    with open_record(tmp_path / "a-run") as record:
        record.add(trials)
    found = read_record(tmp_path / "a-run")
    assert (found.fingerprint, len(found.history)) == (None, len(trials))
    with closing(sqlite3.connect(place)) as connection:
        assert connection.execute("SELECT version FROM bonag_schema").fetchall() == [(VERSION,)]
        assert connection.execute("SELECT count(*) FROM bonag_fingerprints").fetchall() == [(0,)]
