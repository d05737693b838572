"""Signed links to a quote, a ledger or an inspection. Whoever holds one may answer that quote, or read the other:
nothing else.

::

    ConnectorError
    └── Permanent
        └── LinkError
            ├── LinkInvalid   not a link of ours: changed, cut short, or signed with another secret
            └── LinkExpired   ours, but its time is over

A link is a pure function of what it is for: signing the same quote twice gives the same address, so a replay of the
flow that mails it writes the same message.
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from itsdangerous import BadData, URLSafeSerializer
from pydantic import TypeAdapter, ValidationError

from connectors.errors import Misconfigured, Permanent
from schemas.core.ids import Sha256, TicketId

APPROVE_SALT = "noizylab.link.approve.v1"
LEDGER_SALT = "noizylab.link.ledger.v1"
INSPECTION_SALT = "noizylab.link.inspection.v1"
"""Names the action. A token signed for one action does not open another, because the salt is part of its key."""
MIN_SECRET_CHARACTERS = 16
_MAX_TOKEN_CHARACTERS = 1024

_TICKET_ID: TypeAdapter[str] = TypeAdapter(TicketId)
_SHA256: TypeAdapter[str] = TypeAdapter(Sha256)
_INSPECTION: TypeAdapter[tuple[TicketId, int]] = TypeAdapter(tuple[TicketId, int])


class LinkError(Permanent):
    """A link that opens nothing."""


class LinkInvalid(LinkError):
    """The token was not signed by us for this action, or was damaged on its way."""


class LinkExpired(LinkError):
    """The token was good until a moment that has passed."""


@dataclass(frozen=True, slots=True)
class LinkClaims:
    """What a token allows: to answer the quote with this hash, of this ticket, before ``expires_at`` (UTC)."""

    action: Literal["approve"]
    ticket_id: str
    quote_hash: str
    expires_at: datetime | None


class LinkSigner:
    """Signs and reads links with HMAC-SHA-256 (itsdangerous).

    ``secrets`` may be several, oldest first: the newest signs, all of them are accepted, so a secret can be changed
    without breaking links that are on their way. ``base_url`` is the public address of the gateway.
    """

    def __init__(self, secrets: str | Sequence[str], base_url: str) -> None:
        listed = [secrets] if isinstance(secrets, str) else list(secrets)
        if not listed or any(len(secret) < MIN_SECRET_CHARACTERS for secret in listed):
            raise Misconfigured(f"a link secret needs at least {MIN_SECRET_CHARACTERS} characters; make a random one")
        if not base_url.startswith(("http://", "https://")):
            raise Misconfigured(f"the links' base URL {base_url!r} must begin with http:// or https://")
        self._base_url = base_url.rstrip("/")
        self._serializer = _serializer(listed, APPROVE_SALT)
        self._ledgers = _serializer(listed, LEDGER_SALT)
        self._inspections = _serializer(listed, INSPECTION_SALT)

    @property
    def base_url(self) -> str:
        """Return the public address of the gateway, without a slash at its end."""
        return self._base_url

    def approve_url(self, ticket_id: str, quote_hash: str, *, expires_at: datetime | None = None) -> str:
        """Return the address of the page on which the customer answers a quote. Pure: no clock, no randomness.

        Give the quote's ``valid_until`` as ``expires_at``. Without it the token itself has no end, and the quote's
        own validity, which the page and the pricing both check, is the only one.
        """
        return f"{self._base_url}/a/{self.token(ticket_id, quote_hash, expires_at=expires_at)}"

    def token(self, ticket_id: str, quote_hash: str, *, expires_at: datetime | None = None) -> str:
        """Return the signed token alone. The hash travels as 32 bytes in base64: links end in text messages.

        Raises:
            ValueError: not a ticket id or not a SHA-256 in lower-case hexadecimal.
        """
        _TICKET_ID.validate_python(ticket_id)
        digest = bytes.fromhex(_SHA256.validate_python(quote_hash))
        short = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        expiry = None if expires_at is None else int(expires_at.timestamp())
        signed = self._serializer.dumps([ticket_id, short, expiry])
        return signed if isinstance(signed, str) else signed.decode()

    def read(self, token: str, *, now: datetime) -> LinkClaims:
        """Return what a token allows.

        Raises:
            LinkInvalid: not signed by us, or damaged.
            LinkExpired: its time is over.
        """
        if len(token) > _MAX_TOKEN_CHARACTERS:
            raise LinkInvalid(f"the link has {len(token)} characters; ours are shorter, copy it again")
        try:
            claims = _claims(self._serializer.loads(token))
        except (BadData, TypeError, ValueError, OverflowError, OSError, binascii.Error, ValidationError) as error:
            raise LinkInvalid("the link is damaged or incomplete; copy it again from the message") from error
        if claims.expires_at is not None and now >= claims.expires_at:
            raise LinkExpired(f"the link was good until {claims.expires_at:%Y-%m-%d %H:%M} UTC; ask for a new one")
        return claims

    def ledger_url(self, ticket_id: str) -> str:
        """Return the address of the page that shows who opened the passcode of a ticket's device. It has no end."""
        signed = self._ledgers.dumps(_TICKET_ID.validate_python(ticket_id))
        return f"{self._base_url}/p/{signed if isinstance(signed, str) else signed.decode()}"

    def read_ledger(self, token: str) -> str:
        """Return the ticket whose ledger a token opens.

        Raises:
            LinkInvalid: not signed by us for this, or damaged.
        """
        try:
            if len(token) <= _MAX_TOKEN_CHARACTERS:
                return _TICKET_ID.validate_python(self._ledgers.loads(token))
        except (BadData, ValidationError) as error:
            raise LinkInvalid("the link is damaged or incomplete; copy it again from where it was") from error
        raise LinkInvalid(f"the link has {len(token)} characters; ours are shorter, copy it again")

    def inspection_url(self, ticket_id: str, *, expires_at: datetime) -> str:
        """Return the address of the page that shows the newest inspection of a ticket, good until ``expires_at``."""
        signed = self._inspections.dumps([_TICKET_ID.validate_python(ticket_id), int(expires_at.timestamp())])
        return f"{self._base_url}/i/{signed if isinstance(signed, str) else signed.decode()}"

    def read_inspection(self, token: str, *, now: datetime) -> str:
        """Return the ticket whose inspection a token opens.

        Raises:
            LinkInvalid: not signed by us for this, or damaged.
            LinkExpired: its time is over.
        """
        if len(token) > _MAX_TOKEN_CHARACTERS:
            raise LinkInvalid(f"the link has {len(token)} characters; ours are shorter, copy it again")
        try:
            ticket_id, expiry = _INSPECTION.validate_python(self._inspections.loads(token))
        except (BadData, ValidationError) as error:
            raise LinkInvalid("the link is damaged or incomplete; copy it again from where it was") from error
        if now.timestamp() >= expiry:
            raise LinkExpired("the link was good for a working day; read the inspection again for a new one")
        return ticket_id


def _serializer(secrets: list[str], salt: str) -> URLSafeSerializer:
    options = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}
    return URLSafeSerializer(secrets, salt=salt, signer_kwargs=options)


def _claims(payload: object) -> LinkClaims:
    if not isinstance(payload, list) or len(payload) != 3:
        raise ValueError("a link's payload has three parts")
    ticket_id, short, expiry = payload
    digest = base64.urlsafe_b64decode(short + "=" * (-len(short) % 4)).hex()
    return LinkClaims(
        action="approve",
        ticket_id=_TICKET_ID.validate_python(ticket_id),
        quote_hash=_SHA256.validate_python(digest),
        expires_at=None if expiry is None else datetime.fromtimestamp(int(expiry), UTC),
    )
