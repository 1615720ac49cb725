"""The table of NAS-Bench-101 is read from the benchmark's own files, and damaged ones are told."""

from __future__ import annotations

import base64
import json
import pickle
import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from bonag.evaluators import make_evaluator, task_names, tfrecord
from bonag.evaluators.protobuf import fields
from bonag.evaluators.tfrecord import masked_checksums, read_records
from search_spaces import get_space
from search_spaces.errors import UserError
from search_spaces.nb101.isomorphism import all_keys

SPACE = get_space("nb101")
FULL, LONGEST = "nasbench_full.tfrecord", "nasbench_only108.tfrecord"

# The first cell of the benchmark, and its runs as published: seconds, accuracies of training, validation and test.
MATRIX = "0100110001000000010010000010000001000000010000000"
OPERATIONS = "input,conv3x3-bn-relu,maxpool3x3,conv3x3-bn-relu,conv3x3-bn-relu,conv1x1-bn-relu,output"
CELL = "conv3x3-bn-relu~0|maxpool3x3~1|conv3x3-bn-relu~2|conv3x3-bn-relu~0|conv1x1-bn-relu~0+3+4|output~2+5"
RUNS = [
    [(883.4580078125, 0.8282251358, 0.7776442170143127, 0.7740384340286255),
     (1769.1279296875, 1.0, 0.9241786599159241, 0.9211738705635071)],
    [(883.6810302734375, 0.8796073794, 0.8291265964508057, 0.8204126358032227),
     (1768.2509765625, 1.0, 0.9245793223381042, 0.9190705418586731)],
    [(883.4569702148438, 0.8634815812, 0.811598539352417, 0.8058894276618958),
     (1768.9759521484375, 1.0, 0.9304887652397156, 0.9215745329856873)],
]  # fmt: skip


def crc32c(data: bytes) -> int:
    """Bit by bit, as the polynomial is defined."""
    state = 0xFFFFFFFF
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = state >> 1 ^ (0x82F63B78 if state & 1 else 0)
    return state ^ 0xFFFFFFFF


def masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def framed(data: bytes) -> bytes:
    head = struct.pack("<Q", len(data))
    return head + masked(head) + data + masked(data)


def varint(value: int) -> bytes:
    return bytes([value]) if value < 0x80 else bytes([value & 0x7F | 0x80]) + varint(value >> 7)


def evaluation(epoch: float, values: Iterable[float], checkpoint: bytes = b"") -> bytes:
    doubles = enumerate([epoch, *values], start=1)
    message = b"".join(varint(number << 3 | 1) + struct.pack("<d", value) for number, value in doubles)
    return message + (varint(6 << 3 | 2) + varint(len(checkpoint)) + checkpoint if checkpoint else b"")


def metrics(evaluations: Iterable[bytes], params: int = 8_555_530) -> bytes:
    parts = [varint(1 << 3 | 2) + varint(len(part)) + part for part in evaluations]
    return b"".join(parts) + varint(2 << 3) + varint(params) + varint(3 << 3 | 1) + struct.pack("<d", 2000.0)


def record(epochs: object, matrix: str, operations: str, message: bytes) -> bytes:
    return json.dumps(["0" * 32, epochs, matrix, operations, base64.b64encode(message).decode()]).encode()


def run(epochs: int, validation: float, matrix: str = MATRIX, operations: str = OPERATIONS) -> bytes:
    values = [(0.0, 0.1, 0.1, 0.1), (5.0, 0.5, 0.5, 0.5), (10.0 * epochs, 1.0, validation, validation - 0.125)]
    return record(epochs, matrix, operations, metrics(evaluation(0, value) for value in values))


PUBLISHED = [
    record(108, MATRIX, OPERATIONS, metrics(evaluation(0, value, b"/model.ckpt" * 20) for value in [(0.1,) * 4, *two]))
    for two in RUNS
]


def write(path: Path, records: Iterable[bytes]) -> Path:
    path.write_bytes(b"".join(map(framed, records)))
    return path


def refusal(folder: Path, task: str | None = None) -> str:
    with pytest.raises(UserError) as error:
        make_evaluator(SPACE, "table", task, folder)
    assert "\n" not in str(error.value)
    return str(error.value)


# The metrics


def test_published_runs_give_their_published_means(tmp_path: Path) -> None:
    write(tmp_path / LONGEST, PUBLISHED)
    evaluator = make_evaluator(SPACE, None, None, tmp_path)
    assert (evaluator.name, evaluator.task) == ("table", "cifar10")
    found = evaluator.evaluate(SPACE.parse(CELL), 0)
    assert tuple(found) == evaluator.metrics == ("accuracy", "test_accuracy", "training_time", "params", "macs")
    assert found["accuracy"] == pytest.approx(92.64155824979147, abs=1e-12)
    assert found["test_accuracy"] == pytest.approx(92.06063151359558, abs=1e-12)
    assert found["training_time"] == pytest.approx(1768.7849527994792, abs=1e-9)
    assert found["params"] == 8_555_530
    assert found["macs"] == SPACE.costs(SPACE.parse(CELL)).macs


