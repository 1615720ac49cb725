"""The row of a run's fingerprint of its data set."""

from __future__ import annotations

import json

import numpy as np
import sqlalchemy as sa

from bonag.record import schema
from bonag.record.rows import check_version, checksum, trusted
from loops.fingerprint import Fingerprint


def add_fingerprint(connection: sa.Connection, run: str, fingerprint: Fingerprint | None) -> None:
    """Write that of a new run, if it has one."""
    if fingerprint is None:
        return
    row = {
        "network": fingerprint.network,
        "side": fingerprint.side,
        "counts": json.dumps(fingerprint.counts.tolist()),
        "parts": fingerprint.statistics.shape[1],
        "statistics": fingerprint.statistics.astype("<f2").tobytes(),
    }
    connection.execute(sa.insert(schema.fingerprints).values(run=run, checksum=checksum(row), **row))


def read_fingerprint(connection: sa.Connection, run: str) -> Fingerprint | None:
    """That of a run, None where it has none, as those of older versions; raises UserError for a row of no sense."""
    table = schema.fingerprints
    if check_version(connection) < schema.FINGERPRINTS_SINCE:
        return None
    row = connection.execute(sa.select(table).where(table.c.run == run)).mappings().one_or_none()
    if row is None:
        return None
    with trusted(f"the fingerprint of run '{run}'"):
        content = {name: value for name, value in row.items() if name not in ("run", "checksum")}
        content["statistics"] = bytes(content["statistics"])
        if row["checksum"] != checksum(content):
            raise ValueError("its checksum is wrong, so something has changed it since it was written")
        counts = np.array(json.loads(row["counts"]), dtype=np.float64)
        statistics = np.frombuffer(content["statistics"], dtype="<f2").astype(np.float16)
        return Fingerprint(row["network"], row["side"], counts, statistics.reshape(len(counts), row["parts"], -1))
