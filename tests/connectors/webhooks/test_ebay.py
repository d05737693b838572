"""eBay: the vector of its own event notification SDK's tests, and its key address as that SDK calls it."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from connectors.clock.clock import SettableClock
from connectors.errors import Misconfigured, Transient
from connectors.webhooks.ebay import Ebay
from connectors.webhooks.ebay_keys import MOST_KEYS, EbayApplication, HttpEbayKeys
from connectors.webhooks.port import Challenged, Incoming, Unverified
from connectors.webhooks.stripe import Stripe
from tests.support.fakes.ebay import CLIENT, SECRET, EbayFake, ebay_server

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
URL = "https://shop.example/hooks/ebay"
KEY_ID = "9936261a-7d7b-4621-a0f1-96ccb428af49"
KEY = {
    "key": "-----BEGIN PUBLIC KEY-----"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEZhhxXKtR+TOvtDbgTPCkSof02qgBB7IsYOyf76ilExJ/upAa/"
    "vKIKheOoCyOpcLmi4t0b4uepb7LLjmMr90FUg==-----END PUBLIC KEY-----",
    "algorithm": "ECDSA",
    "digest": "SHA1",
}
BODY = (
    b'{"metadata":{"topic":"MARKETPLACE_ACCOUNT_DELETION","schemaVersion":"1.0","deprecated":false},"notification":'
    b'{"notificationId":"49feeaeb-4982-42d9-a377-9645b8479411_33f7e043-fed8-442b-9d44-791923bd9a6d","eventDate":'
    b'"2021-03-19T20:43:59.462Z","publishDate":"2021-03-19T20:43:59.679Z","publishAttemptCount":1,"data":{"username":'
    b'"test_user","userId":"ma8vp1jySJC","eiasToken":"nY+sHZ2PrBmdj6wVnY+sEZ2PrA2dj6wJnY+gAZGEpwmdj6x9nY+seQ=="}}}'
)
SIGNATURE = "MEYCIQCfxfIWuxmWcIBQJ9c5/X7iGDJqs2RCGsBEaAjinyrrfAIhAIV6wGcTiBuV5KJUif2hokyrL+Q9ssHkad+mx2nEE25w"


def header(signature: str = SIGNATURE, key_id: str = KEY_ID) -> str:
    text = json.dumps({"alg": "ecdsa", "kid": key_id, "signature": signature, "digest": "SHA1"})
    return base64.b64encode(text.encode()).decode()


def notice(body: bytes = BODY, signature: str | None = None) -> Incoming:
    return Incoming(URL, {"x-ebay-signature": header() if signature is None else signature}, body)


@pytest.fixture
def server() -> Iterator[EbayFake]:
    with ebay_server() as fake:
        fake.keys[KEY_ID] = KEY
        yield fake


def ebay(server: EbayFake, *, secret: str = SECRET, clock: SettableClock | None = None) -> Ebay:
    application = EbayApplication(CLIENT, secret, server.base_url, timeout_s=5)
    return Ebay(("token",), HttpEbayKeys(application, clock or SettableClock(NOW)))


async def test_takes_the_vector_of_ebays_own_sdk(server: EbayFake) -> None:
    found = await ebay(server).verify(notice(), NOW)
    assert found.delivery_id == "49feeaeb-4982-42d9-a377-9645b8479411_33f7e043-fed8-442b-9d44-791923bd9a6d"
    assert (found.hook_type, found.verified_with) == ("MARKETPLACE_ACCOUNT_DELETION", KEY_ID)


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (notice(BODY.replace(b"test_user", b"rest_user")), "signature_wrong"),
        (notice(signature=""), "signature_missing"),
        (notice(signature="%%%"), "signature_malformed"),
        (notice(signature=base64.b64encode(b"[]").decode()), "signature_malformed"),
        (notice(signature=header(key_id="../token")), "signature_malformed"),
        (notice(signature=header(key_id="11111111-0000-0000-0000-000000000000")), "key_unknown"),
    ],
)
async def test_refuses_what_ebay_did_not_sign(server: EbayFake, request_: Incoming, why: str) -> None:
    with pytest.raises(Unverified) as caught:
        await ebay(server).verify(request_, NOW)
    assert caught.value.reason == why


async def test_asks_for_a_key_once_an_hour_and_for_one_that_is_not_there_no_oftener(server: EbayFake) -> None:
    clock = SettableClock(NOW)
    verifier = ebay(server, clock=clock)
    for _ in range(3):
        await verifier.verify(notice(), NOW)
        with pytest.raises(Unverified):
            await verifier.verify(notice(signature=header(key_id="other")), NOW)
    assert server.asked == [KEY_ID, "other"]
    clock.advance(timedelta(hours=1))
    await verifier.verify(notice(), NOW)
    assert server.asked == [KEY_ID, "other", KEY_ID]


async def test_remembers_no_more_keys_than_it_says(server: EbayFake) -> None:
    clock = SettableClock(NOW)
    keys = HttpEbayKeys(EbayApplication(CLIENT, SECRET, server.base_url), clock)
    for number in range(MOST_KEYS + 1):
        await keys.get(f"key-{number}")
        clock.advance(timedelta(seconds=1))
    server.asked.clear()
    await keys.get("key-1")
    await keys.get("key-0")
    assert server.asked == ["key-0"]


async def test_weather_at_ebay_is_no_verdict(server: EbayFake) -> None:
    server.fails = [503, 500]
    verifier = ebay(server)
    for _ in range(2):
        with pytest.raises(Transient):
            await verifier.verify(notice(), NOW)
    assert await verifier.verify(notice(), NOW)


async def test_says_which_setting_is_wrong_when_ebay_refuses_the_application(server: EbayFake) -> None:
    with pytest.raises(Misconfigured, match="NOIZYLAB_EBAY_CLIENT_ID"):
        await ebay(server, secret="wrong").verify(notice(), NOW)


@pytest.mark.parametrize("key", [{"key": "nonsense"}, {}, KEY | {"digest": "MD5"}])
async def test_takes_no_key_that_it_does_not_understand(server: EbayFake, key: dict[str, str]) -> None:
    server.keys[KEY_ID] = key or {"no": "key"}
    with pytest.raises(Transient):
        await ebay(server).verify(notice(), NOW)


async def test_proves_the_address_by_the_hash_that_ebay_asks_for(server: EbayFake) -> None:
    verifier = ebay(server)
    answer = json.loads(verifier.answer(Incoming(URL + "?challenge_code=a8628072", {}, b"")))
    assert answer == {"challengeResponse": sha256(b"a8628072" + b"token" + URL.encode()).hexdigest()}
    with pytest.raises(Unverified):
        verifier.answer(Incoming(URL, {}, b""))
    assert isinstance(verifier, Challenged)
    assert not isinstance(Stripe(("a",)), Challenged)
