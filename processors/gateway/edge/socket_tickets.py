"""One-time tickets for browsers, which cannot send a key with a socket, and whose addresses end in logs.

A ticket is signed, good for half a minute, for one caller and for pages of one origin. That it is used once is settled
in the log, as for idempotency keys (``Claims.once``), so it holds over all replicas: one of two wins.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from itsdangerous import BadData, URLSafeSerializer
from starlette.requests import HTTPConnection

from connectors.clock.clock import new_id
from processors.gateway.commands import Caller
from processors.gateway.edge.problems import Problem

_SALT = "noizylab.live.ticket.v1"
_MAX_CHARACTERS = 1024


@dataclass(frozen=True, slots=True)
class SocketTicket:
    """What a ticket says. ``origin`` is the page's that asked for it, empty for a program."""

    caller: Caller
    origin: str
    nonce: str


class SocketTickets:
    """Signs and reads tickets with HMAC-SHA-256 (itsdangerous)."""

    def __init__(self, secret: bytes, good_for_s: float) -> None:
        self._good_for_s = good_for_s
        self._serializer = URLSafeSerializer(
            secret, salt=_SALT, signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"}
        )

    def issue(self, caller: Caller, origin: str, *, now: datetime) -> str:
        """Return a fresh ticket."""
        until = now.timestamp() + self._good_for_s
        signed = self._serializer.dumps([caller.kind, caller.id, origin, str(new_id()), until])
        return signed if isinstance(signed, str) else signed.decode()

    def read(self, text: str, origin: str, *, now: datetime) -> SocketTicket:
        """Return what a ticket says.

        Raises:
            Problem: 401, it is none of ours, too old, or of another origin.
        """
        try:
            if len(text) > _MAX_CHARACTERS:
                raise ValueError("too long")
            kind, name, bound, nonce, until = self._serializer.loads(text)
        except (BadData, ValueError, TypeError) as error:
            raise refused("this is no ticket for a socket") from error
        if now.timestamp() >= until:
            raise refused(f"the ticket was good for {self._good_for_s:g} s")
        if bound != origin:
            raise refused("the ticket was given to a page of another origin")
        return SocketTicket(Caller(kind, name), bound, nonce)


def refused(what: str) -> Problem:
    """Return the problem of a ticket that opens nothing."""
    return Problem(401, "ticket_refused", f"{what}; get a new one from POST /v1/live/tickets")


def check_origin(connection: HTTPConnection, allowed: frozenset[str]) -> str:
    """Return the origin of the page behind a connection, empty for a program.

    Browsers let any page open a socket to anywhere and say only here which page it was (RFC 6455 section 10.2).

    Raises:
        Problem: 403, it is neither of this host nor allowed.
    """
    origin = connection.headers.get("origin", "")
    if not origin or origin in allowed or urlsplit(origin).netloc == connection.headers.get("host"):
        return origin
    detail = f"pages of {origin[:100]!r} may not listen here; the shop has to allow their origin"
    raise Problem(403, "origin_not_allowed", detail)
