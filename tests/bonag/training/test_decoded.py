"""Images are decoded once, and then mapped from disk by whoever needs them."""

from __future__ import annotations

import os
import shutil
import threading

import numpy as np
import pytest

from bonag.training.crops import read_crop
from bonag.training.decoded import decode, kept_folder
from bonag.training.image_tree import ImageTree
from search_spaces.errors import UserError


@pytest.fixture
def files(tmp_path, make_pictures, monkeypatch):
    monkeypatch.setenv("BONAG_HOME", str(tmp_path / "home"))
    return ImageTree(make_pictures(tmp_path / "tree", {"val": 5})).evaluated


def counted(files, *arguments):
    seen = []
    images = decode(files, *arguments, seen=lambda *told: seen.append(told))
    return images, seen


def test_crops_are_those_of_the_files(files):
    images, seen = counted(files, 32)
    assert seen == [(15, 15)]
    assert images.labels.tolist() == files.labels.tolist()
    for row, path in enumerate(files.paths):
        assert np.array_equal(images.pixels[row].numpy(), read_crop(path, 32))


def test_they_are_decoded_once_for_each_size_seed_and_content(files):
    first, _ = counted(files, 32)
    again, seen = counted(files, 32)
    assert seen == []
    assert (again.pixels == first.pixels).all()
    assert counted(files, 48)[1] != []
    random, seen = counted(files, 32, 7)
    assert seen != []
    assert (random.pixels != first.pixels).any()
    assert (counted(files, 32, 7)[0].pixels == random.pixels).all()
    assert (counted(files, 32, 8)[0].pixels != random.pixels).any()
    shutil.copy(files.paths[3], files.paths[0])
    changed, seen = counted(files, 32)
    assert seen != []
    assert (changed.pixels[0] == first.pixels[3]).all()


def test_random_crops_do_not_hang_on_which_thread_makes_them(files):
    images = decode(files, 32, 3)
    assert np.array_equal(images.pixels[4].numpy(), read_crop(files.paths[4], 32, np.random.default_rng([3, 4])))


def test_one_decodes_and_the_others_wait(files):
    seen = []
    threads = [
        threading.Thread(target=lambda: decode(files, 32, seen=lambda *told: seen.append(told))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [(15, 15)]


def test_what_is_damaged_is_decoded_again(files):
    first, _ = counted(files, 32)
    expected = first.pixels.clone()
    (kept,) = [path for path in kept_folder().iterdir() if path.suffix == ".npy"]
    kept.write_bytes(kept.read_bytes()[:1000])
    again, seen = counted(files, 32)
    assert seen != []
    assert (again.pixels == expected).all()


def test_what_a_killed_process_left_is_cleared_away(files):
    counted(files, 32)
    (kept,) = [path for path in kept_folder().iterdir() if path.suffix == ".npy"]
    kept.rename(kept.with_name(f".{kept.name}.1234.tmp"))
    counted(files, 32)
    assert sorted(path.suffix for path in kept_folder().iterdir()) == [".lock", ".npy"]


def test_an_image_that_cannot_be_read_leaves_nothing_behind(files):
    files.paths[2].write_text("no image")
    with pytest.raises(UserError, match=f"cannot read {files.paths[2]}: ") as error:
        decode(files, 32)
    assert "\n" not in str(error.value)
    assert [path.suffix for path in kept_folder().iterdir()] == [".lock"]
    files.paths[2].unlink()
    with pytest.raises(UserError, match=f"cannot read {files.paths[2]}: No such file"):
        decode(files, 32)


def test_no_room_is_said_before_anything_is_decoded(files, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=20_000))
    with pytest.raises(UserError, match=r"decoded images take 0.0 GB, and .*images has room for 0.0: choose fewer by"):
        decode(files, 32)
    monkeypatch.undo()
    monkeypatch.setenv("BONAG_HOME", str(files.paths[0]))
    with pytest.raises(UserError, match=r"cannot keep decoded images in .*: Not a directory"):
        decode(files, 32)


def test_they_are_kept_in_the_users_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("BONAG_HOME", str(tmp_path))
    assert kept_folder() == tmp_path / "images"
    monkeypatch.delenv("BONAG_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if os.name == "posix" and os.uname().sysname == "Linux":
        assert kept_folder() == tmp_path / "bonag" / "images"
