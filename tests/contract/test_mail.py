"""One suite for every mail adapter."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from pydantic import ValidationError

from connectors.clock.clock import SettableClock
from connectors.mail.file import FileMail
from connectors.mail.port import Mail, OutgoingMail
from connectors.mail.smtp import SmtpMail, SmtpSettings
from tests.support.fakes.smtp import smtp_server

CLOCK = SettableClock(datetime(2026, 3, 2, 9, 30, tzinfo=UTC))
HELLO = OutgoingMail(
    message_id="<4b1c-7@noizylab>",
    to="anna@example.org",
    to_name="Anna Müller, Köln",
    subject="Ihr Angebot für Gerät 12 ist fertig – 129,00 €, gültig bis 09.03.2026, bitte antworten Sie bald",
    text="Guten Tag,\n.\nIhr Angebot: https://shop.example/q?a=1&b=2\nGrüße\n",
)


@dataclass
class Case:
    """An adapter and what it handed over."""

    mail: Mail
    arrived: Callable[[], list[EmailMessage]]


def _file(path: Path) -> Iterator[Case]:
    def arrived() -> list[EmailMessage]:
        found = [message_from_bytes(one.read_bytes(), policy=policy.SMTP) for one in sorted(path.glob("*"))]
        return [mail for mail in found if isinstance(mail, EmailMessage)]

    yield Case(FileMail(path, sender="shop@example.com", sender_name="NoizyLab", clock=CLOCK), arrived)


def _smtp(path: Path) -> Iterator[Case]:
    with smtp_server() as server:
        settings = SmtpSettings(server.host, server.port, "shop@example.com", "NoizyLab", security="none", timeout_s=5)
        yield Case(SmtpMail(settings, CLOCK), lambda: server.mails)


@pytest.fixture(params=[_file, _smtp], ids=["file", "smtp"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    with contextmanager(request.param)(tmp_path / "outbox") as opened:
        yield opened


async def test_hands_over_every_part_when_text_is_not_ascii(case: Case) -> None:
    assert await case.mail.send(HELLO) == HELLO.message_id
    [mail] = case.arrived()
    assert mail["Subject"] == HELLO.subject
    assert mail["To"].addresses[0].display_name == "Anna Müller, Köln"
    assert mail["To"].addresses[0].addr_spec == "anna@example.org"
    assert mail["From"].addresses[0].addr_spec == "shop@example.com"
    assert mail["Message-ID"] == HELLO.message_id
    assert mail["Date"].datetime == CLOCK.now()
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content().replace("\r\n", "\n") == HELLO.text
    assert not mail.is_multipart()


async def test_offers_both_forms_when_there_is_html(case: Case) -> None:
    await case.mail.send(HELLO.model_copy(update={"html": "<p>Grüße</p>"}))
    [mail] = case.arrived()
    assert mail.get_content_type() == "multipart/alternative"
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().replace("\r\n", "\n") == HELLO.text
    assert html.get_content().strip() == "<p>Grüße</p>"


async def test_answers_the_same_id_when_a_message_is_sent_again(case: Case) -> None:
    first = await case.mail.send(HELLO)
    assert await case.mail.send(HELLO) == first
    assert {mail["Message-ID"] for mail in case.arrived()} == {HELLO.message_id}


async def test_keeps_messages_apart_when_ids_differ(case: Case) -> None:
    await case.mail.send(HELLO)
    await case.mail.send(HELLO.model_copy(update={"message_id": "<other@noizylab>"}))
    assert len(case.arrived()) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"message_id": "no-brackets@noizylab"},
        {"message_id": "<../../etc/passwd@noizylab>"},
        {"message_id": "<.hidden@noizylab>"},
        {"to": "anna"},
        {"to": "an..na@example.org"},
        {"to": "<anna@example.org"},
        {"to": "anna@-example.org"},
        {"to": "anna@example.org, eve@example.org"},
        {"to": "anna@example.org\r\nBcc: eve@example.org"},
        {"to_name": "Anna\nBcc: eve@example.org"},
        {"subject": "Hello\r\nBcc: eve@example.org"},
        {"subject": ""},
        {"text": ""},
    ],
)
def test_refuses_a_mail_when_a_part_could_become_another_header(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        OutgoingMail.model_validate(HELLO.model_dump() | wrong)
