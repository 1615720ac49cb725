"""TFRecord files, read without TensorFlow.

A record is its length (8 bytes, little-endian), the masked CRC-32C of these bytes (4), the data, and its masked CRC-32C
(4). Checksums are computed for many records side by side, since a byte of one depends on the byte before.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from struct import Struct

import numpy as np

from search_spaces.errors import UserError

_HEAD = Struct("<QI")
_TAIL = Struct("<I")
_POLYNOMIAL = 0x82F63B78  # Castagnoli's, reversed
_MASK = 0xA282EAD8
_BATCH_BYTES = 1 << 22


def read_records(path: Path) -> Iterator[tuple[int, bytes]]:
    """The records of a file as (number, data), counted from 1; raises UserError that names the first damaged one."""
    try:
        with path.open("rb") as file:
            if path.stat().st_size == 0:
                return
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                yield from _records(path, content)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error


def _records(path: Path, content: mmap.mmap) -> Iterator[tuple[int, bytes]]:
    """Cut batches of records, and give them away once their checksums are found right."""
    position, number, longest = 0, 1, 0
    heads: list[bytes] = []
    data: list[bytes] = []
    claimed: list[tuple[int, int]] = []
    while position < len(content):
        head = content[position : position + _HEAD.size]
        length, head_sum = _HEAD.unpack(head.ljust(_HEAD.size, b"\0"))
        end = position + _HEAD.size + length + _TAIL.size
        if data and (len(data) + 1) * max(longest, length) > _BATCH_BYTES:
            yield from _check(path, number, heads, data, claimed)
            number, longest = number + len(data), 0
            heads, data, claimed = [], [], []
        if end > len(content):
            yield from _check(path, number, heads, data, claimed)
            number += len(data)
            if len(head) == _HEAD.size and masked_checksums([head[:8]])[0] != head_sum:
                raise _damage_error(path, number)
            raise UserError(f"{path} ends within record {number}: copy it again")
        heads.append(head[:8])
        data.append(content[position + _HEAD.size : end - _TAIL.size])
        claimed.append((head_sum, _TAIL.unpack_from(content, end - _TAIL.size)[0]))
        longest, position = max(longest, length), end
    yield from _check(path, number, heads, data, claimed)


def _check(
    path: Path, number: int, heads: list[bytes], data: list[bytes], claimed: list[tuple[int, int]]
) -> Iterator[tuple[int, bytes]]:
    if not data:
        return
    right = masked_checksums(heads) == [head_sum for head_sum, _ in claimed]
    # The data that follow a wrong length are anything: they are cut off before they are looked at.
    sound = len(data) if right.all() else int(right.argmin())
    right = masked_checksums(data[:sound]) == [data_sum for _, data_sum in claimed[:sound]]
    if sound < len(data) or not right.all():
        raise _damage_error(path, number + (sound if right.all() else int(right.argmin())))
    yield from enumerate(data, start=number)


def masked_checksums(texts: list[bytes]) -> np.ndarray:
    """The masked CRC-32C of each text: (B,) uint32."""
    if not texts:
        return np.empty(0, dtype=np.uint32)
    lengths = np.array([len(text) for text in texts])
    width = max(4, -(-int(lengths.max()) // 4) * 4)
    # A checksum that starts from 0 stays 0 over leading zeros, so texts of all lengths can end together; what the usual
    # start from all ones adds depends on the length alone.
    words = np.frombuffer(b"".join([text.rjust(width, b"\0") for text in texts]), dtype="<u4").reshape(len(texts), -1)
    low, high = _four_bytes()
    state = np.zeros(len(texts), dtype=np.uint32)
    for word in np.ascontiguousarray(words.T):
        state ^= word
        state = low[state & 0xFFFF] ^ high[state >> 16]
    state ^= ~_starts(width)[lengths]
    return (state >> 15 | state << 17) + np.uint32(_MASK)


@cache
def _one_byte() -> np.ndarray:
    """What a zero byte makes of each state below 256: (256,) uint32."""
    state = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        state = np.where(state & 1, state >> 1 ^ np.uint32(_POLYNOMIAL), state >> 1)
    return state


@cache
def _four_bytes() -> tuple[np.ndarray, np.ndarray]:
    """What four zero bytes make of each lower and each upper half of a state: (65536,) uint32 each."""
    table = _one_byte()
    state = np.concatenate([np.arange(1 << 16, dtype=np.uint32), np.arange(1 << 16, dtype=np.uint32) << 16])
    for _ in range(4):
        state = table[state & 0xFF] ^ state >> 8
    return state[: 1 << 16].copy(), state[1 << 16 :].copy()


@cache
def _starts(width: int) -> np.ndarray:
    """What any number of zero bytes, up to width, makes of the state of all ones: (width + 1,) uint32."""
    table = _one_byte().tolist()
    states = [0xFFFFFFFF]
    for _ in range(width):
        states.append(table[states[-1] & 0xFF] ^ states[-1] >> 8)
    return np.array(states, dtype=np.uint32)


def _damage_error(path: Path, number: int) -> UserError:
    return UserError(f"record {number} of {path} is damaged, its checksum is wrong: copy the file again")
