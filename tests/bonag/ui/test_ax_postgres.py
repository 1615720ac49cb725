"""Ax's own SQL storage in PostgreSQL, in a real server: listed, read, and left as it is."""

import time
from contextlib import closing

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import VARCHAR

from bonag.record import Address
from bonag.ui.background.growing import Growing
from bonag.ui.background.jobs import Jobs
from bonag.ui.source import UnknownKeyError
from bonag.ui.sources import open_source
from bonag.ui.sources.ax_stores import AxSql
from search_spaces.errors import UserError
from tests.bonag.ui.test_ax_sources import check_foreign, foreign_client

# The longest VARCHAR of PostgreSQL, which Ax's models go beyond.
LONGEST = 10_485_760


@pytest.fixture
def store(postgres_url):
    """A store that Ax wrote, whose tables PostgreSQL only takes with types that it knows."""
    from ax.storage.sqa_store import db
    from ax.storage.sqa_store.save import save_experiment

    def text(element, compiler, **options):
        return "TEXT" if element.length is None or element.length > LONGEST else f"VARCHAR({element.length})"

    compiles(sa.Text, "postgresql")(lambda element, compiler, **options: "TEXT")
    for kind in (sa.String, VARCHAR):
        compiles(kind, "postgresql")(text)
    address = Address.parse(postgres_url())
    before = db.SESSION_FACTORY
    db.SESSION_FACTORY = None
    db.init_engine_and_session_factory(url=address.url.render_as_string(hide_password=False))
    db.create_all_tables(db.get_engine())
    save_experiment(foreign_client()._experiment)
    db.get_engine().dispose()
    db.SESSION_FACTORY = before
    return address


def contents(address):
    """How many rows each table has."""
    engine = sa.create_engine(address.url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        names = sa.inspect(connection).get_table_names()
        return {name: connection.scalar(sa.text(f'SELECT count(*) FROM "{name}"')) for name in names}


@pytest.mark.slow
def test_a_store_in_postgresql_opens_and_stays_as_it_is(store):
    before = contents(store)
    source = open_source(store.public)
    assert isinstance(source, AxSql)
    (summary,) = source.summaries()
    assert (summary.name, summary.trials, summary.state) == ("<b>foreign</b>", 8, "running")
    stamp = source.stamp(summary.key)
    check_foreign(source.view(summary.key))
    assert len(source.experiment(summary.key).trials) == 8
    assert source.stamp(summary.key) == stamp
    with closing(Jobs()) as jobs:
        source.read_in_background(Growing(jobs))
        end = time.monotonic() + 600
        while not source.view(summary.key).history.trials and time.monotonic() < end:
            time.sleep(0.1)
        check_foreign(source.view(summary.key))
    with pytest.raises(UnknownKeyError):
        source.view("1 OR 1=1")
    with pytest.raises(UserError, match="read-only transaction"), source._connect() as connection:
        connection.execute(sa.text("DELETE FROM trial_v2"))
    assert contents(store) == before
