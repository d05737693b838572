"""An inspection as the bench sees it: JSON, pictures, page, and the warning of another number on a label."""

from datetime import timedelta

import httpx
import pytest

from connectors.blobs.content import put_content
from processors.gateway.edge.inspection_sheet import masked
from processors.gateway.label_matches import label_warnings, labels_of
from processors.gateway.summaries import summarize_event
from schemas.core.blob_ref import BlobRef
from schemas.devices import Device
from schemas.images import ImageJudged
from schemas.inspections import BoardInspected, Box, InspectionView, PhotoPictures
from schemas.labels import CodeKind, LabelCode, label_digest
from schemas.ticket_parts import TicketDevice
from schemas.tickets import TicketView
from tests.processors.gateway.world import NOW, TICKET, World, picture, problem, ticket_view
from tests.schemas.examples import examples_of

STATED, OTHER, SECOND = "490154203237518", "356938035643809", "351756051523999"
PLACE = f"/v1/tickets/{TICKET}/inspection"


def code(kind: CodeKind, number: str, text: str | None = None) -> LabelCode:
    box = {"x_px": 1, "y_px": 2, "width_px": 30, "height_px": 4}
    return LabelCode(kind=kind, symbology="code_128", text=text, digest=label_digest(TICKET, number), **box)


def judged(position: int, image: BlobRef, *codes: LabelCode) -> ImageJudged:
    return ImageJudged(ticket_id=TICKET, image=image, position=position, verdict="usable", codes=codes)


def phone(**changes: object) -> TicketView:
    return ticket_view(
        device=Device(category="mobile", imei=STATED, serial="C02 xl0g", lock_state="unlocked"), **changes
    )


REF = BlobRef(bucket="images", key="a", sha256="0" * 64, size_bytes=1, media_type="image/jpeg")


@pytest.mark.parametrize(
    ("codes", "matches"),
    [
        ([code("imei", STATED)], ["stated"]),
        ([code("imei", OTHER)], ["other"]),
        ([code("imei", STATED), code("imei", SECOND)], ["stated", None]),
        ([code("imei", OTHER), code("imei", SECOND)], ["other", "other"]),
        ([code("serial", "C02XL0G"), code("imei", OTHER)], ["stated", "other"]),
        ([code("other", "c02xl0g")], ["stated"]),
        ([code("other", "5CG712")], [None]),
        ([code("gtin", STATED[:13])], [None]),
    ],
)
def test_holds_numbers_on_labels_against_the_stated_ones(codes: list[LabelCode], matches: list[str | None]) -> None:
    labels = labels_of(phone(), [judged(0, REF, *codes)])
    assert [one.match for one in labels] == matches
    warned = {"other_imei_on_label"} if "other" in matches else set()
    assert {one["code"] for one in label_warnings(labels)} == warned


def test_takes_a_number_of_any_device_of_the_ticket_and_one_on_any_photo() -> None:
    second = TicketDevice(number=2, device=Device(category="mobile", imei=OTHER))
    images = [judged(0, REF, code("imei", SECOND)), judged(1, REF, code("imei", OTHER))]
    labels = labels_of(phone(devices=(second,)), images)
    assert [one.match for one in labels] == [None, "stated"]
    bare = ticket_view(device=Device(category="mobile"))
    assert [one.match for one in labels_of(bare, [judged(0, REF, code("imei", OTHER))])] == ["not_stated"]


@pytest.mark.parametrize(
    ("text", "kind", "shown"),
    [
        ("IMEI: 490154203237518", "imei", "…7518"),
        ("12345678", "serial", "…"),
        ("4006381333931", "gtin", "4006381333931"),
        ("https://user:secret@example.com/x?token=1", "link", "example.com/…"),
        ("http://[broken", "link", "…"),
    ],
)
def test_masks_what_leads_to_a_person(text: str, kind: CodeKind, shown: str) -> None:
    assert masked(text, kind) == shown


async def looked_at(world: World) -> BlobRef:
    """A ticket whose label shows another IMEI than was stated, beside the full example of an inspection."""
    world.feed(phone())
    ref = await put_content(world.blobs, "images", picture(), "image/jpeg")
    said = await world.vault.seal_text(TICKET, f"IMEI: {OTHER}")
    full = examples_of(BoardInspected)["full"]
    assert isinstance(full, BoardInspected)
    box = Box(x_px=90, y_px=80, width_px=20, height_px=10)
    pictures = PhotoPictures(
        photo=0, annotated=ref, before=ref, after=ref, heat=ref, width_px=400, height_px=300, boxes=(box, box)
    )
    inspected = full.model_copy(update={"ticket_id": TICKET, "annotated": (ref,), "pictures": (pictures,)})
    images = (judged(0, ref), judged(1, ref, code("imei", OTHER, said), code("link", "https://example.com/a")))
    world.feed(InspectionView(ticket_id=TICKET, status="inspected", images=images, inspected=inspected))
    return ref


