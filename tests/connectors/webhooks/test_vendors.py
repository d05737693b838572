"""Each provider's way of signing. Vectors are the vendors' own where they publish one; each test says which."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from twilio.request_validator import RequestValidator

from connectors.errors import Misconfigured
from connectors.webhooks.generic import Generic
from connectors.webhooks.mailgun import Mailgun
from connectors.webhooks.port import Incoming, Unverified, Verifier
from connectors.webhooks.providers import verifiers
from connectors.webhooks.sendgrid import SendGrid
from connectors.webhooks.slack import Slack
from connectors.webhooks.stripe import Stripe
from connectors.webhooks.twilio import Twilio

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
URL = "https://shop.example/hooks/any"
FORM = "application/x-www-form-urlencoded"


def incoming(body: bytes = b"", url: str = URL, **headers: str) -> Incoming:
    return Incoming(url, {name.replace("_", "-"): value for name, value in headers.items()}, body)


async def reason(verifier: Verifier, request: Incoming, now: datetime = NOW) -> str:
    with pytest.raises(Unverified) as caught:
        await verifier.verify(request, now)
    return caught.value.reason


def at(moment: datetime) -> str:
    return str(int(moment.timestamp()))


def sha256(secret: str, text: bytes) -> str:
    return hmac.new(secret.encode(), text, "sha256").hexdigest()


# --- Stripe. It publishes the scheme and no vector: signatures are made here by the letter of its text.

EVENT = b'{"id": "evt_1", "object": "event", "type": "checkout.session.completed"}'


def stripe(
    secret: str = "whsec_one", *, when: datetime = NOW, body: bytes = EVENT, header: str | None = None
) -> Incoming:
    signed = sha256(secret, at(when).encode() + b"." + body)
    return incoming(body, stripe_signature=header or f"t={at(when)},v1={signed},v0={'0' * 64}")


async def test_stripe_names_the_event_its_type_and_the_secret_that_signed_it() -> None:
    found = await Stripe(("whsec_new", "whsec_one")).verify(stripe(), NOW)
    assert (found.delivery_id, found.hook_type, found.verified_with) == ("evt_1", "checkout.session.completed", "2")
    assert found.reply is None


async def test_stripe_takes_one_good_signature_among_several() -> None:
    good = sha256("whsec_one", at(NOW).encode() + b"." + EVENT)
    request = stripe(header=f"t={at(NOW)},v1={'0' * 64},v1={good}")
    assert (await Stripe(("whsec_one",)).verify(request, NOW)).delivery_id == "evt_1"


@pytest.mark.parametrize("late_s", [-301, 301])
async def test_stripe_refuses_a_time_that_is_too_far_away_and_takes_one_at_the_edge(late_s: int) -> None:
    verifier, request = Stripe(("whsec_one",)), stripe()
    assert await reason(verifier, request, NOW + timedelta(seconds=late_s)) == "timestamp_out_of_tolerance"
    edge_s = 300 if late_s > 0 else -300
    assert await verifier.verify(request, NOW + timedelta(seconds=edge_s))


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ("", "signature_missing"),
        ("v1=abc", "signature_malformed"),
        (f"t={at(NOW)}", "signature_missing"),
        (f"t={at(NOW)},t={at(NOW)},v1=abc", "signature_malformed"),
        (f"t={at(NOW)},v1=", "signature_wrong"),
        (f"t={at(NOW)},v1=\u00e9", "signature_wrong"),
        (f"t={at(NOW)},v0=" + sha256("whsec_one", at(NOW).encode() + b"." + EVENT), "signature_missing"),
    ],
)
async def test_stripe_refuses_what_is_no_signature(header: str, why: str) -> None:
    assert await reason(Stripe(("whsec_one",)), Incoming(URL, {"stripe-signature": header}, EVENT)) == why


async def test_stripe_refuses_another_body_another_secret_and_another_time() -> None:
    verifier, good = Stripe(("whsec_one",)), stripe()
    header = good.headers["stripe-signature"]
    later = header.replace(f"t={at(NOW)}", f"t={int(at(NOW)) + 1}")
    assert await reason(verifier, stripe(header=header, body=EVENT + b" ")) == "signature_wrong"
    assert await reason(verifier, stripe("whsec_other")) == "signature_wrong"
    assert await reason(verifier, stripe(header=later)) == "signature_wrong"


# --- Slack, with the example of its own page "Verifying requests from Slack".

SLACK_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
SLACK_TIME = 1531420618
SLACK_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url="
    b"https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id="
    b"398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
SLACK_SIGNATURE = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
SLACK_NOW = datetime.fromtimestamp(SLACK_TIME, UTC)


def slack(body: bytes = SLACK_BODY, signature: str | None = None) -> Incoming:
    made = "v0=" + sha256(SLACK_SECRET, b"v0:%d:" % SLACK_TIME + body)
    headers = {"x_slack_request_timestamp": str(SLACK_TIME), "x_slack_signature": signature or made}
    return incoming(body, **headers)


async def test_slack_reads_the_example_of_its_own_page() -> None:
    found = await Slack((SLACK_SECRET,)).verify(slack(signature=SLACK_SIGNATURE), SLACK_NOW)
    assert found.hook_type == "slash_command"
    assert found.delivery_id == hashlib.sha256(b"v0:%d:" % SLACK_TIME + SLACK_BODY).hexdigest()


async def test_slack_refuses_a_changed_body_an_old_time_and_no_signature() -> None:
    verifier = Slack((SLACK_SECRET,))
    changed = slack(SLACK_BODY + b"&x=1", SLACK_SIGNATURE)
    assert await reason(verifier, changed, SLACK_NOW) == "signature_wrong"
    late = SLACK_NOW + timedelta(seconds=301)
    assert await reason(verifier, slack(), late) == "timestamp_out_of_tolerance"
    assert await reason(verifier, incoming(SLACK_BODY), SLACK_NOW) == "signature_missing"


async def test_slack_answers_the_handshake_and_names_events_by_their_id() -> None:
    verifier = Slack((SLACK_SECRET,))
    shake = await verifier.verify(slack(b'{"type":"url_verification","challenge":"3eZbrw"}'), SLACK_NOW)
    assert shake.reply == b'{"challenge":"3eZbrw"}'
    body = b'{"type":"event_callback","event_id":"Ev0PV52K25","event":{"type":"app_mention"}}'
    event = await verifier.verify(slack(body), SLACK_NOW)
    assert (event.delivery_id, event.hook_type, event.reply) == ("Ev0PV52K25", "app_mention", None)


# --- Mailgun. Its page shows no secret to its example: signatures are made here by the letter of its text.

TOKEN = "e0b5477167110d68991efc6b9f89f0a11066af27834600e123"


def mailgun(event: str = "delivered", *, name: str = "signature", when: datetime = NOW, token: str = TOKEN) -> Incoming:
    made = sha256("key", (at(when) + TOKEN).encode())
    signature = {"token": token, "timestamp": at(when), "signature": "0" * 64} | {name: made}
    return incoming(json.dumps({"signature": signature, "event-data": {"event": event, "id": "x"}}).encode())


async def test_mailgun_names_the_delivery_by_its_token_whatever_the_body_says() -> None:
    verifier = Mailgun(("key",))
    first, altered = [await verifier.verify(mailgun(event), NOW) for event in ("delivered", "failed")]
    assert (first.delivery_id, first.hook_type) == (TOKEN, "delivered")
    assert altered.delivery_id == first.delivery_id


async def test_mailgun_takes_the_signature_of_the_primary_account() -> None:
    assert (await Mailgun(("key",)).verify(mailgun(name="parent-signature"), NOW)).verified_with == "1"


async def test_mailgun_refuses_another_token_an_old_time_and_a_body_without_signature() -> None:
    verifier = Mailgun(("key",))
    assert await reason(verifier, mailgun(token="f" + TOKEN[1:])) == "signature_wrong"
    assert await reason(verifier, mailgun(), NOW + timedelta(hours=25)) == "timestamp_out_of_tolerance"
    assert await reason(verifier, incoming(b"[]")) == "signature_missing"
    assert await reason(verifier, incoming(b'{"signature": {"signature": 7}}')) == "signature_missing"


# --- Twilio, with the vectors of its own library's tests, and held against that library.

AUTH_TOKEN = "12345"
TWILIO_URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
TWILIO_FORM = b"CallSid=CA1234567890ABCDE&Digits=1234&From=%2B14158675309&To=%2B18005551212&Caller=%2B14158675309"
TWILIO_JSON = b'{"property": "value", "boolean": true}'
TWILIO_JSON_URL = TWILIO_URL + "&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
DOUBLE = b"Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234"


def twilio(signature: str, body: bytes = TWILIO_FORM, url: str = TWILIO_URL, media_type: str = FORM) -> Incoming:
    return incoming(body, url, x_twilio_signature=signature, content_type=media_type)


@pytest.mark.parametrize(
    "request_",
    [
        twilio("RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        twilio("RSOYDt4T1cUTdK1PDd93/VVr8B8=", url=TWILIO_URL.replace(".com", ".com:1234")),
        twilio("kvajT1Ptam85bY51eRf/AJRuM3w="),
        twilio("0ZXoZLH/DfblKGATFgpif+LLRf4=", url=TWILIO_URL.replace("https", "http")),
        twilio("IK+Dwps556ElfBT0I3Rgjkr1wJU=", DOUBLE),
        twilio("a9nBmqA0ju/hNViExpshrM61xv4=", TWILIO_JSON, TWILIO_JSON_URL, "application/json"),
    ],
)
async def test_twilio_takes_every_vector_of_its_own_library(request_: Incoming) -> None:
    assert (await Twilio(("old", AUTH_TOKEN)).verify(request_, NOW)).verified_with == "2"


@pytest.mark.parametrize(
    "body", [b"MessageSid=SM1&MessageStatus=delivered", b"CallSid=CA1&CallStatus=busy", b"A=%C3%A9"]
)
async def test_twilio_agrees_with_its_own_library(body: bytes) -> None:
    params = dict(parse_qsl(body.decode()))
    signature = RequestValidator(AUTH_TOKEN).compute_signature(URL, params)
    found = await Twilio((AUTH_TOKEN,)).verify(twilio(signature, body, URL), NOW)
    status = params.get("MessageStatus") or params.get("CallStatus")
    assert found.hook_type.endswith(status or "unknown")


async def test_twilio_gives_a_repetition_the_same_id_and_another_message_another() -> None:
    verifier = Twilio((AUTH_TOKEN,))
    once, again = [await verifier.verify(twilio("RSOYDt4T1cUTdK1PDd93/VVr8B8="), NOW) for _ in range(2)]
    other = await verifier.verify(twilio("IK+Dwps556ElfBT0I3Rgjkr1wJU=", DOUBLE), NOW)
    assert once.delivery_id == again.delivery_id != other.delivery_id


async def test_twilio_refuses_what_its_signature_does_not_cover() -> None:
    verifier = Twilio((AUTH_TOKEN,))
    good, signed = "RSOYDt4T1cUTdK1PDd93/VVr8B8=", "a9nBmqA0ju/hNViExpshrM61xv4="
    assert await reason(verifier, twilio(good, TWILIO_FORM.replace(b"1234&F", b"1235&F"))) == "signature_wrong"
    assert await reason(verifier, twilio(good, url=TWILIO_URL.replace("my", "your"))) == "signature_wrong"
    changed = twilio(signed, TWILIO_JSON + b" ", TWILIO_JSON_URL, "application/json")
    assert await reason(verifier, changed) == "body_changed"
    empty = RequestValidator(AUTH_TOKEN).compute_signature(URL, {})
    assert await reason(verifier, twilio(empty, b'{"a": 1}', URL, "application/json")) == "body_unsigned"
    assert await reason(verifier, incoming(TWILIO_FORM, TWILIO_URL, content_type=FORM)) == "signature_missing"


# --- SendGrid, with the vector of its own Python library's tests.

SENDGRID_KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6"
    "wEA3F+g=="
)
SENDGRID_SIGNATURE = "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM="
SENDGRID_BODY = (
    b'[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address","sg_event_id":'
    b'"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA","sg_message_id":'
    b'"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0","smtp-id":'
    b'"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>","timestamp":1600112492}]\r\n'
)
SENDGRID_TIME = 1600112502
SENDGRID_NOW = datetime.fromtimestamp(SENDGRID_TIME, UTC)


def sendgrid(body: bytes = SENDGRID_BODY, signature: str = SENDGRID_SIGNATURE, when: int = SENDGRID_TIME) -> Incoming:
    headers = {
        "x_twilio_email_event_webhook_signature": signature,
        "x_twilio_email_event_webhook_timestamp": str(when),
    }
    return incoming(body, **headers)


async def test_sendgrid_takes_the_vector_of_its_own_library() -> None:
    own = ec.generate_private_key(ec.SECP256R1()).public_key()
    der = own.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    verifier = SendGrid((base64.b64encode(der).decode(), SENDGRID_KEY))
    found = await verifier.verify(sendgrid(), SENDGRID_NOW)
    assert (found.hook_type, found.verified_with) == ("dropped", "2")


async def test_sendgrid_refuses_what_was_changed_and_what_is_old() -> None:
    verifier = SendGrid((SENDGRID_KEY,))
    assert await reason(verifier, sendgrid(SENDGRID_BODY.strip()), SENDGRID_NOW) == "signature_wrong"
    assert await reason(verifier, sendgrid(when=SENDGRID_TIME + 1), SENDGRID_NOW) == "signature_wrong"
    other = "MEUCIQCtIHJeH93Y+qpYeWrySphQgpNGNr/U+UyUlBkU6n7RAwIgJTz2C+8a8xonZGi6BpSzoQsbVRamr2nlxFDWYNH3j/0="
    assert await reason(verifier, sendgrid(signature=other), SENDGRID_NOW) == "signature_wrong"
    assert await reason(verifier, sendgrid(signature="not base64!"), SENDGRID_NOW) == "signature_malformed"
    assert await reason(verifier, incoming(SENDGRID_BODY), SENDGRID_NOW) == "signature_missing"
    late = SENDGRID_NOW + timedelta(hours=25)
    assert await reason(verifier, sendgrid(), late) == "timestamp_out_of_tolerance"


async def test_sendgrid_calls_a_mixture_a_batch() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    body = b'[{"event":"open"},{"event":"click"}]'
    made = private.sign(str(SENDGRID_TIME).encode() + body, ec.ECDSA(hashes.SHA256()))
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    verifier = SendGrid((base64.b64encode(private.public_key().public_bytes(*form)).decode(),))
    request = sendgrid(body, base64.b64encode(made).decode())
    assert (await verifier.verify(request, SENDGRID_NOW)).hook_type == "batch"


@pytest.mark.parametrize("key", ["!", base64.b64encode(b"key").decode()])
def test_sendgrid_says_at_start_when_its_key_is_none(key: str) -> None:
    with pytest.raises(Misconfigured, match="NOIZYLAB_HOOK_SENDGRID_SECRET"):
        SendGrid((key,))


# --- our own way


def own(body: bytes, when: datetime = NOW) -> Incoming:
    signed = sha256("shared", at(when).encode() + b"." + body)
    return incoming(body, x_noizylab_signature=f"t={at(when)},v1={signed}")


async def test_anybody_with_a_secret_signs_our_way() -> None:
    verifier = Generic(("shared",))
    named = await verifier.verify(own(b'{"id": "job-7", "type": "scan.done"}'), NOW)
    assert (named.delivery_id, named.hook_type) == ("job-7", "scan.done")
    unnamed = await verifier.verify(own(b"\x00\xff"), NOW)
    assert (len(unnamed.delivery_id), unnamed.hook_type) == (64, "unknown")
    assert await reason(verifier, Incoming(URL, own(b"a").headers, b"b")) == "signature_wrong"


@pytest.mark.parametrize("odd", ["evt 1", "x" * 201, "evt\n1", 7, None])
async def test_an_id_that_does_not_fit_in_a_line_is_replaced_by_the_hash_of_what_was_signed(odd: object) -> None:
    body = json.dumps({"id": odd, "type": "line\nbreak"}).encode()
    found = await Generic(("shared",)).verify(own(body), NOW)
    assert found.delivery_id == hashlib.sha256(at(NOW).encode() + b"." + body).hexdigest()
    assert found.hook_type == "unknown"


def test_a_name_that_is_no_vendor_signs_our_way_and_ebay_needs_its_keys() -> None:
    found = verifiers({"stripe": ["a"], "acme": ["b", "c"], "ebay": ["d"]})
    assert (type(found["stripe"]), found["acme"]) == (Stripe, Generic(("b", "c")))
    assert "ebay" not in found
