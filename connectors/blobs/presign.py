"""Addresses that are rights: whoever holds one may read one object, or put one, at the gateway, until it expires.

::

    ConnectorError
    └── Permanent
        └── UrlError
            ├── UrlInvalid   not an address of ours: changed, cut short, or signed with another secret
            └── UrlExpired   ours, but its time is over
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from itsdangerous import BadData, URLSafeSerializer
from pydantic import TypeAdapter, ValidationError

from connectors.blobs.port import check_name
from connectors.clock.clock import Clock
from connectors.errors import Misconfigured, Permanent
from connectors.links.signer import MIN_SECRET_CHARACTERS
from schemas.core.blob_ref import BlobRef

LONGEST = timedelta(days=7)
"""What S3 allows as well."""
_SALT = "noizylab.blob.url.v1"
_MAX_TOKEN_CHARACTERS = 4096


class UrlError(Permanent):
    """An address that opens nothing."""


class UrlInvalid(UrlError):
    """The token was not signed by us, or was damaged on its way."""


class UrlExpired(UrlError):
    """The token was good until a moment that has passed."""


@dataclass(frozen=True, slots=True)
class MayGet:
    """The right to read one object; its hash is part of the right."""

    ref: BlobRef


@dataclass(frozen=True, slots=True)
class MayPut:
    """The right to store one object of this media type, of at most ``max_bytes``."""

    bucket: str
    key: str
    media_type: str
    max_bytes: int


_GET: TypeAdapter[tuple[Literal["GET"], int, BlobRef]] = TypeAdapter(tuple[Literal["GET"], int, BlobRef])
_PUT: TypeAdapter[tuple[Literal["PUT"], int, str, str, str, int]] = TypeAdapter(
    tuple[Literal["PUT"], int, str, str, str, int]
)


class BlobUrls:
    """Signs and reads addresses with HMAC-SHA-256. Of several ``secrets``, oldest first, the newest signs."""

    def __init__(self, secrets: str | Sequence[str], base_url: str, clock: Clock) -> None:
        listed = [secrets] if isinstance(secrets, str) else list(secrets)
        if not listed or any(len(secret) < MIN_SECRET_CHARACTERS for secret in listed):
            raise Misconfigured(f"a link secret needs at least {MIN_SECRET_CHARACTERS} characters; make a random one")
        self._base_url = base_url.rstrip("/")
        self._clock = clock
        self._serializer = URLSafeSerializer(
            listed, salt=_SALT, signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"}
        )

    def get_url(self, ref: BlobRef, expires_in: timedelta) -> str:
        """Return an address that gives the object to whoever asks with GET."""
        return self._url(["GET", self._until(expires_in), ref.model_dump()])

    def put_url(self, bucket: str, key: str, media_type: str, *, max_bytes: int, expires_in: timedelta) -> str:
        """Return an address that takes one object with PUT.

        Raises:
            InvalidBlobName: a name or media type that the put would be refused for.
        """
        check_name(bucket, key, media_type)
        return self._url(["PUT", self._until(expires_in), bucket, key, media_type, max_bytes])

    def read(self, token: str) -> MayGet | MayPut:
        """Return what a token allows.

        Raises:
            UrlInvalid: not signed by us, or damaged.
            UrlExpired: its time is over.
        """
        if len(token) > _MAX_TOKEN_CHARACTERS:
            raise UrlInvalid(f"the address has {len(token)} characters; ours are shorter, copy it again")
        try:
            payload = self._serializer.loads(token)
            right, expires_at = _right(payload)
        except (BadData, TypeError, ValueError, ValidationError) as error:
            raise UrlInvalid("the address is damaged or incomplete; ask for a new one") from error
        if self._clock.now().timestamp() >= expires_at:
            raise UrlExpired("the time of this address is over; ask for a new one")
        return right

    def _url(self, payload: list[object]) -> str:
        signed = self._serializer.dumps(payload)
        token = signed if isinstance(signed, str) else signed.decode()
        return f"{self._base_url}/blobs/{token}"

    def _until(self, expires_in: timedelta) -> int:
        if not timedelta(0) < expires_in <= LONGEST:
            raise ValueError(f"an address is good for a moment up to {LONGEST.days} days, not for {expires_in}")
        return int((self._clock.now() + expires_in).timestamp())


class ThroughGateway:
    """The part of a store that gives out addresses: they lead to the gateway. Without ``_urls`` there are none.

    Raises:
        Misconfigured: the store was opened without what signs.
    """

    _urls: BlobUrls | None

    async def presign_get(self, ref: BlobRef, expires_in: timedelta) -> str:
        """Return an address at the gateway."""
        return self._needed().get_url(ref, expires_in)

    async def presign_put(
        self, bucket: str, key: str, media_type: str, *, max_bytes: int, expires_in: timedelta
    ) -> str:
        """Return an address at the gateway."""
        return self._needed().put_url(bucket, key, media_type, max_bytes=max_bytes, expires_in=expires_in)

    def _needed(self) -> BlobUrls:
        if self._urls is None:
            raise Misconfigured("this store was opened without a link secret; open it with one to give out addresses")
        return self._urls


def _right(payload: object) -> tuple[MayGet | MayPut, int]:
    if isinstance(payload, list) and payload[:1] == ["GET"]:
        _, expires_at, ref = _GET.validate_python(payload)
        return MayGet(ref), expires_at
    _, expires_at, bucket, key, media_type, max_bytes = _PUT.validate_python(payload)
    return MayPut(bucket, key, media_type, max_bytes), expires_at
