"""The rows of what a run learns from beforehand."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import sqlalchemy as sa

from bonag.record import schema
from bonag.record.rows import checksum, trusted
from loops.config import RunConfig
from loops.source import Source
from search_spaces import SearchSpace


def add_sources(connection: sa.Connection, run: str, sources: Sequence[Source]) -> None:
    """Write the sources of a new run."""
    for number, source in enumerate(sources):
        row = {
            "number": number,
            "name": source.name,
            "labels": source.labels,
            "architectures": json.dumps([str(architecture) for architecture in source.architectures]),
            "metrics": json.dumps({metric: values.tolist() for metric, values in source.values.items()}),
            "others": json.dumps(dict(source.others)),
        }
        connection.execute(sa.insert(schema.sources).values(run=run, checksum=checksum(row), **row))


def read_sources(connection: sa.Connection, config: RunConfig, space: SearchSpace) -> tuple[Source, ...]:
    """The sources of a run; raises UserError for rows that make no sense."""
    if not config.transfer:
        return ()
    table = schema.sources
    query = sa.select(table).where(table.c.run == config.name).order_by(table.c.number)
    found = []
    for row in connection.execute(query).mappings():
        with trusted(f"source {row['number']}"):
            content = {name: value for name, value in row.items() if name not in ("run", "checksum")}
            if row["checksum"] != checksum(content):
                raise ValueError("its checksum is wrong, so something has changed it since it was written")
            architectures = tuple(map(space.parse, json.loads(row["architectures"])))
            metrics = {
                metric: np.array(values, dtype=np.float64) for metric, values in json.loads(row["metrics"]).items()
            }
            found.append(Source(row["name"], architectures, metrics, json.loads(row["others"]), row["labels"]))
    return tuple(found)
