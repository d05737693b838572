"""What the log is told, and the view folded from it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.vision.decide import NO_USABLE_PHOTO, decide
from processors.vision.inspect import Inspection, PhotoResult
from processors.vision.labels import SeenCode
from processors.vision.severity import severity_of
from processors.vision.state import evolve
from schemas.core.blob_ref import BlobRef
from schemas.core.outcome import Emit
from schemas.images import ImageJudged, ImageProblem
from schemas.inspections import (
    BoardInspected,
    BoardInspectionRefused,
    Box,
    Finding,
    InspectBoard,
    PhotoPictures,
)
from schemas.labels import label_digest

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
BLURRED = ImageProblem(code="blurred", advice="Hold still.", measured=0.1, limit=0.3)
DARK = ImageProblem(code="too_dark", advice="Add light.", measured=10, limit=60)
BURN = Finding(
    kind="burn", confidence=0.9, severity="high", photo=0, box=Box(x_px=1, y_px=2, width_px=3, height_px=4), area_px=9
)
SOUND = PhotoResult((), {"sharp": 0.7})
COMPARED = PhotoResult((), {"sharp": 0.7}, compared=True, findings=(BURN,), annotated=b"jpeg")
SPOILT = PhotoResult((BLURRED,), {"sharp": 0.1})
UNLIT = PhotoResult((DARK,), {"p95": 10})


def ref(name: str) -> BlobRef:
    return BlobRef(bucket="images", key=name, sha256="0" * 64, size_bytes=1, media_type="image/jpeg")


def drawn(photo: int) -> PhotoPictures:
    return PhotoPictures(photo=photo, annotated=ref(f"a{photo}"))


def wish(count: int) -> InspectBoard:
    photos = tuple(ref(f"T-0001/{n}.jpg") for n in range(count))
    return InspectBoard(ticket_id="T-0001", photos=photos, board_model="NZL-PSU-10")


@pytest.mark.parametrize(
    ("results", "pictures", "compared", "usable", "kinds"),
    [
        ((SOUND,), (), False, 1, []),
        ((COMPARED,), (drawn(0),), True, 1, ["burn"]),
        ((COMPARED, SOUND), (drawn(0),), True, 2, ["burn"]),
        ((SPOILT, COMPARED), (drawn(1),), True, 1, ["burn"]),
        ((SPOILT, SOUND), (), False, 1, []),
    ],
)
def test_states_what_the_photos_show_when_any_can_be_judged(results, pictures, compared, usable, kinds) -> None:
    outcome = decide(wish(len(results)), Inspection(results), pictures, NOW)
    assert isinstance(outcome, Emit)
    *judged, summary = outcome.messages
    assert [event.verdict for event in judged] == ["usable" if one.usable else "reshoot" for one in results]
    assert isinstance(summary, BoardInspected)
    assert (summary.compared, summary.photos_usable) == (compared, usable)
    assert summary.photos_refused == len(results) - usable
    assert [finding.kind for finding in summary.findings] == kinds
    assert summary.annotated == tuple(one.annotated for one in pictures)
    assert summary.pictures == pictures
    assert summary.inspected_at == NOW


def test_refuses_with_each_advice_once_when_no_photo_can_be_judged() -> None:
    outcome = decide(wish(3), Inspection((SPOILT, UNLIT, SPOILT)), (), NOW)
    assert isinstance(outcome, Emit)
    refusal = outcome.messages[-1]
    assert isinstance(refusal, BoardInspectionRefused)
    assert refusal.reason == NO_USABLE_PHOTO
    assert [problem.code for problem in refusal.problems] == ["blurred", "too_dark"]
    assert refusal.detail.count("Hold still.") == 1
    assert "none of the 3 photos" in refusal.detail


@given(st.lists(st.sampled_from([SOUND, COMPARED, SPOILT, UNLIT]), min_size=1, max_size=6))
def test_says_one_thing_of_each_photo_and_one_of_the_board_whatever_the_results(results: list[PhotoResult]) -> None:
    outcome = decide(wish(len(results)), Inspection(tuple(results)), (), NOW)
    assert isinstance(outcome, Emit)
    assert [event.position for event in outcome.messages if isinstance(event, ImageJudged)] == list(range(len(results)))
    assert len(outcome.messages) == len(results) + 1
    assert outcome == decide(wish(len(results)), Inspection(tuple(results)), (), NOW)


def fold(*outcomes: Emit):
    view = None
    for outcome in outcomes:
        for event in outcome.messages:
            view = evolve(view, event)
    return view


def test_shows_the_newest_inspection_only_when_a_ticket_is_inspected_again() -> None:
    refused = decide(wish(3), Inspection((SPOILT, SPOILT, UNLIT)), (), NOW)
    inspected = decide(wish(1), Inspection((COMPARED,)), (drawn(0),), NOW)
    view = fold(refused)
    assert (view.status, len(view.images), view.inspected) == ("refused", 3, None)
    view = fold(refused, inspected)
    assert (view.status, len(view.images), view.refused) == ("inspected", 1, None)
    assert view == fold(inspected)


def test_is_judged_between_the_photos_and_the_summary() -> None:
    outcome = decide(wish(2), Inspection((SOUND, SPOILT)), (), NOW)
    view = fold(Emit.of(*outcome.messages[:2]))
    assert (view.status, [image.position for image in view.images]) == ("judged", [0, 1])


def test_tells_codes_sealed_and_by_digest_also_of_a_photo_that_must_be_taken_again() -> None:
    imei = SeenCode("imei", "code_128", "IMEI: 490154203237518", "490154203237518", (1, 2, 30, 4))
    long = SeenCode("other", "qr", "x" * 300, "x" * 300, (5, 6, 7, 8))
    inspection = Inspection((PhotoResult((BLURRED,), {}, codes=(imei, long)),))
    outcome = decide(wish(1), inspection, (), NOW, {imei.text: "nzs1.T-0001.abc"})
    assert isinstance(outcome, Emit)
    judged, refused = outcome.messages
    assert isinstance(judged, ImageJudged)
    assert isinstance(refused, BoardInspectionRefused)
    [first, second] = judged.codes
    assert (first.kind, first.text, first.x_px, first.height_px) == ("imei", "nzs1.T-0001.abc", 1, 4)
    assert first.digest == label_digest("T-0001", "490154203237518") != label_digest("T-0002", "490154203237518")
    assert (second.kind, second.text) == ("other", None)
    assert "4901542" not in outcome.messages[0].to_json().decode()
    assert outcome == decide(wish(1), inspection, (), NOW, {imei.text: "nzs1.T-0001.abc"})


@given(st.floats(0, 1), st.floats(0, 1))
def test_never_gets_milder_when_a_finding_grows(a: float, b: float) -> None:
    rank = ["low", "medium", "high"]
    small, large = sorted((a, b))
    for kind in ("burn", "corrosion", "residue", "scratch", "difference", "bridge", "open", "missing_part"):
        assert rank.index(severity_of(kind, small)) <= rank.index(severity_of(kind, large))
