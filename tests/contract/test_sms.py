"""One suite for every text-message adapter."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from pydantic import ValidationError

from connectors.clock.clock import SettableClock
from connectors.sms.file import FileSms
from connectors.sms.port import OutgoingSms, Sms
from connectors.sms.twilio import TwilioSettings, TwilioSms
from tests.support.fakes.twilio import ACCOUNT, TOKEN, twilio_server

CLOCK = SettableClock(datetime(2026, 3, 2, 9, 30, tzinfo=UTC))
HELLO = OutgoingSms(message_id="<4b1c@noizylab>", to="+4915112345678", text="Grüße & 129,00 € = 1+1 😀")


@dataclass
class Case:
    """An adapter and what it handed over, as (to, text)."""

    sms: Sms
    arrived: Callable[[], list[tuple[str, str]]]


def _file(path: Path) -> Iterator[Case]:
    def arrived() -> list[tuple[str, str]]:
        found = [orjson.loads(one.read_bytes()) for one in sorted(path.glob("*"))]
        return [(one["to"], one["text"]) for one in found]

    yield Case(FileSms(path, sender="NoizyLab", clock=CLOCK), arrived)


def _twilio(path: Path) -> Iterator[Case]:
    with twilio_server() as server:
        sms = TwilioSms(TwilioSettings(ACCOUNT, TOKEN, "+4930123456", server.base_url, timeout_s=5))
        yield Case(sms, lambda: [(one["To"], one["Body"]) for one in server.messages])


@pytest.fixture(params=[_file, _twilio], ids=["file", "twilio"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    with contextmanager(request.param)(tmp_path / "outbox") as opened:
        yield opened


async def test_hands_over_number_and_text_when_text_is_not_ascii(case: Case) -> None:
    assert await case.sms.send(HELLO)
    assert case.arrived() == [(HELLO.to, HELLO.text)]


async def test_keeps_messages_apart_when_ids_differ(case: Case) -> None:
    first = await case.sms.send(HELLO)
    second = await case.sms.send(HELLO.model_copy(update={"message_id": "<other@noizylab>"}))
    assert first != second
    assert len(case.arrived()) == 2


async def test_takes_the_longest_text_when_carriers_still_join_it(case: Case) -> None:
    await case.sms.send(OutgoingSms(message_id="<long@noizylab>", to=HELLO.to, text="x" * 1600))
    assert len(case.arrived()[0][1]) == 1600


@pytest.mark.parametrize(
    "wrong", [{"to": "0151 123"}, {"to": "+49 151"}, {"text": ""}, {"text": "x" * 1601}, {"text": "a\0"}]
)
def test_refuses_a_message_when_no_carrier_would_take_it(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        OutgoingSms.model_validate(HELLO.model_dump() | wrong)
