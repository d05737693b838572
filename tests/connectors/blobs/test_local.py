import hashlib
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.blobs.local import LocalBlobs
from connectors.blobs.port import BlobCorrupt, BlobRetained, InvalidBlobName, check_key, reference
from connectors.clock.clock import SettableClock
from connectors.errors import Misconfigured
from infra.bench.blob_kills import BUCKET, Harm, Possible, Victim, inspect, kill_writers


def _files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


async def test_never_makes_a_path_of_a_key_when_storing(tmp_path: Path) -> None:
    await LocalBlobs(tmp_path / "store").put("photos", "T-1/%2e%2e%2fescape\\..", b"x", "text/plain")
    [path] = _files(tmp_path)
    assert path.relative_to(tmp_path).parts[:2] == ("store", "photos")
    assert path.name.removesuffix(".blob").isalnum()


async def test_leaves_no_temporary_file_when_done_or_refused(tmp_path: Path) -> None:
    store = LocalBlobs(tmp_path)
    await store.put("photos", "a", b"x", "text/plain", if_absent=True)
    await store.put("photos", "a", b"x", "text/plain", if_absent=True)
    await store.put("photos", "a", b"y", "text/plain")
    assert len(_files(tmp_path)) == 1


async def test_heals_when_the_original_is_put_again(tmp_path: Path) -> None:
    store = LocalBlobs(tmp_path)
    ref = await store.put("photos", "a", b"original", "text/plain")
    [path] = _files(tmp_path)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(BlobCorrupt, match="store the original again"):
        await store.get(ref)
    await store.put("photos", "a", b"original", "text/plain")
    assert await store.get(ref) == b"original"


async def test_names_the_file_when_its_description_is_damaged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = LocalBlobs(tmp_path)
    await store.put("photos", "a", b"original", "text/plain")
    [path] = _files(tmp_path)
    path.write_bytes(b"")
    assert [one async for one in store.list("photos")] == []
    assert path.name in caplog.text
    with pytest.raises(BlobCorrupt, match=path.name):
        await store.stat("photos", "a")


