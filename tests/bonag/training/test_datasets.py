"""Every kind of data set is read and split the same way each time, and a damaged one gets one line."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bonag.training.datasets import load_dataset
from bonag.training.images import resplit
from search_spaces.errors import UserError


def one_line(error: pytest.ExceptionInfo[UserError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def counts(dataset):
    return len(dataset.train), len(dataset.validation), len(dataset.test)


def idx(array: np.ndarray) -> bytes:
    return b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write_idx(folder: Path, shapes, pack=gzip.compress, ending=".gz", test: bool = True) -> Path:
    folder.mkdir()
    for part, n in (("train", 40), *([("t10k", 10)] if test else [])):
        x, y = shapes(n)
        (folder / f"{part}-images-idx3-ubyte{ending}").write_bytes(pack(idx(x)))
        (folder / f"{part}-labels-idx1-ubyte{ending}").write_bytes(pack(idx(y.astype(np.uint8))))
    return folder


def write_cifar(folder: Path, labels: bytes = b"labels", protocol: int = 2) -> Path:
    """As the official archives are: pickles of dictionaries with bytes as keys."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    names = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
    for name in names if labels == b"labels" else ("train", "test"):
        data = rng.integers(0, 256, (20, 3072), dtype=np.uint8)
        batch = {b"data": data, labels: [number % 10 for number in range(20)], b"batch_label": b"one"}
        (folder / name).write_bytes(pickle.dumps(batch, protocol=protocol))
    return folder


def packed(folder: Path, archive: Path) -> Path:
    with tarfile.open(archive, "w:gz") as file:
        file.add(folder, arcname=folder.name)
    return archive


def write_pictures(folder: Path, n: int = 10, size: tuple[int, int] = (8, 8)) -> Path:
    for shade, name in ((0, "dark"), (200, "light")):
        (folder / name).mkdir(parents=True)
        for number in range(n):
            Image.new("RGB", size, (shade, shade, number)).save(folder / name / f"{number}.png")
    return folder


def test_digits_need_nothing_and_are_split_the_same_way_each_time():
    first, second = load_dataset("digits"), load_dataset("digits")
    assert counts(first) == (1151, 287, 359)
    assert (first.num_classes, first.side, first.flips) == (10, 8, False)
    assert first.train.pixels.dtype == torch.uint8
    assert int(first.train.pixels.max()) == 255
    for part in ("train", "validation", "test"):
        one, other = getattr(first, part), getattr(second, part)
        assert one.pixels.equal(other.pixels)
        assert one.labels.equal(other.labels)
        # Every class is as frequent in every part.
        assert np.ptp(np.bincount(one.labels) / len(one)) < 0.03


