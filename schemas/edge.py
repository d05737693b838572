"""What the replicas of the edge tell each other about requests that are to be answered once."""

from typing import ClassVar
from uuid import UUID

from schemas.audit import Base64
from schemas.core.ids import Sha256
from schemas.core.message import Event
from schemas.core.time import UtcTime


class RequestClaimed(Event):
    """A replica is about to do what a request asks for. The first claim of a key in the log holds until ``held_until``.

    ``request_key`` is an HMAC of the caller and of its idempotency key, so neither lies in the log.
    """

    TYPE: ClassVar[str] = "noizylab.request.claimed.v1"

    request_key: Sha256
    claim_id: UUID
    claimed_at: UtcTime
    held_until: UtcTime


class RequestAnswered(Event):
    """A claimed request was answered.

    ``sealed`` is the answer, under a key made of a secret of the shop, the caller and its idempotency key; None
    when the answer is not to be repeated, because it was no final one. ``fingerprint`` is an HMAC of what was asked
    for; None when the request was refused before it had been read.
    """

    TYPE: ClassVar[str] = "noizylab.request.answered.v1"

    request_key: Sha256
    claim_id: UUID
    answered_at: UtcTime
    fingerprint: Sha256 | None = None
    sealed: Base64 | None = None
