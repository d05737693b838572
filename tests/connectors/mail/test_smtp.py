import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors.clock.clock import SettableClock
from connectors.errors import Misconfigured, Transient
from connectors.mail.port import OutgoingMail, Refused
from connectors.mail.smtp import SmtpMail, SmtpSettings
from tests.support.fakes.smtp import PASSWORD, USER, SmtpFake, smtp_server

CLOCK = SettableClock(datetime(2026, 3, 2, 9, 30, tzinfo=UTC))
HELLO = OutgoingMail(message_id="<4b1c@noizylab>", to="anna@example.org", subject="Hello", text="Hello\n")


@pytest.fixture
def server() -> Iterator[SmtpFake]:
    with smtp_server() as fake:
        yield fake


def _mail(server: SmtpFake, **settings: object) -> SmtpMail:
    given = {"security": "none", "timeout_s": 5.0} | settings
    return SmtpMail(SmtpSettings(server.host, server.port, "shop@example.com", "NoizyLab", **given), CLOCK)


@pytest.mark.parametrize(("answer", "expected"), [("550 anna: no such user", Refused), ("450 try later", Transient)])
async def test_sorts_a_refused_recipient_when_the_server_answers(
    server: SmtpFake, answer: str, expected: type[Exception]
) -> None:
    server.recipient_answers["anna@example.org"] = answer
    with pytest.raises(expected, match=rf"recipient refused with \[{answer[:3]}\]") as caught:
        await _mail(server).send(HELLO)
    assert type(caught.value) is expected
    assert "anna" not in str(caught.value)
    assert server.mails == []


@pytest.mark.parametrize(("answer", "expected"), [("554 spam", Refused), ("451 busy", Transient)])
async def test_sorts_a_refused_text_when_the_server_answers(
    server: SmtpFake, answer: str, expected: type[Exception]
) -> None:
    server.data_answers = [answer]
    with pytest.raises(expected, match=f"{answer}"):
        await _mail(server).send(HELLO)
    await _mail(server).send(HELLO)
    assert len(server.mails) == 1


async def test_is_misconfigured_when_the_sender_is_refused(server: SmtpFake) -> None:
    server.sender_answer = "553 not your address"
    with pytest.raises(Misconfigured, match="553 not your address; check user, password and sender"):
        await _mail(server).send(HELLO)


async def test_logs_in_when_it_has_a_password() -> None:
    with smtp_server(login=True) as server:
        await _mail(server, username=USER, password=PASSWORD).send(HELLO)
        assert len(server.mails) == 1
        with pytest.raises(Misconfigured, match="535"):
            await _mail(server, username=USER, password="wrong").send(HELLO)


async def test_is_transient_when_nobody_listens() -> None:
    with smtp_server() as gone:
        mail = _mail(gone)
    with pytest.raises(Transient, match=f"SMTP 127.0.0.1:{gone.port}"):
        await mail.send(HELLO)


async def test_is_misconfigured_when_the_server_offers_no_starttls(server: SmtpFake) -> None:
    with pytest.raises(Misconfigured, match="does not offer"):
        await _mail(server, security="starttls").send(HELLO)
    assert server.mails == []


async def test_encrypts_when_the_server_offers_starttls(tmp_path: Path) -> None:
    served, trusting = _contexts(tmp_path)
    with smtp_server(tls=served) as server:
        await _mail(server, security="starttls", tls_context=trusting).send(HELLO)
        assert server.tls == [True]
        with pytest.raises(Misconfigured, match="TLS failed"):
            await _mail(server, security="starttls").send(HELLO)


async def test_is_misconfigured_when_the_port_speaks_no_tls(server: SmtpFake) -> None:
    with pytest.raises(Misconfigured, match="TLS failed"):
        await _mail(server, security="tls").send(HELLO)


def test_refuses_a_password_in_the_clear_when_the_server_is_elsewhere() -> None:
    with pytest.raises(Misconfigured, match="use starttls"):
        SmtpMail(SmtpSettings("mail.example.com", 25, "a@example.com", "A", "none", "user", "hush"), CLOCK)
    assert "hush" not in repr(SmtpSettings("mail.example.com", 25, "a@example.com", "A", "none", "user", "hush"))


def _contexts(directory: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a fresh certificate for 127.0.0.1, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = directory / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(pem)
    return served, ssl.create_default_context(cafile=pem)