def test_no_image_is_in_two_parts(tmp_path):
    pixels = np.arange(100, dtype=np.uint8)[:, None, None] * np.ones((1, 4, 4), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", x=pixels, y=np.arange(100) % 4)
    dataset = load_dataset(str(tmp_path / "a.npz"))
    seen = [set(part.pixels[:, 0, 0, 0].tolist()) for part in (dataset.train, dataset.validation, dataset.test)]
    assert sum(map(len, seen)) == len(set.union(*seen)) == 100
    joined = resplit(dataset)
    assert counts(joined) == (80, 0, 20)
    assert set(joined.train.pixels[:, 0, 0, 0].tolist()) == seen[0] | seen[1]


def test_a_subset_keeps_the_shares_of_the_classes():
    train = load_dataset("digits").train
    subset = train.first(200)
    assert len(subset) == 200
    assert np.abs(np.bincount(subset.labels) - 20).max() <= 2
    assert len(train.first(None)) == len(train.first(10**6)) == len(train)


@pytest.mark.parametrize(("pack", "ending"), [(gzip.compress, ".gz"), (bytes, "")])
def test_idx_files(tmp_path, shapes, pack, ending):
    dataset = load_dataset(str(write_idx(tmp_path / "mine", shapes, pack, ending)))
    assert counts(dataset) == (32, 8, 10)
    assert (dataset.name, dataset.num_classes, dataset.side) == ("mine", 2, 8)
    x, y = shapes(10)
    assert np.array_equal(dataset.test.pixels[:, 0].numpy(), x)
    assert np.array_equal(dataset.test.labels.numpy(), y)


def test_idx_files_without_a_test_split_lose_a_part_for_it(tmp_path, shapes):
    assert counts(load_dataset(str(write_idx(tmp_path / "mine", shapes, test=False)))) == (26, 6, 8)


def test_damaged_idx_files(tmp_path, shapes):
    folder = write_idx(tmp_path / "mine", shapes)
    images = folder / "train-images-idx3-ubyte.gz"
    whole = images.read_bytes()
    for content, words in (
        (whole[: len(whole) // 2], "cannot read"),
        (b"", "no IDX file"),
        (gzip.compress(gzip.decompress(whole)[:-5]), "bytes, and 2576 by its head"),
        (b"\0\0\x0d\x01" + bytes(4), "no IDX file of bytes"),
        (whole[:40] + b"\xff\xff" + whole[42:], "cannot read"),
    ):
        images.write_bytes(content)
        with pytest.raises(UserError, match=words) as error:
            load_dataset(str(folder))
        assert str(images) in one_line(error)
    images.write_bytes(whole)
    (folder / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(UserError, match="no labels for it"):
        load_dataset(str(folder))


@pytest.mark.slow
def test_fashion_mnist_of_debian(debian_fashion, no_data):
    dataset = load_dataset("fashion-mnist")
    assert counts(dataset) == (48_000, 12_000, 10_000)
    assert (dataset.num_classes, dataset.side, dataset.flips) == (10, 28, True)


def test_data_that_have_a_name_are_looked_for_where_the_user_says(tmp_path, shapes, monkeypatch):
    write_idx(tmp_path / "fashion-mnist", shapes)
    assert len(load_dataset("fashion-mnist", tmp_path).test) == 10
    monkeypatch.setenv("BONAG_DATA", str(tmp_path))
    assert len(load_dataset("fashion-mnist").test) == 10


@pytest.mark.parametrize(
    ("kind", "folder", "labels", "archive", "sizes"),
    [
        ("cifar10", "cifar-10-batches-py", b"labels", "cifar-10-python.tar.gz", (80, 20, 20)),
        ("cifar100", "cifar-100-python", b"fine_labels", "cifar-100-python.tar.gz", (16, 4, 20)),
    ],
)
def test_cifar_as_an_archive_and_as_a_folder(tmp_path, kind, folder, labels, archive, sizes):
    unpacked = write_cifar(tmp_path / "unpacked" / folder, labels)
    file = packed(unpacked, tmp_path / archive)
    found = [load_dataset(kind, tmp_path), load_dataset(str(file)), load_dataset(str(unpacked))]
    for dataset in found:
        assert counts(dataset) == sizes
        assert (dataset.num_classes, dataset.side) == (100 if kind == "cifar100" else 10, 32)
        assert dataset.test.pixels.equal(found[0].test.pixels)
    held = pickle.loads((unpacked / ("test" if kind == "cifar100" else "test_batch")).read_bytes())  # noqa: S301
    assert np.array_equal(found[0].test.pixels.numpy().reshape(-1, 3072), held[b"data"])


class Runs:
    """What a hostile pickle does when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_a_hostile_pickle_runs_nothing(tmp_path):
    folder = write_cifar(tmp_path / "cifar-10-batches-py")
    (folder / "data_batch_3").write_bytes(pickle.dumps({b"data": Runs(tmp_path / "ran"), b"labels": []}))
    with pytest.raises(
        UserError, match=r"cannot read data_batch_3 of .*only arrays, texts and lists are read"
    ) as error:
        load_dataset("cifar10", tmp_path)
    one_line(error)
    assert not (tmp_path / "ran").exists()


def test_damaged_cifar_files(tmp_path):
    folder = write_cifar(tmp_path / "cifar-10-batches-py")
    batch = folder / "data_batch_2"
    whole = batch.read_bytes()
    for content in (
        b"",
        whole[:1000],
        pickle.dumps([1, 2]),
        pickle.dumps({b"data": np.zeros((2, 7), np.uint8), b"labels": [0, 1]}),
    ):
        batch.write_bytes(content)
        with pytest.raises(UserError, match="cannot read data_batch_2 of") as error:
            load_dataset("cifar10", tmp_path)
        one_line(error)
    batch.write_bytes(whole)
    archive = packed(folder, tmp_path / "cifar-10-python.tar.gz")
    archive.write_bytes(archive.read_bytes()[:5000])
    with pytest.raises(UserError, match="cannot read") as error:
        load_dataset(str(archive))
    one_line(error)
    with tarfile.open(archive, "w:gz") as other:
        other.addfile(tarfile.TarInfo("other"), io.BytesIO())
    with pytest.raises(UserError, match="data_batch_1"):
        load_dataset(str(archive))


def test_images_in_folders_by_class(tmp_path):
    dataset = load_dataset(str(write_pictures(tmp_path / "mine")))
    assert counts(dataset) == (13, 3, 4)
    assert (dataset.name, dataset.num_classes, dataset.side, dataset.flips) == ("mine", 2, 8, True)
    # Classes are counted in the order of their names.
    assert int(dataset.train.pixels[dataset.train.labels == 0][:, 0].max()) == 0
    assert int(dataset.train.pixels[dataset.train.labels == 1][:, 0].min()) == 200


def test_folders_that_are_split_stay_so(tmp_path):
    for name, n in (("train", 10), ("val", 3), ("test", 2)):
        write_pictures(tmp_path / name, n)
    assert counts(load_dataset(str(tmp_path))) == (20, 6, 4)
    (tmp_path / "test" / "odd").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "test" / "odd" / "a.png")
    with pytest.raises(UserError, match=r"class 'odd' of .* is none of"):
        load_dataset(str(tmp_path))


def test_images_of_many_sizes_become_alike(tmp_path):
    write_pictures(tmp_path / "mine")
    Image.new("RGBA", (30, 20)).save(tmp_path / "mine" / "dark" / "wide.png")
    assert load_dataset(str(tmp_path / "mine")).side == 64
    assert load_dataset(str(tmp_path / "mine"), image_size=12).side == 12


def test_a_damaged_image_is_named(tmp_path):
    folder = write_pictures(tmp_path / "mine")
    (folder / "dark" / "3.png").write_bytes((folder / "dark" / "3.png").read_bytes()[:50])
    with pytest.raises(UserError, match=r"cannot read .*dark/3\.png") as error:
        load_dataset(str(folder))
    one_line(error)


@pytest.mark.parametrize("layout", ["NHW", "NHWC", "NCHW"])
def test_npz_files_in_every_layout(tmp_path, shapes, layout):
    x, y = shapes(20)
    x = {"NHW": x, "NHWC": x[..., None].repeat(3, 3), "NCHW": x[:, None].repeat(3, 1)}[layout]
    np.savez(tmp_path / "a.npz", x_train=x, y_train=y, x_val=x[:6], y_val=y[:6], x_test=x[:4], y_test=y[:4, None])
    dataset = load_dataset(str(tmp_path / "a.npz"))
    assert counts(dataset) == (20, 6, 4)
    assert dataset.train.pixels.shape[1:] == (1 if layout == "NHW" else 3, 8, 8)
    assert np.array_equal(dataset.test.labels.numpy(), y[:4])


def test_npz_files_that_are_none(tmp_path, shapes):
    path = tmp_path / "a.npz"
    x, y = shapes(20)
    for arrays, words in (
        ({"a": x}, "must hold x_train and y_train, or x and y"),
        ({"x": x}, "must hold"),
        ({"x": x, "y": y[:5]}, "20 images and 5 labels"),
        ({"x": x / 255, "y": y}, "must be of type uint8"),
        ({"x": x, "y": y.astype(float)}, "must be whole numbers"),
        ({"x": x, "y": y - 1}, "must count from 0"),
        ({"x": x[:, 0], "y": y}, "must be"),
        ({"x": x[:, :4], "y": y}, "must be square"),
        ({"x": x, "y": y * 0}, "two classes or more"),
        ({"x": x[:2], "y": y[:2]}, "too small to be split"),
        ({"x": x, "y": np.array([{}] * 20)}, "cannot read"),
        ({"x_train": x, "y_train": y, "x_test": x}, "only one of x_test and y_test"),
    ):
        np.savez(path, **arrays)
        with pytest.raises(UserError, match=words) as error:
            load_dataset(str(path))
        one_line(error)
    np.savez(path, x=x, y=y)
    whole = path.read_bytes()
    for content in (b"", whole[: len(whole) // 2], whole[:100] + bytes(50) + whole[150:]):
        path.write_bytes(content)
        with pytest.raises(UserError, match="cannot read") as error:
            load_dataset(str(path))
        one_line(error)


def test_what_is_not_here_gets_the_way_to_it(tmp_path, no_data, monkeypatch):
    monkeypatch.setattr("bonag.training.datasets.DEBIAN", tmp_path / "nowhere")
    for name, words in (
        ("cifar10", "download cifar-10-python.tar.gz from https://"),
        ("fashion-mnist", "install Debian's package dataset-fashion-mnist"),
        ("digit", "no data set 'digit': did you mean 'digits'?"),
        (str(tmp_path), "is no data set: give a folder of IDX files"),
        (__file__, "is no data set"),
    ):
        with pytest.raises(UserError) as error:
            load_dataset(name, tmp_path)
        assert words in one_line(error)
