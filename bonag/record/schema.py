"""The tables that hold runs."""

from __future__ import annotations

import sqlalchemy as sa

# Raise it with every change of the tables below; a record of another version is refused and left untouched.
VERSION = 1

metadata = sa.MetaData()

versions = sa.Table("bonag_schema", metadata, sa.Column("version", sa.Integer, primary_key=True, autoincrement=False))

# forgiven: index of the first trial whose failure counts towards max_failures; moves when a stopped run is resumed.
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
)

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