async def test_is_misconfigured_when_the_directory_cannot_hold_it(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    with pytest.raises(Misconfigured, match="give this user a directory"):
        await LocalBlobs(blocked).put("photos", "a", b"x", "text/plain")


async def test_sees_what_another_process_stored_when_sharing_the_directory(tmp_path: Path) -> None:
    ref = await LocalBlobs(tmp_path).put("photos", "a", os.urandom(1000), "image/jpeg")
    found = await LocalBlobs(tmp_path).stat("photos", "a")
    assert found is not None
    assert found.ref == ref


async def _listed(store: LocalBlobs) -> list[str]:
    return [one.ref.key async for one in store.list("photos")]


async def test_lists_the_same_when_the_index_is_lost_damaged_or_behind(tmp_path: Path) -> None:
    store = LocalBlobs(tmp_path)
    for key in ("a", "b", "c"):
        await store.put("photos", key, key.encode(), "text/plain")
    assert await _listed(store) == ["a", "b", "c"]
    index = tmp_path / "index.sqlite3"
    behind = index.read_bytes()
    index.unlink()
    assert await _listed(store) == ["a", "b", "c"]
    index.write_bytes(b"no database" * 1000)
    assert await _listed(store) == ["a", "b", "c"]
    await store.delete("photos", "b")
    await store.put("photos", "c", b"other", "text/plain")
    await store.put("photos", "d", b"d", "text/plain")
    index.write_bytes(behind)
    listed = {one.ref.key: one.ref.size_bytes async for one in store.list("photos")}
    assert listed == {"a": 1, "c": 5, "d": 1}
    assert index.read_bytes().startswith(b"SQLite")


async def test_opens_only_what_changed_when_it_lists_again(tmp_path: Path) -> None:
    """A file that was changed behind its stamp shows that it was not opened."""
    store = LocalBlobs(tmp_path)
    await store.put("photos", "a", b"a", "text/plain")
    assert await _listed(store) == ["a"]
    [path] = tmp_path.rglob("*.blob")
    before = path.stat()
    with path.open("r+b") as file:
        file.write(path.read_bytes().replace(b'"key":"a"', b'"key":"b"'))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert await _listed(store) == ["a"]
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert await _listed(store) == ["b"]


async def test_reads_what_an_earlier_version_stored(tmp_path: Path) -> None:
    """Its first line had no padding."""
    ref = reference("photos", "a", b"from before", "text/plain")
    digest = hashlib.sha256(b"a").hexdigest()
    path = tmp_path / "photos" / digest[:2] / f"{digest}.blob"
    path.parent.mkdir(parents=True)
    path.write_bytes(ref.model_dump_json().encode() + b"\nfrom before")
    store = LocalBlobs(tmp_path)
    assert await store.get(ref) == b"from before"
    assert await store.get_range(ref, 5, 100) == b"before"
    assert [one.ref async for one in store.list("photos")] == [ref]


async def test_gives_a_locked_object_free_when_its_time_has_come(tmp_path: Path) -> None:
    clock = SettableClock(datetime(2026, 1, 1, tzinfo=UTC))
    store = LocalBlobs(tmp_path, clock=clock)
    await store.put("photos", "a", b"x", "text/plain")
    await store.retain("photos", "a", clock.now() + timedelta(days=1))
    clock.advance(timedelta(days=1) - timedelta(seconds=1))
    with pytest.raises(BlobRetained, match="locked until 2026-01-02 00:00 UTC"):
        await store.delete("photos", "a")
    clock.advance(timedelta(seconds=1))
    await store.put("photos", "a", b"y", "text/plain")
    await store.delete("photos", "a")
    await store.put("photos", "a", b"z", "text/plain")
    found = await store.stat("photos", "a")
    assert found is not None
    assert found.retain_until is None


async def test_keeps_a_lock_when_the_index_is_lost_and_another_process_comes(tmp_path: Path) -> None:
    await LocalBlobs(tmp_path).put("photos", "a", b"x", "text/plain")
    until = datetime.now(UTC) + timedelta(days=1)
    await LocalBlobs(tmp_path).retain("photos", "a", until)
    (tmp_path / "index.sqlite3").unlink(missing_ok=True)
    assert [one.retain_until async for one in LocalBlobs(tmp_path).list("photos")] == [until]
    with pytest.raises(BlobRetained):
        await LocalBlobs(tmp_path).delete("photos", "a")


async def test_tidies_only_what_no_put_has_written_to_for_so_long(tmp_path: Path) -> None:
    store = LocalBlobs(tmp_path)
    ref = await store.put("photos", "a", b"x", "text/plain")
    [path] = tmp_path.rglob("*.blob")
    old, young = path.parent / ".old.tmp", path.parent / ".young.tmp"
    for leftover in (old, young):
        leftover.write_bytes(b"half")
    os.utime(old, (1, 1))
    assert await store.tidy("photos", timedelta(hours=1)) == 1
    assert (old.exists(), young.exists()) == (False, True)
    assert await store.get(ref) == b"x"


async def test_asks_for_a_secret_when_it_should_presign_without_one(tmp_path: Path) -> None:
    store = LocalBlobs(tmp_path)
    ref = await store.put("photos", "a", b"x", "text/plain")
    with pytest.raises(Misconfigured, match="link secret"):
        await store.presign_get(ref, timedelta(hours=1))


@pytest.mark.slow
async def test_leaves_no_half_object_when_killed_in_the_middle_of_puts(tmp_path: Path) -> None:
    harm = await kill_writers(Victim(tmp_path), kills=6, seed=20_261_124)
    assert (harm.kills, harm.half_objects, harm.lost, harm.leftovers) == (6, 0, 0, 0)
    assert harm.puts > 0


@pytest.mark.slow
async def test_the_kill_bench_sees_a_half_object_and_a_lost_one(tmp_path: Path) -> None:
    """What it counts as harm is harm: a file cut short, and one that is gone."""
    victim = Victim(tmp_path)
    store = victim.open()
    for key in ("k0", "k1", "k2"):
        await store.put(BUCKET, key, os.urandom(100_000), "application/octet-stream")
    possible: Possible = {one.ref.key: {one.ref.sha256} async for one in store.list(BUCKET)}
    harm = Harm()
    await inspect(victim, possible, harm)
    assert harm == Harm()
    files = sorted(tmp_path.rglob("*.blob"))
    files[0].write_bytes(files[0].read_bytes()[:50_000])
    files[1].unlink()
    await inspect(victim, possible, harm)
    assert (harm.half_objects, harm.lost) == (1, 2)


@given(st.text(max_size=40))
def test_accepts_only_keys_that_stay_in_their_bucket_when_read_as_a_path(key: str) -> None:
    try:
        check_key(key)
    except InvalidBlobName:
        return
    assert os.path.normpath(f"/bucket/{key}") == f"/bucket/{key}"
