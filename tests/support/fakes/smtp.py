"""An SMTP server in this process (aiosmtpd): login, scripted answers, and every mail it took."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER = "shop"
PASSWORD = "shop-password"


@dataclass
class SmtpFake:
    """What arrived, and what to answer instead of accepting: by recipient, by sender, or to the data."""

    host: str = "127.0.0.1"
    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    tls: list[bool] = field(default_factory=list)
    recipient_answers: dict[str, str] = field(default_factory=dict)
    sender_answer: str | None = None
    data_answers: list[str] = field(default_factory=list)

    async def handle_MAIL(  # noqa: N802 - the server calls it by this name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.sender_answer is not None:
            return self.sender_answer
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.recipient_answers:
            return self.recipient_answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.data_answers:
            return self.data_answers.pop(0)
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.SMTP)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.tls.append(session.ssl is not None)
        return "250 OK queued"


class _OnAnyPort(Controller):
    """A controller that reads back the port the system chose; the stock one would knock at port 0."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def smtp_server(*, login: bool = False, tls: ssl.SSLContext | None = None) -> Iterator[SmtpFake]:
    """Serve SMTP on loopback; with ``tls`` it offers STARTTLS."""
    fake = SmtpFake()
    controller = _OnAnyPort(
        fake,
        hostname="127.0.0.1",
        port=0,
        authenticator=_authenticate if login else None,
        auth_require_tls=False,
        tls_context=tls,
    )
    controller.start()
    fake.port = controller.port
    try:
        yield fake
    finally:
        controller.stop()


def _authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=right, handled=right)
