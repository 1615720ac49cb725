"""The tables that hold runs."""

from __future__ import annotations

import sqlalchemy as sa

# Raise it with every change of the tables below, and say in ``ADDED`` what is new: older records are read as they are,
# and changed when something is written to them.
VERSION = 6
# The first that holds fingerprints.
FINGERPRINTS_SINCE = 5
# The first that holds notes.
NOTES_SINCE = 6

metadata = sa.MetaData()

versions = sa.Table("bonag_schema", metadata, sa.Column("version", sa.Integer, primary_key=True, autoincrement=False))

# forgiven: index of the first trial whose failure counts towards max_failures; moves when a stopped run is resumed.
# seconds: for how long the run has run, all sittings together. network_size: of the networks that architectures stand
# for in it, as JSON. units: that its evaluator told of metrics, a JSON object by metric. stop_asked: since when people
# want it to stop. edits: how often people changed what is theirs: notes, the wish to stop, the budget.
runs = sa.Table(
    "bonag_runs",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("config", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("forgiven", sa.Integer, nullable=False, default=0),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("seconds", sa.Double),
    sa.Column("machine", sa.Text),
    sa.Column("network_size", sa.Text),
    sa.Column("units", sa.Text),
    sa.Column("stop_asked", sa.Double),
    sa.Column("edits", sa.Integer),
)

# proposed_event, ended_event: their places in the order of all events of the run. checksum: of the row and its metrics.
trials = sa.Table(
    "bonag_trials",
    metadata,
    sa.Column("run", sa.Text, sa.ForeignKey(runs.c.name), primary_key=True),
    sa.Column("trial", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("architecture", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("provenance", sa.Text, nullable=False),
    sa.Column("proposed_at", sa.Double),
    sa.Column("ended_at", sa.Double),
    sa.Column("proposal_seconds", sa.Double),
    sa.Column("evaluation_seconds", sa.Double),
    sa.Column("attempts", sa.Integer),
    sa.Column("output", sa.Text),
    sa.Column("proposed_event", sa.Integer),
    sa.Column("ended_event", sa.Integer),
    sa.Column("checksum", sa.Text),
    sa.UniqueConstraint("run", "architecture"),
)

metrics = sa.Table(
    "bonag_metrics",
    metadata,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("trial", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Double, nullable=False),
    sa.ForeignKeyConstraint(["run", "trial"], ["bonag_trials.run", "bonag_trials.trial"]),
)

# The curves: metrics is a JSON object by name. checksum: of the row.
reports = sa.Table(
    "bonag_reports",
    metadata,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("trial", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("step", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("metrics", sa.Text, nullable=False),
    sa.Column("event", sa.Integer, nullable=False),
    sa.Column("reported_at", sa.Double, nullable=False),
    sa.Column("checksum", sa.Text, nullable=False),
    sa.ForeignKeyConstraint(["run", "trial"], ["bonag_trials.run", "bonag_trials.trial"]),
)

# What a run learns from beforehand: architectures is a JSON list, metrics a JSON object of a list of values by metric,
# others an object of the metric that stands for one of the run's. checksum: of the row.
sources = sa.Table(
    "bonag_sources",
    metadata,
    sa.Column("run", sa.Text, sa.ForeignKey(runs.c.name), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("labels", sa.Integer, nullable=False),
    sa.Column("architectures", sa.Text, nullable=False),
    sa.Column("metrics", sa.Text, nullable=False),
    sa.Column("others", sa.Text, nullable=False),
    sa.Column("checksum", sa.Text, nullable=False),
)

# What the data set of a run looks like (``loops.fingerprint``): counts is a JSON list of one number for each class,
# statistics little-endian numbers of 16 bits, of classes by parts by features. checksum: of the row.
fingerprints = sa.Table(
    "bonag_fingerprints",
    metadata,
    sa.Column("run", sa.Text, sa.ForeignKey(runs.c.name), primary_key=True),
    sa.Column("network", sa.Text, nullable=False),
    sa.Column("side", sa.Integer, nullable=False),
    sa.Column("counts", sa.Text, nullable=False),
    sa.Column("parts", sa.Integer, nullable=False),
    sa.Column("statistics", sa.LargeBinary, nullable=False),
    sa.Column("checksum", sa.Text, nullable=False),
)

# What people write beside the trials; no search reads it. trial: -1 for the note of the run itself. tags: a JSON list.
notes = sa.Table(
    "bonag_notes",
    metadata,
    sa.Column("run", sa.Text, sa.ForeignKey(runs.c.name), primary_key=True),
    sa.Column("trial", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("tags", sa.Text, nullable=False),
)

# By version, what it added to the tables of the one before.
ADDED: dict[int, list[sa.Column[object] | sa.Table]] = {
    2: [
        runs.c.seconds,
        runs.c.machine,
        *(trials.c[name] for name in ("attempts", "output", "proposed_event", "ended_event", "checksum")),
        reports,
    ],
    3: [runs.c.network_size],
    4: [sources],
    5: [fingerprints],
    6: [runs.c.units, runs.c.stop_asked, runs.c.edits, notes],
}


def columns(table: sa.Table, version: int) -> list[sa.Column[object]]:
    """The columns that a table has in a version."""
    later = {id(new) for number, added in ADDED.items() if number > version for new in added}
    return [column for column in table.c if id(column) not in later]
