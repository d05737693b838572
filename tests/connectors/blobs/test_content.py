import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.blobs.content import FRESH, put_content
from connectors.blobs.local import LocalBlobs
from connectors.blobs.port import InvalidBlobName
from connectors.clock.clock import SettableClock


@pytest.mark.parametrize(("age", "written_again"), [(FRESH - timedelta(minutes=1), False), (FRESH, True)])
async def test_renews_an_object_that_a_sweep_could_take_soon(
    tmp_path: Path, age: timedelta, written_again: bool
) -> None:
    store, clock = LocalBlobs(tmp_path), SettableClock(datetime.now(UTC))
    ref = await put_content(store, "images", b"x", "text/plain")
    [path] = tmp_path.rglob("*.blob")
    put_at = clock.now().timestamp() - age.total_seconds()
    os.utime(path, (put_at, put_at))
    assert await put_content(store, "images", b"x", "text/plain", clock=clock) == ref
    assert (path.stat().st_mtime > put_at + 1) is written_again


async def test_heals_an_object_whose_stored_bytes_are_of_another_size(tmp_path: Path) -> None:
    store = LocalBlobs(tmp_path)
    ref = await put_content(store, "images", b"right", "text/plain")
    await store.put("images", ref.key, b"something else", "text/plain")
    assert await put_content(store, "images", b"right", "text/plain") == ref
    assert await store.get(ref) == b"right"


async def test_leaves_a_locked_object_as_it_is(tmp_path: Path) -> None:
    store, clock = LocalBlobs(tmp_path), SettableClock(datetime.now(UTC) + 2 * FRESH)
    ref = await put_content(store, "images", b"x", "text/plain")
    await store.retain("images", ref.key, clock.now() + FRESH)
    assert await put_content(store, "images", b"x", "text/plain", clock=clock) == ref


async def test_refuses_nothing(tmp_path: Path) -> None:
    with pytest.raises(InvalidBlobName, match="no data"):
        await put_content(LocalBlobs(tmp_path), "images", b"", "text/plain")
