"""Numbers in addresses."""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor


class _Number(Convertor[int]):
    # Of Starlette's own "int" a number of thousands of digits is an error of the server.
    regex = "[0-9]{1,18}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


def number(name: str) -> str:
    """The part of a route's path that is a number of at most 18 digits, as in ``"/trials/" + number("n")``."""
    return f"{{{name}:number}}"


register_url_convertor("number", _Number())
