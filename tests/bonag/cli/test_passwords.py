"""A password that is typed as a part of an address is never shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bonag.record import find_run
from bonag.record.address import without_passwords
from search_spaces.errors import UserError

SECRET = "s3cr3t"
ADDRESSES = (
    f"postgresql://user:{SECRET}@127.0.0.1:1/db",
    f"postgresql://user@127.0.0.1:1/db?password={SECRET}",
    f"mysql://user:{SECRET}@127.0.0.1/db",
    f"postgresql://user:a@b:{SECRET}@127.0.0.1:port/db?sslmode=require&sslpassword={SECRET}",
)


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize(
    "command",
    [
        "status", "trials", "best", "resume", "ui", "report -o x.html", "plot -o x.png",
        "export --format python -o x.py", "generate --space nb201 --generator", "run --space", "status one",
        "run --space nb201 --record", "run --space nb201 --evaluator", "run --space nb201 --name", "check-space",
    ],
)  # fmt: skip
def test_no_command_repeats_a_password(command: str, address: str, call: Callable[..., Any]) -> None:
    said = call(*command.split(), address)
    assert said.status == 2
    assert said.err.count("\n") == 1
    assert SECRET not in said.err + said.out


def test_an_address_where_a_run_is_wanted_is_told_from_a_name() -> None:
    with pytest.raises(
        UserError, match=r"^no run 'postgresql://user:\*\*\*@127.0.0.1:1/db': a run is named by"
    ) as error:
        find_run(ADDRESSES[0])
    assert "`bonag ui`" in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "no run 'mine' here nor in results/",
        "the record's database postgresql://bonag@127.0.0.1:1/d: connection refused",
        "cannot listen on http://127.0.0.1:8000",
    ],
)
def test_what_holds_no_password_is_shown_as_it_is(text: str) -> None:
    assert without_passwords(text) == text