async def test_shows_findings_condition_codes_and_where_the_pictures_are(world: World) -> None:
    await looked_at(world)
    async with world.client("tickets:read") as client:
        told = (await client.get(PLACE)).json()
        board, label = told["photos"]
        assert [one["kind"] for one in board["findings"]] == ["corrosion", "shifted_part"]
        assert board["condition"]["areas"][1] == {
            "kind": "corrosion", "zone": "bottom_right", "percent": 3.69, "severity": "high",
        }  # fmt: skip
        assert [(one["kind"], one["shown"], one["match"]) for one in label["codes"]] == [
            ("imei", f"…{OTHER[-4:]}", "other"), ("link", None, None),
        ]  # fmt: skip
        assert "is not the one that was stated" in told["notices"][0]
        assert OTHER not in str(told)
        for variant in ("original", "annotated", "before", "after", "heat"):
            shown = await client.get(board["pictures"][variant])
            assert (shown.content, shown.headers["content-type"]) == (picture(), "image/jpeg")
            again = await client.get(board["pictures"][variant], headers={"If-None-Match": shown.headers["etag"]})
            assert again.status_code == 304
        assert label["pictures"]["before"] is None
        problem(await client.get(f"{PLACE}/photos/1?variant=before"), 404, "not_found")
        problem(await client.get(f"{PLACE}/photos/2"), 404, "not_found")


async def test_warns_of_another_imei_until_the_ticket_is_corrected(world: World) -> None:
    await looked_at(world)
    async with world.client("tickets:read") as client:
        [warning] = (await client.get(f"/v1/tickets/{TICKET}")).json()["warnings"]
        assert (warning["code"], "photo 2" in warning["detail"]) == ("other_imei_on_label", True)
        world.feed(phone().model_copy(update={"device": Device(category="mobile", imei=OTHER), "version": 9}))
        assert (await client.get(f"/v1/tickets/{TICKET}")).json()["warnings"] == []
        assert (await client.get(PLACE)).json()["notices"] == []


async def test_opens_a_page_behind_a_signed_address_for_a_working_day(world: World) -> None:
    await looked_at(world)
    async with world.client("tickets:read") as client:
        told = (await client.get(PLACE)).json()
    address = httpx.URL(told["page"]).path
    async with world.client() as stranger:
        page = await stranger.get(address)
        assert page.status_code == 200
        assert "not the stated one" in page.text
        assert OTHER not in page.text
        assert "corrosion 3.69 %, high" in page.text
        assert '<rect class="medium" x="84" y="74" width="32" height="22">' in page.text
        assert "no-store" in page.headers["cache-control"]
        policy = page.headers["content-security-policy"]
        assert "img-src 'self'" in policy
        assert page.text.count("<script") == page.text.count('<script nonce="') == 1
        shown = await stranger.get(f"{address}/0?variant=heat")
        assert shown.content == picture()
        assert (await stranger.get(f"{address}/7")).status_code == 404
        assert (await stranger.get(f"{address[:-2]}xx")).status_code == 404
        world.clock.advance(timedelta(hours=9))
        assert (await stranger.get(address)).status_code == 410
        assert (await stranger.get(f"{address}/0?variant=heat")).status_code == 410


async def test_shows_nothing_of_an_erased_ticket(world: World) -> None:
    await looked_at(world)
    async with world.client("tickets:read") as client:
        told = (await client.get(PLACE)).json()
        world.feed(phone(erased_at=NOW, version=9))
        for address in (PLACE, told["photos"][0]["pictures"]["annotated"]):
            problem(await client.get(address), 404, "not_found")
        page = httpx.URL(told["page"]).path
        assert (await client.get(page)).status_code == (await client.get(f"{page}/0")).status_code == 404


async def test_says_so_when_nothing_was_inspected_or_nothing_could_be(world: World) -> None:
    world.feed(phone())
    async with world.client("tickets:read") as client:
        problem(await client.get(PLACE), 404, "not_found")
        refused = examples_of(InspectionView)["refused"].model_copy(update={"ticket_id": TICKET})
        assert isinstance(refused, InspectionView)
        world.feed(refused)
        told = (await client.get(PLACE)).json()
        assert refused.refused is not None
        assert told["refused"] == refused.refused.detail
        async with world.client() as stranger:
            page = await stranger.get(httpx.URL(told["page"]).path)
        assert "take it again" in page.text


def test_the_timeline_says_what_the_labels_of_a_photo_hold_but_not_the_numbers() -> None:
    said = summarize_event(judged(1, REF, code("imei", OTHER), code("link", "https://example.com")))
    assert said == "Photo 2 is usable. Its labels hold an IMEI, a link."
    assert summarize_event(judged(0, REF)) == "Photo 1 is usable."
