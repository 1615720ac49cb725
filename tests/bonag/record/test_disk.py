"""Where nothing can be written, or nothing more: a real small disk, a real read-only one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bonag.record import create_record, open_record, read_record
from loops.config import RunConfig
from loops.history import Trial, TrialStatus
from search_spaces.errors import UserError


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 512 KiB."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small file system")
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", place], check=True)
    yield place
    subprocess.run(["mount", "-o", "remount,rw", place], check=True)
    subprocess.run(["umount", place], check=True)


def fill(place: Path, leave: int = 0) -> Path:
    """Use up the disk but for ``leave`` bytes."""
    ballast = place / "ballast"
    free = os.statvfs(place)
    with open(ballast, "wb") as file:
        file.write(b"x" * max(0, free.f_bavail * free.f_bsize - leave))
    return ballast


@pytest.mark.parametrize("leave", [0, 4096, 8192, 16384, 32768, 65536])
def test_no_room_for_a_new_run_leaves_nothing_behind(small_disk: Path, config: RunConfig, leave: int) -> None:
    fill(small_disk, leave)
    with pytest.raises(UserError, match=r"disk is full|No space left on device"):
        create_record(small_disk / "results", config, "")
    assert [path.name for path in small_disk.iterdir()] == ["ballast"]


def test_a_read_only_place_gets_no_run(small_disk: Path, config: RunConfig) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    for out in (small_disk, small_disk / "results"):
        with pytest.raises(UserError, match="Read-only file system"):
            create_record(out, config, "")
    assert list(small_disk.iterdir()) == []


@pytest.mark.slow
def test_a_disk_that_fills_up_keeps_what_was_written_and_the_run_goes_on_when_there_is_room(
    small_disk: Path, config: RunConfig, trials: list[Trial]
) -> None:
    config = replace(config, record_patience="1s")
    folder = small_disk / "a-run"
    expected: list[Trial] = []
    with create_record(small_disk, config, "") as record:
        ballast = fill(small_disk, leave=300_000)
        with pytest.raises(UserError, match=r"record\.db cannot be written: the disk is full"):  # noqa: PT012
            for index in range(1000):
                trial = replace(trials[index % 6], index=index, architecture=architecture(index))
                record.add([trial])
                expected.append(trial)
                done = replace(trial, status=TrialStatus.COMPLETED, metrics={"accuracy": float(index)})
                record.finish(done)
                expected[-1] = done
    assert len(expected) > 5
    assert read_record(folder).history.trials == tuple(expected)
    ballast.unlink()
    with open_record(folder) as record:
        assert record.history().trials == tuple(expected)
        new = replace(trials[0], index=len(expected), architecture=architecture(len(expected)))
        record.add([new])
    assert read_record(folder).history.trials == (*expected, new)


def architecture(index: int) -> object:
    from search_spaces import get_space

    digits = [index // 5**place % 5 for place in range(6)]
    space = get_space("nb201")
    names = [parameter.values[digit] for parameter, digit in zip(space.parameters(), digits, strict=True)]
    return space.from_parameters(dict(zip([p.name for p in space.parameters()], names, strict=True)))
