"""Tables that are sorted, filtered and paged by the address, so that a link shows what its sender saw."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

Row = TypeVar("Row")


@dataclass(frozen=True)
class Column(Generic[Row]):
    """A column. value: by which rows are sorted, None for those that come last; without it the column cannot sort.

    minor: it has no place on paper.
    """

    name: str
    label: str
    value: Callable[[Row], Any] | None = None
    numeric: bool = False
    minor: bool = False


@dataclass(frozen=True)
class Heading:
    """A column's heading: the link that sorts by it, and how the table is sorted by it now (as aria-sort says it)."""

    name: str
    label: str
    url: str | None
    direction: str | None
    numeric: bool


def sort_rows(rows: Iterable[Row], columns: Sequence[Column[Row]], order: str) -> list[Row]:
    """The rows sorted by ``order``, a column's name or one with a minus before it; rows without a value come last.

    An order that there is none of leaves the rows as they are.
    """
    name, descending = order.removeprefix("-"), order.startswith("-")
    value = next((column.value for column in columns if column.name == name and column.value), None)
    if value is None:
        return list(rows)
    keyed = [(value(row), row) for row in rows]
    known = sorted((pair for pair in keyed if pair[0] is not None), key=lambda pair: pair[0], reverse=descending)
    return [row for _, row in known] + [row for key, row in keyed if key is None]


def headings(columns: Sequence[Column[Row]], order: str, path: str, query: Mapping[str, str]) -> list[Heading]:
    """The headings of a table at ``path``; a link keeps the rest of the query, and starts again at the first page."""
    kept = {key: value for key, value in query.items() if key not in ("sort", "page") and value}
    found = []
    for column in columns:
        direction = {column.name: "ascending", f"-{column.name}": "descending"}.get(order)
        # Numbers and times are looked at from the largest first.
        first, second = (f"-{column.name}", column.name) if column.numeric else (column.name, f"-{column.name}")
        target = second if order == first else first
        url = None if column.value is None else f"{path}?{urlencode({**kept, 'sort': target})}"
        found.append(Heading(column.name, column.label, url, direction, column.numeric))
    return found


@dataclass(frozen=True)
class Paging:
    """Which rows of a long table are shown. page, pages: counted from 1."""

    page: int
    pages: int
    size: int
    total: int

    @classmethod
    def of(cls, text: str, total: int, size: int) -> Paging:
        """The page that the text asks for, or the nearest that there is."""
        pages = max(1, -(-total // size))
        page = int(text) if text.isdecimal() and len(text) < 9 else 1
        return cls(min(max(page, 1), pages), pages, size, total)

    @property
    def rows(self) -> slice:
        """The rows of this page."""
        return slice((self.page - 1) * self.size, self.page * self.size)

    @property
    def words(self) -> str:
        """``51–100 of 5,000``."""
        if not self.total:
            return "none"
        return f"{self.rows.start + 1:,}–{min(self.rows.stop, self.total):,} of {self.total:,}"


def page_url(path: str, query: Mapping[str, str], page: int) -> str:
    """The address of another page of the same table."""
    return f"{path}?{urlencode({**{k: v for k, v in query.items() if v and k != 'page'}, 'page': page})}"
