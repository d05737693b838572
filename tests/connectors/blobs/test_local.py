import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.blobs.local import LocalBlobs
from connectors.blobs.port import BlobCorrupt, InvalidBlobName, check_key
from connectors.errors import Misconfigured


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


async def test_names_the_file_when_its_description_is_damaged(tmp_path: Path) -> None:
    store = LocalBlobs(tmp_path)
    await store.put("photos", "a", b"original", "text/plain")
    [path] = _files(tmp_path)
    path.write_bytes(b"")
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


@given(st.text(max_size=40))
def test_accepts_only_keys_that_stay_in_their_bucket_when_read_as_a_path(key: str) -> None:
    try:
        check_key(key)
    except InvalidBlobName:
        return
    assert os.path.normpath(f"/bucket/{key}") == f"/bucket/{key}"
