from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import Misconfigured
from connectors.links.signer import LinkExpired, LinkInvalid, LinkSigner

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SECRET = "a-secret-for-tests-only"
HASH = "ab" * 32
TICKET = "T-01890a5d-ac96-774b-bcce-b302099a8057"


def _token(url: str) -> str:
    return url.rpartition("/a/")[2]


def test_opens_the_quote_it_was_signed_for() -> None:
    signer = LinkSigner(SECRET, "https://shop.example/")
    url = signer.approve_url(TICKET, HASH, expires_at=NOW + timedelta(days=1))
    assert url.startswith("https://shop.example/a/")
    claims = signer.read(_token(url), now=NOW)
    assert (claims.action, claims.ticket_id, claims.quote_hash) == ("approve", TICKET, HASH)
    assert claims.expires_at == NOW + timedelta(days=1)


def test_gives_the_same_address_when_asked_again() -> None:
    first, second = LinkSigner(SECRET, "http://a.example"), LinkSigner(SECRET, "http://a.example")
    assert first.approve_url(TICKET, HASH) == second.approve_url(TICKET, HASH)


def test_fits_two_text_messages() -> None:
    assert len(LinkSigner(SECRET, "https://shop.example").approve_url(TICKET, HASH, expires_at=NOW)) < 240


def test_is_expired_from_the_last_second_on() -> None:
    signer = LinkSigner(SECRET, "http://a.example")
    token = signer.token(TICKET, HASH, expires_at=NOW)
    assert signer.read(token, now=NOW - timedelta(seconds=1)).ticket_id == TICKET
    with pytest.raises(LinkExpired, match="2026-03-02 09:00 UTC"):
        signer.read(token, now=NOW)


def test_accepts_links_of_an_older_secret_when_it_is_still_listed() -> None:
    old = LinkSigner(SECRET, "http://a.example").token(TICKET, HASH)
    rotated = LinkSigner([SECRET, "the-newest-secret-of-all"], "http://a.example")
    assert rotated.read(old, now=NOW).ticket_id == TICKET
    assert rotated.token(TICKET, HASH) != old
    with pytest.raises(LinkInvalid):
        LinkSigner("the-newest-secret-of-all", "http://a.example").read(old, now=NOW)


@given(position=st.integers(0, 400), character=st.sampled_from("Aaz09-_."))
def test_is_invalid_when_any_character_is_changed(position: int, character: str) -> None:
    signer = LinkSigner(SECRET, "http://a.example")
    token = signer.token(TICKET, HASH)
    # The last base64 character of a 32-byte signature carries two unused bits, so it is left alone.
    position %= len(token) - 1
    if token[position] == character:
        return
    changed = token[:position] + character + token[position + 1 :]
    with pytest.raises(LinkInvalid):
        signer.read(changed, now=NOW)


@given(st.text(max_size=200))
def test_is_invalid_when_it_is_any_other_text(text: str) -> None:
    with pytest.raises(LinkInvalid):
        LinkSigner(SECRET, "http://a.example").read(text, now=NOW)


def test_refuses_a_short_secret_and_a_base_url_without_scheme() -> None:
    with pytest.raises(Misconfigured, match="16 characters"):
        LinkSigner("short", "http://a.example")
    with pytest.raises(Misconfigured, match="http://"):
        LinkSigner(SECRET, "shop.example")


def test_refuses_to_sign_what_is_no_quote_hash() -> None:
    with pytest.raises(ValueError, match="pattern"):
        LinkSigner(SECRET, "http://a.example").token(TICKET, "not a hash")
