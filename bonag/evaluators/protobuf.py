"""The wire format of protocol buffers, as far as it takes to read a message without its compiled definition."""

from __future__ import annotations

from struct import unpack_from

Field = int | float | bytes


def fields(message: bytes) -> list[tuple[int, Field]]:
    """The fields of a message in their order, each as (number, value); raises ValueError if it is cut or malformed.

    A value is an int (varint, unsigned), a float (64-bit fields as doubles, 32-bit ones as floats), or bytes (texts and
    messages within the message).
    """
    found: list[tuple[int, Field]] = []
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        kind = tag & 7
        value: Field
        if kind == 1:
            end = position + 8
            value = unpack_from("<d", message, position)[0] if end <= len(message) else 0.0
        elif kind == 2:
            length, position = _varint(message, position)
            end = position + length
            value = message[position:end]
        elif kind == 0:
            value, end = _varint(message, position)
        elif kind == 5:
            end = position + 4
            value = unpack_from("<f", message, position)[0] if end <= len(message) else 0.0
        else:
            raise ValueError(f"a field has the unknown wire type {kind}")
        if end > len(message):
            raise ValueError("a field goes on after the end of the message")
        found.append((tag >> 3, value))
        position = end
    return found


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(message) or shift > 63:
            raise ValueError("a number goes on after the end of the message")
        byte = message[position]
        value |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            return value, position
        shift += 7
