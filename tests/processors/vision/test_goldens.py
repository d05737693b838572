"""Looking golden pictures up in the object store."""

from pathlib import Path

import pytest

from connectors.blobs.local import LocalBlobs
from processors.vision.goldens import Goldens, store_set
from processors.vision.references import Reference

BOARD = "NZL-PSU-10"


async def test_finds_the_picture_of_the_model_when_it_is_stored(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path)
    await blobs.put("goldens", f"{BOARD}.jpg", b"picture", "image/jpeg")
    assert await Goldens(blobs).find(BOARD) == (Reference(b"picture"),)


async def test_finds_the_set_before_the_single_picture_when_both_are_stored(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path)
    await blobs.put("goldens", f"{BOARD}.jpg", b"picture", "image/jpeg")
    front = {"front.jpg": b"front", "front.tolerance.png": b"map", "front.json": b'{"lift": 4.0}'}
    await store_set(blobs, BOARD, front | {"back.jpg": b"back"})
    await store_set(blobs, f"{BOARD}-B", {"front.jpg": b"another board"})
    assert await Goldens(blobs).find(BOARD) == (
        Reference(b"back", name="back"),
        Reference(b"front", b"map", 4.0, "front"),
        Reference(b"picture"),
    )


async def test_takes_no_lift_when_the_card_is_damaged(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path)
    await store_set(blobs, BOARD, {"front.jpg": b"front", "front.json": b"[1"})
    assert await Goldens(blobs).find(BOARD) == (Reference(b"front", name="front"),)


@pytest.mark.parametrize("model", [None, "NZL-NONE-0"])
async def test_finds_nothing_when_no_model_or_picture_is_known(tmp_path: Path, model: str | None) -> None:
    assert await Goldens(LocalBlobs(tmp_path)).find(model) == ()
