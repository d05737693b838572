"""Secrets of the people who work here: name and address, password hashes, TOTP secrets. The log has ids of them only.

A record that is a secret gets a fresh name each time and is never changed: which one counts is said on the log, by
the one writer there. So two gateways that write at the same moment cannot bring an old password back.
"""

from typing import Protocol

from connectors.mail.port import Address
from connectors.vault.port import PersonName
from schemas.core.ids import RecordId, UserId
from schemas.core.message import Value


class Person(Value):
    """Who a user is."""

    name: PersonName
    mail: Address


class People(Protocol):
    """Keeps what is known of users. Calls may raise ``Transient``, ``WrongMasterKey`` and ``VaultCorrupt``."""

    async def introduce(self, user_id: UserId, person: Person) -> None:
        """Keep who a user is, replacing what was known."""
        ...

    async def person(self, user_id: UserId) -> Person | None:
        """Return who a user is; None when unknown or forgotten."""
        ...

    async def keep(self, user_id: UserId, record_id: RecordId, secret: str) -> None:
        """Keep a secret of a user under a fresh id."""
        ...

    async def secret(self, user_id: UserId, record_id: RecordId) -> str | None:
        """Return a secret; None when there is none."""
        ...

    async def drop(self, user_id: UserId, record_id: RecordId) -> None:
        """Delete one secret. An unknown one is no error."""
        ...

    async def forget(self, user_id: UserId) -> None:
        """Make everything about a user unreadable for good, copies included."""
        ...
