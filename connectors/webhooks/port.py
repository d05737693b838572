"""The port of incoming webhooks: a request as it arrived, and who it really is from."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from connectors.errors import Permanent


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as it arrived.

    ``url`` is the public address that the provider was told, with the query: a proxy may have changed the host, and
    whoever forges a request chooses its ``Host``. ``headers`` have lower-case names. ``body`` is raw.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Delivery:
    """A request whose signature is good.

    ``delivery_id`` is made of signed bytes alone, so that nobody can make an old request look new. ``hook_type`` is
    the provider's word for what happened. ``verified_with`` names the key: its place in the setting, counted from 1,
    or the provider's own id of it. ``reply``: a handshake, to be answered with this JSON; nothing has happened.
    """

    delivery_id: str
    hook_type: str
    verified_with: str
    reply: bytes | None = None


class Unverified(Permanent):
    """The request is not shown to be the provider's. ``reason`` is for our log alone, never for the sender."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}; compare the secret and the address with what the provider has")
        self.reason = reason


class Verifier(Protocol):
    """Knows one provider's way of signing."""

    async def verify(self, incoming: Incoming, now: datetime) -> Delivery:
        """Return what was delivered.

        Raises:
            Unverified: no good signature, or one that is too old.
            Transient: the provider's public key cannot be fetched now.
        """
        ...


@runtime_checkable
class Challenged(Protocol):
    """A verifier whose provider asks, by GET, for proof that the address is ours."""

    def answer(self, incoming: Incoming) -> bytes:
        """Return the JSON that proves it.

        Raises:
            Unverified: the request holds no challenge.
        """
        ...
