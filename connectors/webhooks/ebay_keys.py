"""eBay's public keys over its Notification API, each kept for an hour, as eBay asks.

``POST /identity/v1/oauth2/token`` gives an application token, ``GET /commerce/notification/v1/public_key/{id}`` a key.
"""

import re
from base64 import b64decode
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, cast

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from connectors.clock.clock import Clock
from connectors.errors import Misconfigured, Transient
from connectors.webhooks.ebay import EbayKey

KEPT = timedelta(hours=1)
MOST_KEYS = 100
"""Key ids come from whoever sends a request: what is remembered of them is bounded."""
_PEM = re.compile(r"-----BEGIN PUBLIC KEY-----|-----END PUBLIC KEY-----|\s")


@dataclass(frozen=True, slots=True)
class EbayApplication:
    """The shop's application at eBay."""

    client_id: str
    client_secret: str = field(repr=False)
    base_url: str = "https://api.ebay.com"
    timeout_s: float = 5.0


class HttpEbayKeys:
    """``EbayKeys`` over HTTPS. A key that eBay does not have is remembered as well."""

    def __init__(self, application: EbayApplication, clock: Clock) -> None:
        self._application = application
        self._clock = clock
        self._kept: dict[str, tuple[datetime, EbayKey | None]] = {}

    async def get(self, key_id: str) -> EbayKey | None:
        """See :class:`EbayKeys`."""
        now = self._clock.now()
        known = self._kept.get(key_id)
        if known is not None and now - known[0] < KEPT:
            return known[1]
        found = await self._fetch(key_id)
        if len(self._kept) >= MOST_KEYS:
            del self._kept[min(self._kept, key=lambda one: self._kept[one][0])]
        self._kept[key_id] = now, found
        return found

    async def _fetch(self, key_id: str) -> EbayKey | None:
        application = self._application
        where = f"eBay at {application.base_url}"
        try:
            async with httpx.AsyncClient(
                base_url=application.base_url, timeout=application.timeout_s, trust_env=False
            ) as client:
                token = await self._token(client)
                headers = {"Authorization": f"Bearer {token}"}
                answer = await client.get(f"/commerce/notification/v1/public_key/{key_id}", headers=headers)
        except httpx.HTTPError as error:
            raise Transient(f"{where}: {type(error).__name__}; its public key cannot be had now") from error
        if answer.status_code in {400, 404}:
            return None
        return _read(_json(answer, where), where)

    async def _token(self, client: httpx.AsyncClient) -> str:
        application = self._application
        answer = await client.post(
            "/identity/v1/oauth2/token",
            auth=(application.client_id, application.client_secret),
            data={"grant_type": "client_credentials", "scope": "https://api.ebay.com/oauth/api_scope"},
        )
        return str(_json(answer, f"eBay at {application.base_url}").get("access_token", ""))


def _json(answer: httpx.Response, where: str) -> dict[str, Any]:
    if answer.status_code in {401, 403}:
        raise Misconfigured(f"{where} refuses the application; check NOIZYLAB_EBAY_CLIENT_ID and _SECRET")
    try:
        answer.raise_for_status()
        return cast(dict[str, Any], answer.json())
    except (httpx.HTTPStatusError, ValueError) as error:
        raise Transient(f"{where}: answer {answer.status_code}, which is none of its own; try again") from error


def _read(data: dict[str, Any], where: str) -> EbayKey:
    try:
        key = load_der_public_key(b64decode(_PEM.sub("", str(data["key"])), validate=True))
    except (KeyError, ValueError) as error:
        raise Transient(f"{where}: what it gave is no public key; try again") from error
    digest = str(data.get("digest", "SHA1")).replace("-", "").upper()
    if not isinstance(key, ec.EllipticCurvePublicKey) or digest not in {"SHA1", "SHA256"}:
        raise Transient(f"{where}: a key of a kind that is not known here; look for a newer release of this software")
    return EbayKey(key, cast(Literal["SHA1", "SHA256"], digest))
