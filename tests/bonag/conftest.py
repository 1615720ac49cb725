"""A real PostgreSQL server, records of earlier versions, and image files of the layout of ImageNet."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from bonag.record import Address, schema

PASSWORD = "s3cr3t-Pa/ss"


@pytest.fixture(scope="session")
def make_pictures() -> Callable[..., Path]:
    """Writes a tree of JPEG files of odd sizes; some are grey, of printing colours, or PNG files of a palette."""
    from PIL import Image

    def write(folder: Path, parts: dict[str, int], classes: int = 3) -> Path:
        """parts: by the name of a part, how many images each class has in it; '' for class folders in the folder."""
        rng = np.random.default_rng(5)
        for part, n in parts.items():
            for label in range(classes):
                place = folder / part / f"n{label:02d}"
                place.mkdir(parents=True)
                for number in range(n):
                    height, width = rng.integers(20, 70, 2).tolist()
                    stripes = np.arange(width)[None, :, None] // (2 + 3 * label) % 2 * 120
                    noise = rng.integers(0, 100, (height, width, 3))
                    image = Image.fromarray((stripes + noise + [0, 10 * label, 30]).astype(np.uint8))
                    if number == 1:
                        image.convert("P").save(place / f"{number}.png")
                    else:
                        mode = {2: "L", 3: "CMYK"}.get(number, "RGB")
                        image.convert(mode).save(place / f"{number}.JPEG", quality=95)
        return folder

    return write


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[Callable[[], str]]:
    """Makes an empty database in a real server that this session started, and gives its URL, without a password.

    PGPASSWORD is set while the server is there.
    """
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not installed:
        pytest.skip("needs PostgreSQL: /usr/lib/postgresql/*/bin/initdb is not there (apt-get install postgresql)")
    programs = installed[-1].parent
    place = Path(tempfile.mkdtemp(prefix="bonag-postgres-"))
    user = []
    if os.geteuid() == 0:
        # The server refuses to run as root.
        owner = next((name for name in ("postgres", "nobody") if _exists(name)), None)
        if owner is None or shutil.which("runuser") is None:
            pytest.skip("needs a user other than root, and runuser, to start PostgreSQL")
        shutil.chown(place, owner)
        user = ["runuser", "-u", owner, "--"]
    secret = place / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = place / "data"
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories= -c fsync=off"

    def call(*command: str | Path) -> None:
        done = subprocess.run([*user, *map(str, command)], capture_output=True, text=True, cwd=place)
        assert done.returncode == 0, done.stdout + done.stderr

    call(
        programs / "initdb", "-D", data, "-U", "bonag", "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "-N"
    )
    before = os.environ.get("PGPASSWORD")
    os.environ["PGPASSWORD"] = PASSWORD
    url = f"postgresql://bonag@127.0.0.1:{port}/postgres"

    class Server:
        """Gives the URL of an empty database; can go away and come back."""

        def __call__(self) -> str:
            # One database that is emptied, because each new one is a thousand files on disk.
            engine = sa.create_engine(Address.parse(url).url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
            with engine.connect() as connection:
                connection.execute(
                    sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
                )
                for statement in (
                    "DROP SCHEMA public CASCADE",
                    "CREATE SCHEMA public",
                    "ALTER DATABASE postgres RESET ALL",
                ):
                    connection.execute(sa.text(statement))
            return url

        def stop(self) -> None:
            call(programs / "pg_ctl", "-D", data, "-m", "fast", "-w", "stop")

        def start(self) -> None:
            call(programs / "pg_ctl", "-D", data, "-o", options, "-l", place / "log", "-w", "start")

    server = Server()
    server.start()
    try:
        yield server
    finally:
        call(programs / "pg_ctl", "-D", data, "-m", "immediate", "stop")
        os.environ.pop("PGPASSWORD") if before is None else os.environ.update(PGPASSWORD=before)
        shutil.rmtree(place, ignore_errors=True)


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


@pytest.fixture(scope="session")
def make_older() -> Callable[[Path, int], None]:
    """Makes the record in a run's folder one of an earlier version, which lacks what came after."""

    def change(folder: Path, version: int) -> None:
        with closing(sqlite3.connect(folder / "record.db", isolation_level=None)) as connection:
            for number in range(schema.VERSION, version, -1):
                for new in reversed(schema.ADDED[number]):
                    if isinstance(new, sa.Table):
                        connection.execute(f"DROP TABLE {new.name}")
                    else:
                        connection.execute(f"ALTER TABLE {new.table.name} DROP COLUMN {new.name}")
            connection.execute(f"UPDATE bonag_schema SET version = {version}")

    return change
