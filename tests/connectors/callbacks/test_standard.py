from base64 import b64decode
from datetime import UTC, datetime

from connectors.callbacks.standard import secret_of, shown, signed_headers


def test_signs_as_the_reference_library_of_standard_webhooks_does() -> None:
    """The vector of ``test_sign_function`` in its Python library."""
    at = datetime.fromtimestamp(1614265330, UTC)
    secret = b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed_headers([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}')
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_two_secrets_give_two_signatures_with_a_blank_between() -> None:
    at = datetime.fromtimestamp(1614265330, UTC)
    one, two = (signed_headers([secret], "m", at, b"x")["webhook-signature"] for secret in (b"1" * 32, b"2" * 32))
    both = signed_headers([b"1" * 32, b"2" * 32], "m", at, b"x")["webhook-signature"]
    assert both == f"{one} {two}"


def test_every_subscription_version_and_shop_has_a_secret_of_its_own() -> None:
    secrets = {secret_of(m, w, v) for m in ("a", "b") for w in ("W-0001", "W-0002") for v in (1, 2)}
    assert len(secrets) == 8
    assert secret_of("a", "W-0001", 1) == secret_of("a", "W-0001", 1)
    text = shown(secret_of("a", "W-0001", 1))
    assert text.startswith("whsec_")
    assert b64decode(text.removeprefix("whsec_")) == secret_of("a", "W-0001", 1)
