import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.clock.clock import SettableClock
from connectors.errors import Misconfigured
from connectors.mail.file import FileMail
from connectors.mail.port import OutgoingMail

CLOCK = SettableClock(datetime(2026, 3, 2, 9, 30, tzinfo=UTC))
HELLO = OutgoingMail(message_id="<4b1c@noizylab>", to="anna@example.org", subject="Hello", text="Hello\n")


def _mail(path: Path) -> FileMail:
    return FileMail(path, sender="shop@example.com", sender_name="NoizyLab", clock=CLOCK)


async def test_keeps_the_first_file_when_a_message_is_sent_again(tmp_path: Path) -> None:
    await _mail(tmp_path).send(HELLO)
    before = (tmp_path / "4b1c@noizylab.eml").read_bytes()
    await _mail(tmp_path).send(HELLO.model_copy(update={"text": "Changed\n"}))
    assert (tmp_path / "4b1c@noizylab.eml").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


async def test_writes_one_complete_file_when_ten_workers_send_the_same(tmp_path: Path) -> None:
    await asyncio.gather(*(_mail(tmp_path).send(HELLO) for _ in range(10)))
    [path] = tmp_path.iterdir()
    assert path.read_bytes().endswith(b"Hello\r\n")


async def test_is_misconfigured_when_the_outbox_cannot_be_a_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Misconfigured, match="give this user a directory"):
        await _mail(tmp_path / "file").send(HELLO)
