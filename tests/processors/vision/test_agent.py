"""Vision as it is wired: photos from the store, findings and pictures back."""

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from connectors.blobs.local import LocalBlobs
from infra.demo.boards import golden, photo, to_jpeg
from infra.demo.labels import label
from infra.train.bare_boards import draw_pair
from processors.vision.agent import wire
from processors.vision.config import Policy
from processors.vision.goldens import Goldens
from processors.vision.pool import Inspector
from schemas.core.blob_ref import BlobRef
from schemas.images import ImageJudged
from schemas.inspections import BoardInspected, BoardInspectionRefused, InspectBoard
from schemas.labels import label_digest
from tests.support.driver import Driver
from tests.support.vault import NO_PLACE, vault_in

BOARD = "NZL-PSU-10"
VAULT = vault_in(NO_PLACE)
TICKET = "T-0001"


@pytest.fixture
async def blobs(tmp_path: Path) -> LocalBlobs:
    store = LocalBlobs(tmp_path)
    await store.put("goldens", f"{BOARD}.jpg", to_jpeg(golden(BOARD, 1200)), "image/jpeg")
    return store


@pytest.fixture
async def inspector() -> AsyncIterator[Inspector]:
    one = Inspector(1)
    yield one
    one.close()


async def stored(blobs: LocalBlobs, *pictures: bytes) -> tuple[BlobRef, ...]:
    return tuple(
        [
            await blobs.put("images", f"{TICKET}/{number}.jpg", data, "image/jpeg")
            for number, data in enumerate(pictures)
        ]
    )


async def test_finds_a_fault_once_and_stores_the_picture_when_all_is_sent_twice(
    blobs: LocalBlobs, inspector: Inspector
) -> None:
    driver = Driver(lambda app: wire(app, inspector, Goldens(blobs), blobs, VAULT), "vision", redeliver=True)
    shot = to_jpeg(photo(BOARD, 3, width_px=1200, defects=("burn",)).picture)

    await driver.pipe(InspectBoard(ticket_id=TICKET, photos=await stored(blobs, shot), board_model=BOARD))

    [inspected] = driver.read(BoardInspected)
    assert inspected.compared
    assert inspected.findings
    assert [judged.verdict for judged in driver.read(ImageJudged)] == ["usable"]
    drawn = await blobs.get(inspected.annotated[0])
    assert drawn.startswith(b"\xff\xd8")
    assert driver.dead() == []


async def test_finds_the_defects_of_a_bare_board_when_its_template_is_stored(
    blobs: LocalBlobs, inspector: Inspector
) -> None:
    pair = draw_pair(9001, 3)
    template, tested = (to_jpeg((1 - one) * np.uint8(255)) for one in (pair.template, pair.tested))
    await blobs.put("goldens", "BARE-1.jpg", template, "image/jpeg")
    driver = Driver(lambda app: wire(app, inspector, Goldens(blobs), blobs, VAULT), "vision")

    await driver.pipe(InspectBoard(ticket_id=TICKET, photos=await stored(blobs, tested), board_model="BARE-1"))

    [inspected] = driver.read(BoardInspected)
    assert inspected.compared
    assert len(inspected.findings) >= len(pair.marks) - 1
    assert {one.kind for one in inspected.findings} <= {one.kind for one in pair.marks}
    assert len(inspected.annotated) == 1


async def test_calls_a_photo_unreadable_when_the_store_lost_it(blobs: LocalBlobs, inspector: Inspector) -> None:
    driver = Driver(lambda app: wire(app, inspector, Goldens(blobs), blobs, VAULT), "vision")
    [ref] = await stored(blobs, b"not for long")
    await blobs.delete(ref.bucket, ref.key)

    await driver.pipe(InspectBoard(ticket_id=TICKET, photos=(ref,), board_model=None))

    [refused] = driver.read(BoardInspectionRefused)
    assert refused.problems[0].code == "unreadable"


async def test_hands_the_board_to_a_person_when_the_engine_cannot_finish(blobs: LocalBlobs) -> None:
    hurried = Inspector(1, limit_s=0.001)
    driver = Driver(lambda app: wire(app, hurried, Goldens(blobs), blobs, VAULT), "vision")
    try:
        await driver.pipe(InspectBoard(ticket_id=TICKET, photos=await stored(blobs, b"a"), board_model=None))
    finally:
        hurried.close()

    [refused] = driver.read(BoardInspectionRefused)
    assert refused.reason == "engine_failed"
    assert "send fewer or smaller" in refused.detail
    assert driver.dead() == []


async def test_reads_the_label_on_a_photo_that_shows_no_board_and_says_it_sealed(
    blobs: LocalBlobs, inspector: Inspector, tmp_path: Path
) -> None:
    vault = vault_in(tmp_path / "vault")
    driver = Driver(lambda app: wire(app, inspector, Goldens(blobs), blobs, vault), "vision", redeliver=True)
    shot = to_jpeg(label("IMEI:490154203237518", "https://example.com/help"))

    await driver.pipe(InspectBoard(ticket_id=TICKET, photos=await stored(blobs, shot)))

    [judged] = driver.read(ImageJudged)
    told = {one.kind: one for one in judged.codes}
    assert set(told) == {"imei", "link"}
    assert told["imei"].digest == label_digest(TICKET, "490154203237518")
    assert await vault.open_text(told["imei"].text or "") == "IMEI:490154203237518"
    assert b"4901542" not in judged.to_json()


async def test_keeps_before_after_and_heat_map_where_they_are_asked_for(blobs: LocalBlobs) -> None:
    asked = Inspector(1, policy=Policy(slider=True))
    driver = Driver(lambda app: wire(app, asked, Goldens(blobs), blobs, VAULT), "vision")
    shot = to_jpeg(photo(BOARD, 3, width_px=1200, defects=("burn",)).picture)
    try:
        await driver.pipe(
            InspectBoard(ticket_id=TICKET, photos=await stored(blobs, b"no photo", shot), board_model=BOARD)
        )
    finally:
        asked.close()

    [inspected] = driver.read(BoardInspected)
    [pictures] = inspected.pictures
    assert (pictures.photo, pictures.annotated) == (1, inspected.annotated[0])
    assert len(pictures.boxes) == len(inspected.findings) > 0
    for ref in (pictures.before, pictures.after, pictures.heat):
        assert ref is not None
        assert (await blobs.get(ref)).startswith(b"\xff\xd8")