def test_each_budget_is_a_task(tmp_path: Path) -> None:
    budgets = {"cifar10": 108, "cifar10-36ep": 36, "cifar10-12ep": 12, "cifar10-4ep": 4}
    runs = [(epochs, 0.5 + epochs / 1000 + repeat / 64) for repeat in range(3) for epochs in budgets.values()]
    write(tmp_path / FULL, [run(epochs, validation) for epochs, validation in runs])
    assert task_names("nb101", "table", tmp_path) == list(budgets)
    for task, epochs in budgets.items():
        found = make_evaluator(SPACE, "table", task, tmp_path).evaluate(SPACE.parse(CELL), 0)
        assert found["accuracy"] == pytest.approx(100 * (0.5 + epochs / 1000 + 1 / 64))
        assert found["test_accuracy"] == pytest.approx(found["accuracy"] - 12.5)
        assert found["training_time"] == 10 * epochs


def test_the_smaller_file_serves_the_longest_budget(tmp_path: Path) -> None:
    write(tmp_path / LONGEST, [run(108, 0.75)])
    assert task_names("nb101", "table", tmp_path) == ["cifar10"]
    assert "no task 'cifar10-4ep'" in refusal(tmp_path, "cifar10-4ep")
    write(tmp_path / FULL, [run(108, 0.25), run(4, 0.5)])
    accuracies = [make_evaluator(SPACE, "table", task, tmp_path) for task in ("cifar10", "cifar10-4ep")]
    assert [e.evaluate(SPACE.parse(CELL), 0)["accuracy"] for e in accuracies] == [75.0, 50.0]
    (tmp_path / LONGEST).unlink()
    assert make_evaluator(SPACE, "table", None, tmp_path).evaluate(SPACE.parse(CELL), 0)["accuracy"] == 25.0


@pytest.mark.slow
def test_cells_are_found_in_any_order_of_their_nodes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    cells = [*SPACE.sample(60, rng), *(SPACE.parse(text) for text in ("output~0", "maxpool3x3~0|output~0+1"))]
    cells = list(dict.fromkeys(cells))
    records = []
    for number, cell in enumerate(cells):
        graph = SPACE.encode(cell)
        for repeat in range(3):
            order = list(range(7))
            while True:
                inner = rng.permutation(len(cell.op_names)) + 1
                order = [0, *inner.tolist(), 6]
                adjacency = graph.adjacency[np.ix_(order, order)]
                if not np.tril(adjacency).any():
                    break
            matrix = "".join("01"[edge] for edge in adjacency.astype(int).ravel())
            operations = ",".join(SPACE.op_names[op] for op in graph.ops[order])
            records.append(run(108, (number + repeat / 4) / 100, matrix, operations))
    write(tmp_path / LONGEST, [records[place] for place in rng.permutation(len(records))])
    evaluator = make_evaluator(SPACE, "table", None, tmp_path)
    found = evaluator.evaluate_many(cells)
    assert found["accuracy"] == pytest.approx(np.arange(len(cells)) + 0.25)
    assert evaluator.evaluate(cells[7], 0)["accuracy"] == found["accuracy"][7]
    assert f"{len(cells)} cells" in evaluator.description
    copy = pickle.loads(pickle.dumps(evaluator))  # noqa: S301 - our own bytes
    assert copy.evaluate(cells[7], 0) == evaluator.evaluate(cells[7], 0)


def test_cells_that_are_not_in_the_table_fail(tmp_path: Path) -> None:
    write(tmp_path / LONGEST, PUBLISHED)
    evaluator = make_evaluator(SPACE, "table", None, tmp_path)
    first, last = (type(SPACE.parse(CELL))(int(key)) for key in all_keys()[[0, -1]])
    for cell in (first, last):
        with pytest.raises(LookupError, match=r"no accuracy of .*output~.* on cifar10"):
            evaluator.evaluate(cell, 0)
    assert np.isnan(evaluator.evaluate_many([first, SPACE.parse(CELL)])["accuracy"]).tolist() == [True, False]


# The files


def test_missing_files_are_named(tmp_path: Path) -> None:
    text = refusal(tmp_path)
    assert LONGEST in text
    assert FULL in text
    assert str(tmp_path) in text


@pytest.mark.parametrize("batch_bytes", [1, 1000, 1 << 22])
def test_records_are_read_back_in_batches_of_any_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch_bytes: int
) -> None:
    monkeypatch.setattr(tfrecord, "_BATCH_BYTES", batch_bytes)
    rng = np.random.default_rng(0)
    data = [rng.bytes(int(length)) for length in [*range(20), *rng.integers(200, size=40)]]
    path = write(tmp_path / "x.tfrecord", data)
    assert list(read_records(path)) == list(enumerate(data, start=1))
    content = path.read_bytes()
    damaged_data = len(b"".join(map(framed, data[:50]))) + 12
    path.write_bytes(content[:damaged_data] + bytes([content[damaged_data] ^ 1]) + content[damaged_data + 1 :])
    with pytest.raises(UserError, match=r"record 51 of .*x\.tfrecord is damaged"):
        list(read_records(path))


