"""Mail through an SMTP server (RFC 5321). One connection a mail: a shop sends a few an hour.

SMTP knows no idempotency: a crash between the server's 250 and our own record sends the mail again, with the same
Message-ID, by which most receivers show one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from connectors.clock.clock import Clock
from connectors.errors import ConnectorError, Misconfigured, Transient
from connectors.mail.port import OutgoingMail, Refused
from connectors.mail.rfc5322 import composed

if TYPE_CHECKING:
    import ssl


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """The server and how to speak to it. ``starttls`` refuses a server that does not offer it."""

    host: str
    port: int
    sender: str
    sender_name: str
    security: Literal["none", "starttls", "tls"] = "starttls"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout_s: float = 15.0
    tls_context: "ssl.SSLContext | None" = None


class SmtpMail:
    """A ``Mail`` over SMTP."""

    def __init__(self, settings: SmtpSettings, clock: Clock) -> None:
        if settings.username is not None and settings.security == "none" and not _is_loopback(settings.host):
            raise Misconfigured(f"SMTP {settings.host}: a password would cross the network in the clear; use starttls")
        self._settings = settings
        self._clock = clock

    async def send(self, message: OutgoingMail) -> str:
        """Hand the mail to the server; return its message id, which is the same on every try."""
        import aiosmtplib

        settings = self._settings
        mail = composed(message, settings.sender, settings.sender_name, self._clock.now())
        try:
            await aiosmtplib.send(
                mail,
                sender=settings.sender,
                recipients=[message.to],
                hostname=settings.host,
                port=settings.port,
                username=settings.username,
                password=settings.password,
                timeout=settings.timeout_s,
                use_tls=settings.security == "tls",
                start_tls=settings.security == "starttls",
                tls_context=settings.tls_context,
            )
        except (aiosmtplib.SMTPException, OSError) as error:
            raise _translated(error, f"SMTP {settings.host}:{settings.port}") from error
        return message.message_id


def _is_loopback(host: str) -> bool:
    return host in {"localhost", "127.0.0.1", "::1"}


def _translated(error: Exception, where: str) -> ConnectorError:
    import ssl

    import aiosmtplib

    if _caused_by(error, ssl.SSLError):
        return Misconfigured(f"{where}: TLS failed: {error}; check port, security and the server's certificate")
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        # The server's words repeat the address, which must not reach logs: the code says enough.
        codes = [one.code for one in error.recipients]
        return _by_code(codes, f"{where}: recipient refused with {codes}")
    # The library raises its bare base class when the server lacks STARTTLS or AUTH.
    if isinstance(error, aiosmtplib.SMTPNotSupported) or type(error) is aiosmtplib.SMTPException:
        return Misconfigured(f"{where}: {error}; the server does not offer what the settings ask for")
    if isinstance(error, aiosmtplib.SMTPResponseException):
        text = f"{where}: {error.code} {error.message}"
        login = isinstance(error, aiosmtplib.SMTPAuthenticationError | aiosmtplib.SMTPSenderRefused)
        if login and error.code >= 500:
            return Misconfigured(f"{text}; check user, password and sender")
        return _by_code([error.code], text)
    return Transient(f"{where}: {error}")


def _by_code(codes: Sequence[int], text: str) -> ConnectorError:
    """Sort by RFC 5321 section 4.2.1: 4yz is worth another try, 5yz is not."""
    return Refused(text, codes[0]) if codes and min(codes) >= 500 else Transient(text)


def _caused_by(error: BaseException | None, kind: type[BaseException]) -> bool:
    while error is not None:
        if isinstance(error, kind):
            return True
        error = error.__cause__ or error.__context__
    return False
