"""Text messages through Twilio's Messages API.

Twilio takes no idempotency key: a crash between its answer and our own record can send a message twice.
"""

import asyncio
import logging
from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from connectors.errors import ConnectorError, Misconfigured, Transient
from connectors.mail.port import Refused
from connectors.sms.port import OutgoingSms

if TYPE_CHECKING:
    from twilio.http.async_http_client import AsyncTwilioHttpClient

BASE_URL = "https://api.twilio.com"
_SENDER_AT_FAULT = frozenset({21212, 21603, 21606, 21659, 21660, 21661, 21703, 21712})
"""Codes that blame the sending number or service: another message would fare no better."""
_SILENT = logging.Logger("twilio.silent", level=logging.CRITICAL + 1)
"""The SDK logs the form of every request: number and text must not reach logs."""


@dataclass(frozen=True, slots=True)
class TwilioSettings:
    """The account and who sends: a number in E.164, an alphanumeric sender id, or a messaging service (``MG…``)."""

    account_sid: str
    auth_token: str = field(repr=False)
    sender: str
    base_url: str = BASE_URL
    timeout_s: float = 15.0


class TwilioSms:
    """An ``Sms`` over Twilio. One connection a message: a shop sends a few an hour."""

    def __init__(self, settings: TwilioSettings) -> None:
        self._settings = settings

    async def send(self, message: OutgoingSms) -> str:
        """Create the message at Twilio; return its SID, under which delivery reports come."""
        import aiohttp
        from twilio.base.exceptions import TwilioException
        from twilio.rest import Client

        settings = self._settings
        service = settings.sender.startswith("MG")
        sender = {"messaging_service_sid": settings.sender} if service else {"from_": settings.sender}
        where = f"Twilio at {settings.base_url}"
        try:
            async with asyncio.timeout(settings.timeout_s), _http_client(settings.base_url) as http_client:
                client = Client(settings.account_sid, settings.auth_token, http_client=http_client)
                created = await client.messages.create_async(to=message.to, body=message.text, **sender)
        except TwilioException as error:
            raise _translated(error, where) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Transient(
                f"{where}: {type(error).__name__}; the answer did not come, or was none of Twilio's"
            ) from error
        if not created.sid:
            raise Transient(f"{where}: the answer names no message; it was none of Twilio's")
        return str(created.sid)


def _http_client(base_url: str) -> "AsyncTwilioHttpClient":
    """Return the SDK's client, sending to ``base_url``: the SDK itself can only change parts of Twilio's host name."""
    from twilio.http.async_http_client import AsyncTwilioHttpClient

    target = urlsplit(base_url)

    class Rebased(AsyncTwilioHttpClient):  # type: ignore[misc]  # the SDK is untyped
        async def request(self, method: str, url: str, *, auth: tuple[str, str], headers: Any, **rest: Any) -> Any:
            there = urlsplit(url)._replace(scheme=target.scheme, netloc=target.netloc)
            # The SDK hands a pair to aiohttp in a form that aiohttp gives up; a header is the same on the wire.
            token = b64encode(":".join(auth).encode()).decode()
            signed = headers | {"Authorization": f"Basic {token}"}
            return await super().request(method, urlunsplit(there), headers=signed, **rest)

    return Rebased(logger=_SILENT)


def _translated(error: Exception, where: str) -> ConnectorError:
    """Sort an answer. The text keeps Twilio's code and leaves its words out, since they quote the number."""
    status, code = getattr(error, "status", None), getattr(error, "code", None)
    text = f"{where}: answer {status}, error {code}"
    if not isinstance(status, int):
        return Misconfigured(f"{where}: {type(error).__name__}; set account SID and token")
    if status == 429 or status >= 500:
        return Transient(text)
    if status in {401, 403, 404} or code in _SENDER_AT_FAULT:
        return Misconfigured(f"{text}; check account SID, token, sender and the account's permissions")
    return Refused(text, code if isinstance(code, int) else status)
