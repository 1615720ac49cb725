"""What only a server can do to a record: be shared, be away, ask for a password."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import bonag
from bonag.record import Address, NameTakenError, create_record, open_record, read_record
from bonag.record.schema import VERSION
from loops.config import RunConfig
from loops.ending import RunState
from loops.history import Trial
from loops.loop import Ended, Event, propose
from loops.objective import Objective
from loops.strategies import RegularizedEvolution
from search_spaces import Architecture, get_space
from search_spaces.errors import UserError

New = Callable[[], str]


def admin(url: str) -> sa.Engine:
    return sa.create_engine(Address.parse(url).url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)


def test_runs_share_a_database_and_do_not_meet(
    tmp_path: Path, config: RunConfig, trials: list[Trial], postgres_url: New
) -> None:
    address = Address.parse(postgres_url())
    with (
        create_record(tmp_path, replace(config, name="one"), "", address) as one,
        create_record(tmp_path, replace(config, name="two"), "", address) as two,
    ):
        one.add(trials[:4])
        two.add(trials[:2])
    assert read_record(tmp_path / "one").history.trials == tuple(trials[:4])
    assert read_record(tmp_path / "two").history.trials == tuple(trials[:2])


def test_runs_that_start_at_the_same_time_in_an_empty_database_both_start(
    tmp_path: Path, config: RunConfig, postgres_url: New
) -> None:
    address = Address.parse(postgres_url())

    def start(number: int) -> None:
        create_record(tmp_path, replace(config, name=f"run-{number}"), "", address).close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(start, range(8)))
    assert all(len(read_record(tmp_path / f"run-{number}").history) == 0 for number in range(8))


def test_a_name_that_the_database_has_is_refused_in_another_folder_too(
    tmp_path: Path, config: RunConfig, postgres_url: New
) -> None:
    address = Address.parse(postgres_url())
    create_record(tmp_path / "here", config, "", address).close()
    with pytest.raises(NameTakenError, match="holds a run 'a-run' already"):
        create_record(tmp_path / "there", config, "", address)
    assert not (tmp_path / "there").exists()


def test_a_folder_that_cannot_be_made_leaves_no_row(tmp_path: Path, config: RunConfig, postgres_url: New) -> None:
    url = postgres_url()
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="it is a file"):
        create_record(tmp_path / "file", config, "", Address.parse(url))
    create_record(tmp_path, config, "", Address.parse(url)).close()
    with admin(url).connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM bonag_runs")) == 1


@pytest.mark.slow
def test_a_connection_that_breaks_is_made_anew(
    tmp_path: Path, config: RunConfig, trials: list[Trial], postgres_url: New
) -> None:
    url = postgres_url()
    with create_record(tmp_path, config, "", Address.parse(url)) as record:
        for trial in trials:
            record.add([trial])
            with admin(url).connect() as connection:
                killed = connection.execute(
                    sa.text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE pid <> pg_backend_pid() AND datname = current_database()"
                    )
                ).all()
            assert killed == [(True,)]
        # The writer's lock was taken again with the new connection.
        record.set_state(RunState.RUNNING)
        assert read_record(tmp_path / "a-run").live
    assert read_record(tmp_path / "a-run").history.trials == tuple(trials)


def test_only_one_writer_even_where_the_folder_was_copied(
    tmp_path: Path, config: RunConfig, trials: list[Trial], postgres_url: New, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bonag.record.writing.PATIENCE", 0.2)
    with create_record(tmp_path, config, "", Address.parse(postgres_url())) as record:
        record.add(trials[:1])
        copy = tmp_path / "copy"
        copy.mkdir()
        (copy / "config.json").write_bytes((tmp_path / "a-run" / "config.json").read_bytes())
        assert read_record(copy).live
        with pytest.raises(UserError, match="run 'a-run' is being written by another process"):
            open_record(copy)
    with open_record(copy) as record:
        assert record.history().trials == tuple(trials[:1])


def test_the_password_is_in_no_file_and_in_no_message(
    tmp_path: Path, config: RunConfig, postgres_url: New, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres_url()
    password = os.environ["PGPASSWORD"]
    monkeypatch.delenv("PGPASSWORD")
    full = sa.make_url(url).set(password=password).render_as_string(hide_password=False)
    with create_record(tmp_path, config, "", Address.parse(full)) as record:
        record.log.write("started")
        files = {path.name: path.read_bytes() for path in (tmp_path / "a-run").iterdir()}
    assert set(files) == {"config.json", "lock", "run.log"}
    for secret in (password, sa.engine.url.quote(password, safe="")):
        assert all(secret.encode() not in content for content in files.values())
    # Without it the record cannot be read, which is said in one line; with it in the environment it can.
    with pytest.raises(UserError, match=r"^the record's database postgresql://bonag@[^\n]*password[^\n]*$"):
        read_record(tmp_path / "a-run")
    monkeypatch.setenv("PGPASSWORD", password)
    assert len(read_record(tmp_path / "a-run").history) == 0
    wrong = sa.make_url(url).set(password="wr0ng-one")
    with pytest.raises(UserError) as refused:
        create_record(tmp_path, replace(config, name="b"), "", Address(wrong.set(drivername="postgresql+psycopg")))
    assert "password authentication failed" in str(refused.value)
    assert "wr0ng-one" not in str(refused.value)


@pytest.mark.parametrize(
    "place",
    ["postgresql://bonag@127.0.0.1:1/x", "postgresql://bonag@no-such-host.invalid/x", "postgresql:///x?host=/no"],
)
def test_a_server_that_is_not_there_is_one_line(tmp_path: Path, config: RunConfig, place: str) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(UserError, match=r"^the record's database [^\n]*$"):
        create_record(tmp_path, config, "", Address.parse(place))
    assert list(tmp_path.iterdir()) == []


def test_another_version_is_refused_and_left_as_it_is(
    tmp_path: Path, config: RunConfig, trials: list[Trial], postgres_url: New
) -> None:
    url = postgres_url()
    with create_record(tmp_path, config, "", Address.parse(url)) as record:
        record.add(trials)
    with admin(url).connect() as connection:
        connection.execute(sa.text(f"UPDATE bonag_schema SET version = {VERSION + 1}"))
    message = f"it has version {VERSION + 1} and this bonag reads versions up to {VERSION}"
    for use in (read_record, open_record):
        with pytest.raises(UserError, match=message):
            use(tmp_path / "a-run")  # type: ignore[operator]
    with pytest.raises(UserError, match=message):
        create_record(tmp_path, replace(config, name="b"), "", Address.parse(url))
    assert [path.name for path in tmp_path.iterdir()] == ["a-run"]


def test_it_is_durable_even_where_the_server_is_set_to_hurry(
    tmp_path: Path, config: RunConfig, postgres_url: New
) -> None:
    url = postgres_url()
    with admin(url).connect() as connection:
        connection.execute(sa.text(f'ALTER DATABASE "{sa.make_url(url).database}" SET synchronous_commit TO off'))
    with create_record(tmp_path, config, "", Address.parse(url)) as record:
        record.set_state(RunState.RUNNING)
        assert record._connection is not None
        assert record._connection.scalar(sa.text("SHOW synchronous_commit")) == "on"
        record._connection.rollback()


def test_reading_does_not_wait_for_a_writer_in_the_middle_of_a_transaction(
    tmp_path: Path, config: RunConfig, trials: list[Trial], postgres_url: New
) -> None:
    url = postgres_url()
    with create_record(tmp_path, config, "", Address.parse(url)) as record:
        record.add(trials[:1])
    with admin(url).execution_options(isolation_level="READ COMMITTED").connect() as connection:
        connection.execute(sa.text("UPDATE bonag_trials SET status = 'failed'"))
        start = time.monotonic()
        assert read_record(tmp_path / "a-run").history.trials == tuple(trials[:1])
        assert time.monotonic() - start < 2.0
        connection.rollback()


@pytest.mark.slow
def test_a_run_killed_and_resumed_is_the_run_that_was_not(tmp_path: Path, data_dir: Path, postgres_url: New) -> None:
    url = postgres_url()
    program = str(Path(sys.executable).with_name("bonag"))
    options = ["--space", "nb201", "--evaluator", "table", "--data", str(data_dir), "--strategy", "evolution"]
    options += ["--budget", "300", "--out", str(tmp_path), "--record", url]
    subprocess.run([program, "run", *options, "--name", "whole"], check=True, capture_output=True)
    action, counts = ["run", *options, "--name", "killed"], []
    for seconds in (0.3, 0.2, 0.1):
        process = subprocess.Popen([program, *action], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline().startswith(("run killed", "nothing to do"))
        time.sleep(seconds)
        process.kill()
        process.communicate()
        counts.append(len(read_record(tmp_path / "killed").history))
        action = ["resume", str(tmp_path / "killed")]
    subprocess.run([program, *action], check=True, capture_output=True)
    killed, whole = (read_record(tmp_path / name).history for name in ("killed", "whole"))
    assert counts == sorted(counts)
    assert 0 < counts[0] < 300
    times = dict.fromkeys(("proposed_at", "ended_at", "proposal_seconds", "evaluation_seconds"))
    assert [replace(t, **times) for t in killed] == [replace(t, **times) for t in whole]


@pytest.mark.slow
def test_a_server_that_is_away_for_a_while_is_waited_for_and_nothing_is_evaluated_twice(
    tmp_path: Path, postgres_url: Any
) -> None:
    url, marks = postgres_url(), tmp_path / "marks"
    threads: list[threading.Thread] = []

    def evaluate(architecture: Architecture, trial: Any) -> float:
        with open(marks, "a", encoding="utf-8") as file:
            file.write(f"{trial.index}\n")
        time.sleep(0.5)
        return float(len(str(architecture)))

    def go_away() -> None:
        postgres_url.stop()
        time.sleep(12)
        postgres_url.start()

    def look(event: Event) -> None:
        if isinstance(event, Ended) and not threads:
            threads.append(threading.Thread(target=go_away))
            threads[0].start()

    result = bonag.search(
        space="nb201",
        evaluator=evaluate,
        strategy="evolution",
        budget=12,
        workers=3,
        record=url,
        out=tmp_path,
        name="r",
        callbacks=[look],
    )
    threads[0].join()
    assert result.state is RunState.FINISHED
    assert len(result.history.completed) == 12
    assert sorted(map(int, marks.read_text().split())) == list(range(12))
    log = (tmp_path / "r" / "run.log").read_text()
    assert "waits for the record: the record's database postgresql://bonag@127.0.0.1" in log
    strategy = RegularizedEvolution(get_space("nb201"), Objective.parse("accuracy"))
    for trial in result.history:
        (again,) = propose(strategy, result.history.before(trial.index), 1, 0)
        assert again.architecture == trial.architecture


@pytest.mark.slow
def test_a_server_that_stays_away_longer_than_the_patience_ends_the_run_and_keeps_the_outcome(
    tmp_path: Path, postgres_url: Any
) -> None:
    def evaluate(architecture: Architecture, trial: Any) -> float:
        return float(trial.index)

    def look(event: Event) -> None:
        if isinstance(event, Ended) and event.trial.index == 1:
            postgres_url.stop()

    options = {"space": "nb201", "strategy": "random", "budget": 4, "record": postgres_url(), "out": tmp_path}
    try:
        with pytest.raises(UserError, match=r"^the record's database postgresql://bonag@127\.0\.0\.1[^\n]*$"):
            bonag.search(**options, evaluator=evaluate, name="r", record_patience="1s", callbacks=[look])
    finally:
        postgres_url.start()
    resumed = bonag.resume(tmp_path / "r", evaluator=evaluate)
    assert [trial.metrics["accuracy"] for trial in resumed.history] == [0.0, 1.0, 2.0, 3.0]