def test_checksums_are_those_of_the_definition() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # the check value of CRC-32C
    rng = np.random.default_rng(0)
    texts = [rng.bytes(length) for length in [*range(70), 300]]
    assert [struct.pack("<I", found) for found in masked_checksums(texts).tolist()] == [*map(masked, texts)]
    assert masked_checksums([b""]).tobytes() == masked(b"")
    assert len(masked_checksums([])) == 0


@pytest.mark.parametrize("place", ["length", "far length", "its checksum", "data", "checksum of the data"])
def test_damaged_records_are_told_by_number(tmp_path: Path, place: str) -> None:
    frames = [framed(run(108, 0.5 + number / 10)) for number in range(4)]
    frame = bytearray(frames[2])
    frame[{"length": 0, "far length": 6, "its checksum": 9, "data": 40, "checksum of the data": -1}[place]] ^= 4
    (tmp_path / LONGEST).write_bytes(b"".join([*frames[:2], frame, *frames[3:]]))
    assert f"record 3 of {tmp_path / LONGEST} is damaged, its checksum is wrong" in refusal(tmp_path)


@pytest.mark.parametrize("left", [3, 8, 11, 12, 60, -1])
def test_files_that_are_cut_are_told_by_number(tmp_path: Path, left: int) -> None:
    frames = [framed(run(108, 0.5 + number / 10)) for number in range(3)]
    (tmp_path / LONGEST).write_bytes(b"".join([*frames[:2], frames[2][:left]]))
    assert f"{tmp_path / LONGEST} ends within record 3" in refusal(tmp_path)


ONE_EVALUATION = metrics([evaluation(0, (1.0,))])
TOO_MANY = "".join("1" if i < j <= 4 or j == i + 1 else "0" for i in range(7) for j in range(7))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xff\xfe", "record 2 of {} is not one of NAS-Bench-101"),
        (b'["0", 108, "01"]', "record 2 of {} is not one of NAS-Bench-101: not enough values to unpack"),
        (b"[1]]", "record 2 of {} is not one of NAS-Bench-101: Extra data"),
        (record(108, "0", "input", b""), "is not one of NAS-Bench-101: it has no evaluations"),
        (record(108, "0", "input", ONE_EVALUATION), "its last evaluation lacks a time or an accuracy"),
        (record(108, "0", "input", PUBLISHED[0][:20]), "is not one of NAS-Bench-101: a field has the unknown wire"),
        (record(108, "0", "input", metrics([b"\x09\x00"])), "a field goes on after the end of the message"),
        (b'["0", 108, "01", "a", "?"]', "is not one of NAS-Bench-101: "),
        (run(108, 0.5, "0", "input"), "record 2 of {} is no cell of NAS-Bench-101: matrix '0', operations 'input'"),
        (run(108, 0.5, "0100", "input,conv"), "no cell of NAS-Bench-101: matrix '0100', operations 'input,conv'"),
        (run(108, 0.5, "0100", "output,input"), "no cell of NAS-Bench-101"),
        (run(108, 0.5, "0x00", "input,output"), "no cell of NAS-Bench-101"),
        (run(108, 0.5, "0000", "input,output"), "no cell of NAS-Bench-101"),
        (run(108, 0.5, "0" * 9, "input,absent,output"), "no cell of NAS-Bench-101"),
        (run(108, 0.5, TOO_MANY, OPERATIONS), "no cell of NAS-Bench-101"),
        (run(108, 0.5, "0" * 64, OPERATIONS + ",output"), "no cell of NAS-Bench-101"),
    ],
)
def test_records_of_something_else_are_told_by_number(tmp_path: Path, data: bytes, message: str) -> None:
    path = write(tmp_path / LONGEST, [PUBLISHED[0], data, PUBLISHED[1]])
    assert message.format(path) in refusal(tmp_path)


def test_files_without_the_budget_are_told(tmp_path: Path) -> None:
    write(tmp_path / FULL, [run(4, 0.5)])
    assert refusal(tmp_path, "cifar10-12ep") == f"{tmp_path / FULL} holds no training of 12 epochs"
    (tmp_path / LONGEST).write_bytes(b"")
    assert refusal(tmp_path) == f"{tmp_path / LONGEST} holds no training of 108 epochs"


def test_messages_are_read_field_by_field() -> None:
    text = b"\x08\x96\x01\x12\x02hi\x19" + struct.pack("<d", 0.5) + b"\x25" + struct.pack("<f", 2.0)
    assert fields(text) == [(1, 150), (2, b"hi"), (3, 0.5), (4, 2.0)]
    assert fields(b"") == []
    for end in (1, 2, 4, 6, 10, 13, len(text) - 1):
        with pytest.raises(ValueError, match="after the end of the message"):
            fields(text[:end])
    with pytest.raises(ValueError, match="after the end of the message"):
        fields(b"\x08" + b"\xff" * 12)
    with pytest.raises(ValueError, match="unknown wire type 3"):
        fields(b"\x0b")
