"""Notify from a command to a file in the outbox, over real connectors and without a broker."""

from collections.abc import Iterator
from datetime import UTC, datetime, time
from pathlib import Path
from uuid import UUID

import orjson
import pytest

from connectors.blobs.local import LocalBlobs
from connectors.clock.clock import SettableClock
from connectors.links.signer import LinkSigner
from connectors.mail.file import FileMail
from connectors.mail.smtp import SmtpMail, SmtpSettings
from connectors.sms.file import FileSms
from connectors.vault.master_key import MasterKey
from connectors.vault.port import Contact, QuietHours
from connectors.vault.sealed import SealedVault
from processors.notify.agent import wire
from processors.notify.config import Policy
from schemas.notifications import (
    NotificationDeferred,
    NotificationFailed,
    NotificationSent,
    NotifyCustomer,
    OutboxView,
    SendDue,
)
from tests.support.driver import Driver
from tests.support.fakes.smtp import SmtpFake, smtp_server

SIGNER = LinkSigner("a secret of the shop", "https://shop.example")
EVENING = datetime(2026, 3, 2, 23, 0, tzinfo=UTC)
WISH = NotifyCustomer(ticket_id="T-1001", customer_id="C-1001", template="quote_ready", values={"quote_hash": "5" * 64})
ANNA = Contact(
    customer_id="C-1001",
    name="Anna",
    mail="anna@example.org",
    phone="+4915112345678",
    quiet_hours=QuietHours(time_zone="UTC", start=time(22), end=time(7)),
)
ID = UUID("018f0000-0000-7000-8000-000000000001")


@pytest.fixture
def vault(tmp_path: Path) -> SealedVault:
    return SealedVault(LocalBlobs(tmp_path / "blobs"), MasterKey(b"k" * 32))


def _driver(vault: SealedVault, outbox: Path, clock: SettableClock, *, redeliver: bool = True) -> Driver:
    mail = FileMail(outbox / "mail", sender="shop@example.com", sender_name="NoizyLab", clock=clock)
    sms = FileSms(outbox / "sms", sender="NoizyLab", clock=clock)
    return Driver(lambda app: wire(app, vault, mail, SIGNER, Policy(), sms), "notify", clock=clock, redeliver=redeliver)


async def test_keeps_one_mail_and_one_fact_when_a_wish_is_redelivered(vault: SealedVault, tmp_path: Path) -> None:
    await vault.put(ANNA)
    driver = _driver(vault, tmp_path, SettableClock(EVENING))
    await driver.pipe(WISH, id=ID)
    [event] = driver.read(NotificationSent)
    assert (event.provider_id, event.channel) == (f"<{ID}@noizylab>", "mail")
    [path] = (tmp_path / "mail").iterdir()
    assert path.name == f"{ID}@noizylab.eml"
    assert b"https://shop.example/a/" in path.read_bytes()
    assert driver.dead() == []


async def test_sends_the_same_message_id_when_a_crash_lost_the_record_of_it(vault: SealedVault, tmp_path: Path) -> None:
    await vault.put(ANNA)
    for _ in range(2):
        driver = _driver(vault, tmp_path, SettableClock(EVENING))
        await driver.pipe(WISH, id=ID)
        assert len(driver.read(NotificationSent)) == 1
    assert len(list((tmp_path / "mail").iterdir())) == 1


async def test_sends_in_the_morning_when_the_evening_is_quiet(vault: SealedVault, tmp_path: Path) -> None:
    await vault.put(ANNA.model_copy(update={"channels": ("sms",)}))
    clock = SettableClock(EVENING)
    driver = _driver(vault, tmp_path, clock)
    await driver.pipe(WISH, id=ID)
    [waiting] = driver.read(NotificationDeferred)
    assert not (tmp_path / "sms").exists()
    driver.restart()
    clock.advance(waiting.not_before - EVENING)
    await driver.pipe(SendDue(ticket_id="T-1001", notification_id=str(ID)))
    assert [event.channel for event in driver.read(NotificationSent)] == ["sms"]
    [file] = (tmp_path / "sms").iterdir()
    assert orjson.loads(file.read_bytes())["to"] == "+4915112345678"
    view = driver.views()["T-1001"]
    assert isinstance(view, OutboxView)
    assert [entry.status for entry in view.entries] == ["sent"]


async def test_lets_the_customer_sleep_when_a_wish_of_the_afternoon_is_read_at_night(
    vault: SealedVault, tmp_path: Path
) -> None:
    await vault.put(ANNA.model_copy(update={"channels": ("sms",)}))
    driver = _driver(vault, tmp_path, SettableClock(EVENING))
    await driver.pipe(WISH, at=EVENING.replace(hour=15))
    assert len(driver.read(NotificationDeferred)) == 1


async def test_says_nobody_is_there_when_the_customer_was_erased(vault: SealedVault, tmp_path: Path) -> None:
    await vault.put(ANNA)
    await vault.erase("C-1001")
    driver = _driver(vault, tmp_path, SettableClock(EVENING))
    await driver.pipe(WISH)
    assert [event.reason for event in driver.read(NotificationFailed)] == ["no_contact"]


async def test_writes_no_address_to_the_log_when_sending_deferring_or_failing(
    vault: SealedVault, tmp_path: Path
) -> None:
    driver = _driver(vault, tmp_path, SettableClock(EVENING), redeliver=False)
    for channels in (("mail",), ("sms",), ("push",)):
        await vault.put(ANNA.model_copy(update={"channels": channels}))
        await driver.pipe(WISH)
    assert len(driver.log.records) == 6
    written = b"".join((record.value or b"") + repr(record.headers).encode() for record in driver.log.records)
    for secret in (b"anna", b"Anna", b"15112345678", b"https://shop.example"):
        assert secret not in written


@pytest.fixture
def server() -> Iterator[SmtpFake]:
    with smtp_server() as fake:
        yield fake


async def test_records_a_refusal_when_the_mail_server_knows_no_such_address(
    vault: SealedVault, server: SmtpFake
) -> None:
    await vault.put(ANNA)
    server.recipient_answers["anna@example.org"] = "550 no such user anna"
    settings = SmtpSettings(server.host, server.port, "shop@example.com", "NoizyLab", security="none", timeout_s=5)
    clock = SettableClock(EVENING)
    driver = Driver(lambda app: wire(app, vault, SmtpMail(settings, clock), SIGNER, Policy()), "notify", clock=clock)
    await driver.pipe(WISH)
    [event] = driver.read(NotificationFailed)
    assert (event.reason, "(550)" in event.detail, "anna" in event.detail) == ("channel_refused", True, False)
