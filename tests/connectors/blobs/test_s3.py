from collections.abc import Iterator

import pytest

from connectors.blobs.port import BlobCorrupt
from connectors.blobs.s3 import S3Blobs, S3Settings
from connectors.errors import Misconfigured, Permanent, Transient
from tests.support.fakes.s3 import ACCESS_KEY, SECRET_KEY, S3Fake, s3_server


@pytest.fixture
def server() -> Iterator[S3Fake]:
    with s3_server() as fake:
        yield fake


def _store(server: S3Fake, key: str = ACCESS_KEY, secret: str = SECRET_KEY) -> S3Blobs:
    return S3Blobs(S3Settings(server.endpoint, key, secret, secure=False, read_timeout_s=2))


async def test_sends_one_request_when_the_bucket_is_there(server: S3Fake) -> None:
    store = _store(server)
    await store.put("photos", "a", b"x", "image/png")
    assert server.requests == ["PUT /photos/a", "PUT /photos", "PUT /photos/a"]
    await store.put("photos", "b", b"x" * 6_000_000, "image/png")
    assert server.requests[3:] == ["PUT /photos/b"]


async def test_keeps_the_hash_and_media_type_with_the_object_when_put(server: S3Fake) -> None:
    ref = await _store(server).put("photos", "a", b"x", "image/png")
    kept = {name.lower(): value for name, value in server.buckets["photos"]["a"].headers.items()}
    assert kept == {"content-type": "image/png", "x-amz-meta-sha256": ref.sha256}


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([(503, "SlowDown"), (503, "SlowDown")], Transient),
        ([(500, "InternalError"), (500, "InternalError")], Transient),
        ([(403, "AccessDenied")], Misconfigured),
        ([(403, "RequestTimeTooSkewed")], Misconfigured),
        ([(400, "EntityTooLarge")], Permanent),
    ],
)
async def test_translates_the_error_when_the_server_refuses(
    server: S3Fake, answers: list[tuple[int, str]], expected: type[Exception]
) -> None:
    server.failures = answers
    with pytest.raises(expected, match=f"S3 at {server.endpoint}: .*{answers[0][1]}|too many 50. error") as caught:
        await _store(server).put("photos", "a", b"x", "image/png")
    assert type(caught.value) is expected


async def test_goes_through_when_the_server_fails_once(server: S3Fake) -> None:
    server.failures = [(503, "SlowDown")]
    ref = await _store(server).put("photos", "a", b"x", "image/png")
    assert await _store(server).get(ref) == b"x"


@pytest.mark.parametrize(("key", "secret"), [(ACCESS_KEY, "wrong"), ("nobody", SECRET_KEY)])
async def test_asks_for_other_settings_when_key_or_secret_is_wrong(server: S3Fake, key: str, secret: str) -> None:
    with pytest.raises(Misconfigured, match="check key, secret"):
        await _store(server, key, secret).put("photos", "a", b"x", "image/png")


async def test_is_transient_when_nobody_listens() -> None:
    with s3_server() as gone:
        store = _store(gone)
    with pytest.raises(Transient, match=f"S3 at {gone.endpoint}"):
        await store.stat("photos", "a")


async def test_is_misconfigured_when_the_server_speaks_no_tls(server: S3Fake) -> None:
    store = S3Blobs(S3Settings(server.endpoint, ACCESS_KEY, SECRET_KEY, secure=True, read_timeout_s=2))
    with pytest.raises(Misconfigured, match="TLS"):
        await store.stat("photos", "a")


def test_asks_for_another_endpoint_when_it_is_a_url() -> None:
    with pytest.raises(Misconfigured, match="host:port"):
        S3Blobs(S3Settings("http://127.0.0.1:9000/x", ACCESS_KEY, SECRET_KEY))


async def test_says_who_stored_it_when_an_object_has_no_hash(server: S3Fake) -> None:
    store = _store(server)
    await store.put("photos", "a", b"x", "image/png")
    server.buckets["photos"]["a"].headers.clear()
    with pytest.raises(BlobCorrupt, match="not stored by this program"):
        await store.stat("photos", "a")


def test_hides_the_secret_when_settings_are_printed() -> None:
    assert "hush" not in repr(S3Settings("127.0.0.1:1", "key", "hush"))
