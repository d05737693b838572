from datetime import UTC, datetime, timedelta

import pytest

from connectors.blobs.port import InvalidBlobName, reference
from connectors.blobs.presign import LONGEST, BlobUrls, MayGet, MayPut, UrlExpired, UrlInvalid
from connectors.clock.clock import SettableClock
from connectors.errors import Misconfigured

REF = reference("images", "T-1/ä b.jpg", b"x", "image/jpeg")
HOUR = timedelta(hours=1)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(datetime(2026, 1, 1, tzinfo=UTC))


def _urls(clock: SettableClock, *secrets: str) -> BlobUrls:
    return BlobUrls(secrets or "s" * 32, "https://shop.example/", clock)


def _token(url: str) -> str:
    prefix = "https://shop.example/blobs/"
    assert url.startswith(prefix)
    return url.removeprefix(prefix)


def test_reads_back_what_it_signed_until_the_moment_it_expires(clock: SettableClock) -> None:
    urls = _urls(clock)
    get = _token(urls.get_url(REF, HOUR))
    put = _token(urls.put_url("images", "a", "image/png", max_bytes=7, expires_in=HOUR))
    clock.advance(HOUR - timedelta(seconds=1))
    assert urls.read(get) == MayGet(REF)
    assert urls.read(put) == MayPut("images", "a", "image/png", 7)
    clock.advance(timedelta(seconds=1))
    for token in (get, put):
        with pytest.raises(UrlExpired, match="ask for a new one"):
            urls.read(token)


def test_accepts_a_former_secret_and_no_strange_one(clock: SettableClock) -> None:
    token = _token(_urls(clock, "old" * 10).get_url(REF, HOUR))
    assert _urls(clock, "old" * 10, "new" * 10).read(token) == MayGet(REF)
    with pytest.raises(UrlInvalid):
        _urls(clock, "new" * 10).read(token)


def test_refuses_any_change_of_the_token(clock: SettableClock) -> None:
    urls = _urls(clock)
    token = _token(urls.get_url(REF, HOUR))
    for position in range(0, len(token), 7):
        other = "A" if token[position] != "A" else "B"
        with pytest.raises(UrlInvalid):
            urls.read(token[:position] + other + token[position + 1 :])


@pytest.mark.parametrize("expires_in", [timedelta(0), -HOUR, LONGEST + timedelta(seconds=1)])
def test_signs_for_no_time_that_makes_no_sense(clock: SettableClock, expires_in: timedelta) -> None:
    with pytest.raises(ValueError, match="good for a moment up to 7 days"):
        _urls(clock).get_url(REF, expires_in)


def test_refuses_a_name_that_the_put_would_be_refused_for(clock: SettableClock) -> None:
    with pytest.raises(InvalidBlobName):
        _urls(clock).put_url("images", "../a", "image/png", max_bytes=7, expires_in=HOUR)


def test_needs_a_secret_that_cannot_be_guessed(clock: SettableClock) -> None:
    with pytest.raises(Misconfigured, match="at least 16 characters"):
        _urls(clock, "short")
