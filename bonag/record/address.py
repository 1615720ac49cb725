"""Where a run's record is: a file in its folder, or a PostgreSQL database."""

from __future__ import annotations

import re
from dataclasses import dataclass

import sqlalchemy as sa

from search_spaces.errors import UserError

SECRETS = ("password", "sslpassword")
# In a text that may hold addresses: what is between the user and the last @, and the secrets after a question mark.
_PASSWORD = re.compile(r"(://[^\s:/@]*:)(?:\S*|[^@]*)@")
_PARAMETER = re.compile(rf"([?&](?:{'|'.join(SECRETS)})=)[^&\s'\"]*", re.IGNORECASE)


def without_passwords(text: str) -> str:
    """The text with the password of each address in it, of whatever kind, blacked out."""
    return _PARAMETER.sub(r"\1***", _PASSWORD.sub(r"\1***@", text))


@dataclass(frozen=True, repr=False)
class Address:
    """A PostgreSQL database. ``url`` may hold a password; ``public`` never does, and is what gets written and shown."""

    url: sa.URL

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read ``postgresql://user@host:port/database``; raises UserError, which does not repeat a password."""
        try:
            url = sa.make_url(text)
            known = url.drivername in ("postgresql", "postgres", "postgresql+psycopg")
        except (sa.exc.ArgumentError, ValueError):
            known = False
        if not known:
            raise UserError(
                "the record's address must be like postgresql://user@host:5432/database; "
                "without one the record is a file in the run's folder"
            )
        return cls(url.set(drivername="postgresql+psycopg"))

    @property
    def public(self) -> str:
        """The address without its password, which comes from the environment (PGPASSWORD, ~/.pgpass) when needed."""
        # URL.set treats None as "leave it", so the password goes by building the address anew.
        url = sa.URL.create(
            "postgresql",
            username=self.url.username,
            host=self.url.host,
            port=self.url.port,
            database=self.url.database,
            query={key: value for key, value in self.url.query.items() if key not in SECRETS},
        )
        return url.render_as_string(hide_password=False)

    def without_secrets(self, text: str) -> str:
        """The text with this address's password blacked out."""
        secrets = [self.url.password, *(self.url.query.get(key) for key in SECRETS)]
        for secret in secrets:
            if secret:
                text = text.replace(str(secret), "***")
        return text
