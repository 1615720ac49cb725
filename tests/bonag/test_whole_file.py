"""What is written becomes a regular file whole or not at all, and leaves links, pipes and devices what they are."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from bonag.whole_file import check_writable, whole_file
from search_spaces.errors import UserError


def write(path: Path, text: str = "new") -> None:
    with whole_file(path) as file:
        file.write_text(text)


def fail_after(written: int) -> None:
    raise RuntimeError(f"after {written} characters")


def device(path: Path, minor: int) -> Path:
    """A copy of /dev/null (3) or /dev/full (7)."""
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, minor))
        with open(path, "wb"):
            pass
    except PermissionError:
        pytest.skip("needs the right to make and open devices")
    return path


def test_a_link_stays_and_its_target_is_replaced_whole(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    target, link = tmp_path / "folder" / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to("folder/target")
    inode = target.stat().st_ino
    write(link)
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert target.stat().st_ino != inode
    with pytest.raises(RuntimeError), whole_file(link) as file:
        fail_after(file.write_text("half"))
    assert target.read_text() == "new"
    assert [path.name for path in target.parent.iterdir()] == ["target"]


def test_a_link_to_nothing_makes_what_it_names(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("target")
    write(link)
    assert link.is_symlink()
    assert (tmp_path / "target").read_text() == "new"


def test_a_link_in_a_circle_and_one_to_a_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "folder").symlink_to(tmp_path)
    for name in ("circle", "folder"):
        with pytest.raises(OSError, match=name):
            write(tmp_path / name)
        assert (tmp_path / name).is_symlink()


def test_a_pipe_gets_the_content(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[str] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
    reader.start()
    write(pipe, "x" * 200_000)
    reader.join(10)
    assert got == ["x" * 200_000]
    assert pipe.is_fifo()


def test_nothing_goes_into_a_pipe_when_writing_fails(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(RuntimeError), whole_file(pipe):
        raise RuntimeError
    assert pipe.is_fifo()


def test_a_device_stays_one(tmp_path: Path) -> None:
    null = device(tmp_path / "null", 3)
    link = tmp_path / "link"
    link.symlink_to(null)
    for path in (null, link):
        write(path)
        assert null.is_char_device()
    assert link.is_symlink()


def test_a_full_device_is_an_error_that_names_it(tmp_path: Path) -> None:
    full = device(tmp_path / "full", 7)
    with pytest.raises(OSError, match=r"No space left on device: .*full"):
        write(full)
    assert full.is_char_device()


def test_an_open_file_without_a_name_is_written_to(tmp_path: Path) -> None:
    with open(tmp_path / "file", "w+") as file:
        (tmp_path / "file").unlink()
        write(Path(f"/dev/fd/{file.fileno()}"))
        assert file.read() == "new"
    assert list(tmp_path.iterdir()) == []


def test_asking_before_long_work_changes_nothing(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("old")
    os.mkfifo(tmp_path / "pipe")
    for name in ("kept", "pipe", "absent"):
        check_writable(tmp_path / name)
    assert kept.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "pipe"]
    with pytest.raises(UserError, match=r"cannot write .*folder: No such file"):
        check_writable(tmp_path / "no" / "folder")
    with pytest.raises(UserError, match="it is a folder"):
        check_writable(tmp_path)
