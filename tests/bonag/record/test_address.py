from __future__ import annotations

import pytest

from bonag.record import Address
from search_spaces.errors import UserError


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("postgresql://me:s3cret@host:5433/db", "postgresql://me@host:5433/db"),
        ("postgres://me:s3cret@host/db", "postgresql://me@host/db"),
        ("postgresql+psycopg://host/db", "postgresql://host/db"),
        ("postgresql://me@host/db?sslmode=require&password=s3cret", "postgresql://me@host/db?sslmode=require"),
        ("postgresql:///db?host=/var/run&sslpassword=s3cret", "postgresql:///db?host=%2Fvar%2Frun"),
    ],
)
def test_a_password_is_used_and_never_shown(text: str, public: str) -> None:
    address = Address.parse(text)
    assert address.public == public
    assert address.url.drivername == "postgresql+psycopg"
    assert "s3cret" not in repr(address) + str(address) + address.public
    assert "s3cret" not in address.without_secrets(f"failed: {text}")
    # What is written can be read again, and means the same place.
    again = Address.parse(public)
    assert (again.url.host, again.url.port, again.url.database) == (
        address.url.host,
        address.url.port,
        address.url.database,
    )


@pytest.mark.parametrize(
    "text", ["mysql://me:s3cret@host/db", "sqlite:///x", "record.db", "", "postgresql://h:port/s3cret"]
)
def test_other_addresses_are_refused_without_repeating_them(text: str) -> None:
    with pytest.raises(UserError, match="must be like postgresql://") as refused:
        Address.parse(text)
    assert "s3cret" not in str(refused.value)
