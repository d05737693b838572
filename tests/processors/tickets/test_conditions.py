from typing import Any

import pytest

from processors.gateway.edge.sheets import SHEET_WORDS
from processors.tickets.conditions.agent import wire_conditions
from processors.tickets.conditions.checklists import CHECKLISTS, checklist_of
from processors.tickets.conditions.decide import PHOTOS_MAX
from schemas.conditions import (
    GRADES,
    AddConditionPhoto,
    ConditionAnswer,
    ConditionPhotoAdded,
    ConditionRecorded,
    ConditionRefused,
    ConditionsView,
    DocumentSigned,
    RecordCondition,
    SignDocument,
)
from schemas.core.blob_ref import BlobRef
from schemas.devices import DEVICE_CATEGORIES
from tests.support.driver import Driver

T = "T-0001"


def blob(number: int = 0) -> BlobRef:
    return BlobRef(bucket="images", key=f"k{number}", sha256=f"{number:064x}", size_bytes=1, media_type="image/png")


def recorded(*answers: ConditionAnswer, **changes: Any) -> RecordCondition:
    return RecordCondition(
        **{"ticket_id": T, "stage": "intake", "category": "mobile", "recorded_by": "ann", "answers": answers} | changes
    )


def signed(**changes: Any) -> SignDocument:
    fields = {"stage": "intake", "revision": 1, "language": "de", "document_sha256": "0" * 64, "signature": blob()}
    return SignDocument(**{"ticket_id": T, **fields} | changes)


@pytest.fixture(params=[False, True], ids=["once", "redelivered"])
def driver(request: pytest.FixtureRequest) -> Driver:
    return Driver(wire_conditions, "tickets", redeliver=request.param)


def reasons(driver: Driver) -> list[str]:
    return [refused.reason for refused in driver.read(ConditionRefused)]


async def test_keeps_an_answer_for_every_item_and_counts_revisions(driver: Driver) -> None:
    await driver.pipe(recorded(ConditionAnswer(item="screen", grade="damaged", note="crack")))
    driver.restart()
    await driver.pipe(recorded(ConditionAnswer(item="screen", grade="ok")))
    first, second = driver.read(ConditionRecorded)
    assert [answer.item for answer in first.answers] == list(checklist_of("mobile"))
    assert {answer.grade for answer in first.answers} == {"damaged", "not_checked"}
    assert (first.revision, second.revision) == (1, 2)
    view = driver.views()[T]
    assert isinstance(view, ConditionsView)
    [sheet] = view.sheets
    assert (sheet.revision, sheet.answers[0].grade) == (2, "ok")


async def test_refuses_what_is_not_on_the_list_and_two_answers_for_one_item(driver: Driver) -> None:
    await driver.pipe(recorded(ConditionAnswer(item="hose", grade="ok")))
    await driver.pipe(recorded(*[ConditionAnswer(item="screen", grade="ok")] * 2))
    assert reasons(driver) == ["unknown_item", "item_twice"]
    assert "on it are screen, touch" in driver.read(ConditionRefused)[0].detail
    assert driver.views() == {}


async def test_a_signature_is_for_the_newest_revision_or_for_none(driver: Driver) -> None:
    await driver.pipe(signed())
    await driver.pipe(recorded())
    await driver.pipe(signed(revision=2))
    await driver.pipe(signed())
    await driver.pipe(signed(stage="return"))
    assert reasons(driver) == ["nothing_recorded", "other_revision", "nothing_recorded"]
    assert len(driver.read(DocumentSigned)) == 1


async def test_keeps_a_photo_once_and_no_more_than_are_looked_at(driver: Driver) -> None:
    for number in range(PHOTOS_MAX):
        await driver.pipe(AddConditionPhoto(ticket_id=T, stage="return", item="screen", photo=blob(number)))
    await driver.pipe(AddConditionPhoto(ticket_id=T, stage="return", item="screen", photo=blob(0)))
    await driver.pipe(AddConditionPhoto(ticket_id=T, stage="return", photo=blob(0)))
    await driver.pipe(AddConditionPhoto(ticket_id=T, stage="intake", photo=blob(0)))
    view = driver.views()[T]
    assert isinstance(view, ConditionsView)
    assert [one.stage for one in view.photos].count("return") == PHOTOS_MAX
    assert len(view.photos) == PHOTOS_MAX + 1
    assert reasons(driver) == ["too_many_photos"]
    assert len(driver.read(ConditionPhotoAdded)) == PHOTOS_MAX + 2


def test_every_kind_of_device_has_a_list_and_every_item_and_grade_has_words_in_every_language() -> None:
    assert set(CHECKLISTS) == set(DEVICE_CATEGORIES)
    items = {item for items in CHECKLISTS.values() for item in items}
    for words in SHEET_WORDS.values():
        assert set(words.items) == items
        assert set(words.grades) == set(GRADES)
        assert len(set(words.items.values())) == len(items), words.language
    assert all(len(set(items)) == len(items) for items in CHECKLISTS.values())
