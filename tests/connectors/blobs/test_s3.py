import asyncio
import os
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from connectors.blobs.port import BlobCorrupt
from connectors.blobs.s3 import S3Blobs
from connectors.blobs.s3_client import S3Settings
from connectors.errors import Misconfigured, Permanent, Transient
from tests.support.fakes.s3 import ACCESS_KEY, SECRET_KEY, S3Fake, Upload, s3_server

LOCKING = frozenset({"photos"})


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


async def _pieces(count: int) -> AsyncIterator[bytes]:
    for number in range(count):
        yield bytes([number]) * 1_000_000


async def test_sends_a_large_stream_in_parts_and_a_small_one_at_once(server: S3Fake) -> None:
    store = _store(server)
    await store.put("photos", "first", b"x", "image/png")
    server.requests.clear()
    small = await store.put_stream("photos", "small", _pieces(1), "video/mp4")
    large = await store.put_stream("photos", "large", _pieces(40), "video/mp4")
    sent = [request.replace("?", " ").split()[:2] for request in server.requests]
    assert sent == [["PUT", "/photos/small"], ["POST", "/photos/large"], *[["PUT", "/photos/large"]] * 5,
                    ["POST", "/photos/large"]]  # fmt: skip
    assert (await store.get(small))[:1] == b"\0"
    assert len(await store.get(large)) == 40_000_000


async def test_aborts_an_upload_when_a_part_is_refused(server: S3Fake) -> None:
    store = _store(server)
    server.part_failures = 1
    with pytest.raises(Permanent, match="EntityTooLarge"):
        await store.put_stream("photos", "a", _pieces(40), "video/mp4")
    assert server.uploads == {}
    assert await store.stat("photos", "a") is None


async def test_tidies_uploads_that_nobody_aborted(server: S3Fake) -> None:
    store = _store(server)
    await store.put("photos", "first", b"x", "image/png")
    now = datetime.now(UTC)
    for name, age in (("old", timedelta(hours=30)), ("young", timedelta(hours=1))):
        server.uploads[name] = Upload("photos", "a/ä b", {}, now - age)
    assert await store.tidy("photos", timedelta(days=1)) == 1
    assert list(server.uploads) == ["young"]
    assert await store.tidy("unknown", timedelta(days=1)) == 0


@pytest.mark.live
async def test_tidies_what_a_crash_left_on_a_real_server() -> None:
    spec = os.environ.get("NOIZYLAB_TEST_S3")
    if not spec:
        pytest.skip("set NOIZYLAB_TEST_S3=host:port,key,secret to run against a real S3 server")
    store = S3Blobs(S3Settings(*spec.split(","), secure=False))
    bucket = f"test-{uuid4().hex[:12]}"
    kept = await store.put_stream(bucket, "whole", _pieces(40), "video/mp4")
    upload = store._client._create_multipart_upload(bucket, "half", {"Content-Type": "video/mp4"})
    store._client._upload_part(bucket, "half", b"x" * 5_300_000, None, upload, 1)
    assert await store.tidy(bucket, timedelta(hours=1)) == 0
    assert await store.tidy(bucket, timedelta(seconds=-5)) == 1
    assert await store.tidy(bucket, timedelta(seconds=-5)) == 0
    assert [one.ref async for one in store.list(bucket)] == [kept]
    assert len(await store.get(kept)) == 40_000_000
    await store.delete(bucket, "whole")


async def test_says_how_to_lock_when_the_setting_or_the_bucket_cannot(server: S3Fake) -> None:
    plain = _store(server)
    ref = await plain.put("photos", "a", b"x", "image/png")
    locking = S3Blobs(S3Settings(server.endpoint, ACCESS_KEY, SECRET_KEY, secure=False, object_lock=LOCKING))
    for store in (plain, locking):
        with pytest.raises(Misconfigured, match="name it in NOIZYLAB_S3_OBJECT_LOCK before"):
            await store.retain("photos", ref.key, datetime.now(UTC) + timedelta(days=1))


async def test_asks_the_server_when_a_lock_is_in_the_way_of_a_store_that_does_not_look(server: S3Fake) -> None:
    """The server itself refuses, whatever its clients believe."""
    locking = S3Blobs(S3Settings(server.endpoint, ACCESS_KEY, SECRET_KEY, secure=False, object_lock=LOCKING))
    await locking.put("photos", "a", b"x", "image/png")
    await locking.retain("photos", "a", datetime.now(UTC) + timedelta(days=1))
    with pytest.raises(Misconfigured, match="AccessDenied"):
        await _store(server).delete("photos", "a")


async def test_works_in_threads_of_its_own(server: S3Fake) -> None:
    """Whoever fills the default threads of the loop does not hold up the store, nor the other way round."""
    loop = asyncio.get_running_loop()
    release = threading.Event()
    loop.set_default_executor(ThreadPoolExecutor(1))
    busy = loop.run_in_executor(None, release.wait, 20)
    await asyncio.wait_for(_store(server).put("photos", "a", b"x", "image/png"), 10)
    release.set()
    assert await busy


def test_hides_the_secret_when_settings_are_printed() -> None:
    assert "hush" not in repr(S3Settings("127.0.0.1:1", "key", "hush"))
