import logging
import os
from collections.abc import Iterator

import pytest

from connectors.errors import Misconfigured, Transient
from connectors.mail.port import Refused
from connectors.sms.port import OutgoingSms
from connectors.sms.twilio import TwilioSettings, TwilioSms
from tests.support.fakes.twilio import ACCOUNT, TOKEN, TwilioFake, twilio_server

HELLO = OutgoingSms(message_id="<4b1c@noizylab>", to="+4915112345678", text="Hello")


@pytest.fixture
def server() -> Iterator[TwilioFake]:
    with twilio_server() as fake:
        yield fake


def _sms(server: TwilioFake, token: str = TOKEN, sender: str = "+4930123456") -> TwilioSms:
    return TwilioSms(TwilioSettings(ACCOUNT, token, sender, server.base_url, timeout_s=5))


async def test_returns_the_sid_when_the_message_is_taken(server: TwilioFake) -> None:
    assert await _sms(server).send(HELLO) == "SM" + f"{1:032x}"
    assert server.messages == [{"To": "+4915112345678", "From": "+4930123456", "Body": "Hello"}]


async def test_names_the_service_when_the_sender_is_one(server: TwilioFake) -> None:
    service = "MG" + "0" * 32
    await _sms(server, sender=service).send(HELLO)
    assert server.messages == [{"To": "+4915112345678", "MessagingServiceSid": service, "Body": "Hello"}]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((400, 21211), Refused),
        ((400, 21610), Refused),
        ((400, 21606), Misconfigured),
        ((403, 20403), Misconfigured),
        ((404, 20404), Misconfigured),
        ((429, 20429), Transient),
        ((503, 20503), Transient),
    ],
)
async def test_sorts_a_refusal_without_the_number_when_twilio_says_no(
    server: TwilioFake, answer: tuple[int, int], expected: type[Exception]
) -> None:
    server.failures = [answer]
    with pytest.raises(expected, match=f"answer {answer[0]}, error {answer[1]}") as caught:
        await _sms(server).send(HELLO)
    assert type(caught.value) is expected
    assert "15112345678" not in str(caught.value)
    assert getattr(caught.value, "code", answer[1]) == answer[1]


async def test_asks_for_other_settings_when_the_token_is_wrong(server: TwilioFake) -> None:
    with pytest.raises(Misconfigured, match="check account SID, token"):
        await _sms(server, token="wrong").send(HELLO)


async def test_is_transient_when_nobody_listens_or_somebody_else_answers(server: TwilioFake) -> None:
    server.garbage = True
    with pytest.raises(Transient, match="none of Twilio's"):
        await _sms(server).send(HELLO)
    with twilio_server() as gone:
        sms = _sms(gone)
    with pytest.raises(Transient, match="did not come"):
        await sms.send(HELLO)


async def test_logs_neither_number_nor_text_when_sending(server: TwilioFake, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await _sms(server).send(HELLO)
    assert "15112345678" not in caplog.text
    assert "Hello" not in caplog.text


def test_checks_forms_against_the_vendors_schema_when_samples_are_here(server: TwilioFake) -> None:
    if not os.environ.get("NOIZYLAB_SAMPLES"):
        pytest.skip("set NOIZYLAB_SAMPLES to the sample data to check forms against the vendor's schema")
    assert server.checked_against_schema


def test_hides_the_token_when_settings_are_printed() -> None:
    assert "hush" not in repr(TwilioSettings(ACCOUNT, "hush", "+4930123456"))
