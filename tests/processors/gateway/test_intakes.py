import asyncio
import json
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest

from connectors.bus.stage import WorkerStop
from schemas.core.envelope import Envelope
from schemas.core.message import Event, Message, View
from schemas.core.trace import began
from schemas.tickets import IntakeRefused, SubmitIntake, TicketView
from tests.processors.gateway.world import NOW, World, picture, problem
from topics.tickets import TICKET_VIEWS

FORM: dict[str, Any] = {
    "device": {"category": "laptop", "brand": "Lenovo", "model": "T480", "age_years": 6},
    "complaint": "Does not charge any more.",
    "customer": {"name": "Ada Example", "mail": "ada@example.org", "phone": "+31612345678", "language": "nl",
                 "quiet_hours": {"time_zone": "Europe/Amsterdam", "start": "22:00", "end": "07:00"}},
    "channel": "kiosk",
    "consent_version": "2026-01",
}  # fmt: skip
TWO = (picture(seed=1), picture(seed=2))


def _parts(photos: tuple[bytes, ...], media_type: str = "image/jpeg") -> list[tuple[str, tuple[str, bytes, str]]]:
    return [("photos", (f"{number}.jpg", data, media_type)) for number, data in enumerate(photos)]


async def _send(
    client: httpx.AsyncClient, form: dict[str, Any] | str = FORM, photos: tuple[bytes, ...] = TWO, **headers: str
) -> httpx.Response:
    text = form if isinstance(form, str) else json.dumps(form)
    return await client.post("/v1/intakes", data={"intake": text}, files=_parts(photos), headers=headers)


async def test_opens_a_ticket_when_the_form_and_photos_are_good(world: World) -> None:
    async with world.client("tickets:write", "tickets:read") as client:
        response = await _send(client)
        body = response.json()
        assert response.status_code == 201
        assert body["status"] == "opened"
        assert response.headers["location"] == body["links"]["ticket"] == f"/v1/tickets/{body['ticket_id']}"
        ticket = (await client.get(body["links"]["ticket"])).json()
    assert ticket["state"] == "received"
    assert [ref["key"].rpartition("/")[2] for ref in ticket["photos"]] == [ref["sha256"] for ref in ticket["photos"]]
    assert len(ticket["photos"]) == 2
    envelope, command = world.sent[0]
    assert isinstance(command, SubmitIntake)
    assert envelope.subject == envelope.correlation_id == body["ticket_id"]
    assert (envelope.auth_type, envelope.source) == ("api_key", "/noizylab/gateway")
    assert "Ada" not in command.model_dump_json()
    contact = await world.vault.get(command.customer_id)
    assert contact is not None
    assert (contact.name, contact.language, contact.channels) == ("Ada Example", "nl", ("mail", "sms"))


async def test_goes_on_with_the_trace_of_the_caller(world: World) -> None:
    given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with world.client("tickets:write") as client:
        await _send(client, traceparent=given, tracestate="vendor=1")
        await _send(client, traceparent="00-zero", tracestate="vendor=2")
    (with_trace, _), (without, _) = world.sent
    assert (with_trace.traceparent, with_trace.tracestate) == (given, "vendor=1")
    assert without.traceparent == began(without.correlation_id, without.id)
    assert without.tracestate is None


async def test_stores_photos_without_metadata_and_serves_them(world: World) -> None:
    done, plain = cv2.imencode(".jpg", np.full((330, 400, 3), 90, np.uint8))
    assert done
    jpeg = plain.tobytes()
    comment = b"\xff\xfe\x00\x0fSECRET-PLACE!"
    async with world.client("tickets:write", "tickets:read") as client:
        opened = (await _send(client, photos=(jpeg[:2] + comment + jpeg[2:], picture(suffix=".png")))).json()
        base = f"/v1/tickets/{opened['ticket_id']}/images"
        first, second = await client.get(f"{base}/0"), await client.get(f"{base}/1")
        assert first.headers["content-type"] == "image/jpeg"
        assert second.headers["content-type"] == "image/png"
        assert b"SECRET-PLACE" not in first.content
        again = await client.get(f"{base}/0", headers={"If-None-Match": first.headers["etag"]})
        assert again.status_code == 304
        problem(await client.get(f"{base}/2"), 404, "not_found")
        problem(await client.get(f"{base}/0?variant=annotated"), 404, "not_found")


async def test_is_the_same_ticket_when_sent_again_with_the_same_idempotency_key(world: World) -> None:
    async with world.client("tickets:write") as client:
        first = await _send(client, **{"Idempotency-Key": "kiosk-7/42"})
        second = await _send(client, **{"Idempotency-Key": "kiosk-7/42"})
        other = await _send(client, **{"Idempotency-Key": "kiosk-7/43"})
        assert (first.status_code, second.status_code, other.status_code) == (201, 201, 201)
        assert first.json() == second.json() != other.json()
        reused = await _send(client, FORM | {"complaint": "Another."}, **{"Idempotency-Key": "kiosk-7/42"})
        assert problem(reused, 422, "idempotency_key_reused")["ticket_id"] == first.json()["ticket_id"]
    async with world.client("tickets:write") as someone_else:
        theirs = await _send(someone_else, **{"Idempotency-Key": "kiosk-7/42"})
        assert theirs.json()["ticket_id"] != first.json()["ticket_id"]
    assert len({envelope.subject for envelope, _ in world.sent}) == 3


async def test_keeps_the_command_id_when_a_retry_comes_before_the_view(world: World) -> None:
    world.silent()
    async with world.client("tickets:write") as client:
        for _ in range(2):
            response = await _send(client, **{"Idempotency-Key": "a"})
            assert response.status_code == 202
            assert response.headers["location"].startswith("/v1/tickets/T-")
    assert len(world.sent) == 2
    assert world.sent[0][0].id == world.sent[1][0].id
    assert world.sent[0][1] == world.sent[1][1]


async def test_waits_for_the_view_so_that_the_sender_reads_its_own_write(world: World) -> None:
    late: list[tuple[View, Envelope]] = []
    answer = world.answer

    def without_view(command: Message, envelope: Envelope) -> list[tuple[Event, View | None]]:
        ((event, view),) = answer(command, envelope)
        assert view is not None
        late.append((view, envelope))
        asyncio.get_running_loop().call_later(0.005, lambda: world.feed(view, cause=envelope))
        return [(event, None)]

    world.answer = without_view
    async with world.client("tickets:write", "tickets:read") as client:
        response = await _send(client)
        assert response.status_code == 201
        assert (await client.get(response.headers["location"])).status_code == 200
    assert late


async def test_is_a_problem_with_the_reason_and_forgets_the_contact_when_the_shop_refuses(world: World) -> None:
    world.answer = lambda command, envelope: [
        (
            IntakeRefused(
                ticket_id=envelope.subject, reason="bad_imei", detail="The IMEI's check digit is 3.", refused_at=NOW
            ),
            None,
        )
    ]
    async with world.client("tickets:write") as client:
        body = problem(await _send(client), 422, "intake_refused")
    assert (body["reason"], body["detail"]) == ("bad_imei", "The IMEI's check digit is 3.")
    command = world.sent[0][1]
    assert isinstance(command, SubmitIntake)
    assert await world.vault.get(command.customer_id) is None


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"colour": "red"}, "intake.colour", "extra_forbidden"),
        ({"device": {"category": "laptop", "weight": 3}}, "intake.device.weight", "extra_forbidden"),
        ({"device": {"category": "spaceship"}}, "intake.device.category", "literal_error"),
        ({"device": {"category": "laptop", "age_years": "six"}}, "intake.device.age_years", "float_type"),
        ({"complaint": ""}, "intake.complaint", "string_too_short"),
        ({"complaint": "x" * 100_000}, "intake.complaint", "string_too_long"),
        ({"complaint": "bell \x07 rings"}, "intake.complaint", "value_error"),
        ({"customer": {"name": "Eve\nBcc: all"}}, "intake.customer.name", "value_error"),
        ({"customer": {"name": "Eve", "mail": "nobody"}}, "intake.customer.mail", "string_pattern_mismatch"),
        ({"customer": {"name": "Eve", "phone": "0612"}}, "intake.customer.phone", "string_pattern_mismatch"),
        ({"pre_approved_cents": -1}, "intake.pre_approved_cents", "greater_than_equal"),
        ({"pre_approved_cents": "100"}, "intake.pre_approved_cents", "int_type"),
        ({"language": "Dutch"}, "intake.language", "string_pattern_mismatch"),
    ],
)
async def test_names_the_field_when_the_form_is_wrong(
    world: World, change: dict[str, Any], field: str, code: str
) -> None:
    async with world.client("tickets:write") as client:
        response = await _send(client, FORM | change)
    body = problem(response, 422, "validation")
    assert [(error["field"], error["code"]) for error in body["errors"]] == [(field, code)]
    assert body["detail"].startswith(f"{field}: ")
    assert len(response.content) < 1000
    assert not world.sent


async def test_names_position_and_character_when_a_text_holds_a_control_character(world: World) -> None:
    async with world.client("tickets:write") as client:
        body = (await _send(client, FORM | {"complaint": "bell \x07"})).json()
    assert "U+0007 at position 5" in body["detail"]


def _bomb() -> bytes:
    """A PNG whose header promises 60,000 x 60,000 pixels."""
    real = picture(suffix=".png")
    side = (60_000).to_bytes(4, "big")
    import zlib

    header = b"IHDR" + side + side + real[24:29]
    return real[:12] + header + zlib.crc32(header).to_bytes(4, "big") + real[33:]


@pytest.mark.parametrize(
    ("photo", "status", "code"),
    [
        (b"\xff\xd8\xff\xe0 this is no picture", 422, "unreadable"),
        (picture()[:600], 422, "unreadable"),
        (picture(width=60, height=60), 422, "too_small"),
        (_bomb(), 422, "too_large"),
        (b"GIF89a" + bytes(200), 415, "unsupported_type"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "unsupported_type"),
        (b"", 415, "unsupported_type"),
    ],
    ids=["unreadable", "cut-short", "tiny", "bomb", "gif", "svg", "empty"],
)
async def test_names_the_photo_when_it_cannot_be_taken(world: World, photo: bytes, status: int, code: str) -> None:
    async with world.client("tickets:write") as client:
        response = await _send(client, photos=(TWO[0], photo))
    body = problem(response, status, "unsupported_media_type" if status == 415 else "validation")
    assert [(error["field"], error["code"]) for error in body["errors"]] == [("photos.1", code)]
    assert not world.sent
    assert [ref async for ref in world.blobs.list("images")] == []


async def test_judges_a_photo_by_its_bytes_when_its_label_is_wrong(world: World) -> None:
    async with world.client("tickets:write") as client:
        files = _parts((picture(suffix=".png"), TWO[0]), media_type="application/pdf")
        response = await client.post("/v1/intakes", data={"intake": json.dumps(FORM)}, files=files)
    assert response.status_code == 201
    command = world.sent[0][1]
    assert isinstance(command, SubmitIntake)
    assert [ref.media_type for ref in command.photos] == ["image/png", "image/jpeg"]


@pytest.mark.parametrize("count", [0, 1, 13])
async def test_says_how_many_photos_are_needed_when_there_are_too_few_or_too_many(world: World, count: int) -> None:
    async with world.client("tickets:write") as client:
        if count:
            response = await _send(client, photos=(TWO[0],) * count)
        else:
            body = b'--x\r\nContent-Disposition: form-data; name="intake"\r\n\r\n' + json.dumps(FORM).encode()
            headers = {"Content-Type": "multipart/form-data; boundary=x"}
            response = await client.post("/v1/intakes", content=body + b"\r\n--x--\r\n", headers=headers)
    error = problem(response, 422, "validation")["errors"][0]
    assert error["field"] == "photos"
    assert f"{count} photos sent, 2 to 12" in error["detail"]


async def test_refuses_a_photo_that_is_larger_than_the_limit(world: World) -> None:
    async with world.client("tickets:write") as client:
        response = await _send(client, photos=(TWO[0], TWO[1] + bytes(15_000_001)))
    body = problem(response, 413, "too_large")
    assert body["errors"][0]["field"] == "photos.1"
    assert "15 MB" in body["detail"]


async def test_stops_reading_when_the_body_passes_its_limit(tmp_path: Path) -> None:
    world = World(tmp_path)
    taken = 0

    async def endless() -> Any:
        nonlocal taken
        yield b'--x\r\nContent-Disposition: form-data; name="photos"; filename="a"\r\n\r\n'
        while taken < 1_000_000_000:
            taken += 4_000_000
            yield bytes(4_000_000)

    async with world.client("tickets:write") as client:
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        problem(await client.post("/v1/intakes", content=endless(), headers=headers), 413, "too_large")
        assert taken <= 88_000_000
        headers["Content-Length"] = "90000000"
        problem(await client.post("/v1/intakes", content=b"", headers=headers), 413, "too_large")


@pytest.mark.parametrize(
    ("content", "content_type", "status", "code"),
    [
        (b"{}", "application/json", 415, "unsupported_media_type"),
        (b"nonsense", "multipart/form-data; boundary=x", 400, "malformed"),
        (b"nonsense", "multipart/form-data", 400, "malformed"),
        (b"--x--\r\n", "multipart/form-data; boundary=x", 422, "validation"),
    ],
)
async def test_says_what_to_send_when_the_body_is_no_intake(
    world: World, content: bytes, content_type: str, status: int, code: str
) -> None:
    async with world.client("tickets:write") as client:
        response = await client.post("/v1/intakes", content=content, headers={"Content-Type": content_type})
    problem(response, status, code)


async def test_names_a_part_that_does_not_exist(world: World) -> None:
    async with world.client("tickets:write") as client:
        data = {"intake": json.dumps(FORM), "note": "hello"}
        response = await client.post("/v1/intakes", data=data, files=_parts(TWO))
        assert problem(response, 422, "validation")["errors"][0]["field"] == "note"
        response = await client.post("/v1/intakes", data={"intake": "{"}, files=_parts(TWO))
        assert problem(response, 422, "validation")["errors"][0]["code"] == "json_invalid"


async def test_takes_the_form_as_a_file_and_a_complaint_in_any_language(world: World) -> None:
    form = FORM | {"complaint": "充電できません。Зарядка не работает. 🔋", "language": "ja"}
    files: list[Any] = [("intake", ("intake.json", json.dumps(form).encode(), "application/json")), *_parts(TWO)]
    async with world.client("tickets:write") as client:
        response = await client.post("/v1/intakes", files=files)
    assert response.status_code == 201
    ticket = world.views.view(TICKET_VIEWS, response.json()["ticket_id"], TicketView)
    assert ticket is not None
    assert ticket.complaint.startswith("nzs1.")
    async with world.client("tickets:read") as client:
        shown = await client.get(f"/v1/tickets/{ticket.ticket_id}")
        listed = await client.get("/v1/tickets")
    assert shown.json()["complaint"] == listed.json()["tickets"][0]["complaint"] == form["complaint"]


async def test_is_unavailable_with_a_retry_hint_when_the_log_is_down(world: World) -> None:
    world.down = WorkerStop("1 records unacknowledged after 60 s")
    async with world.client("tickets:write") as client:
        response = await _send(client)
    problem(response, 503, "unavailable")
    assert response.headers["retry-after"] == "2"


async def test_sends_nothing_again_when_the_intake_was_refused_before(world: World) -> None:
    world.answer = lambda command, envelope: [
        (IntakeRefused(ticket_id=envelope.subject, reason="r", detail="no", refused_at=NOW), None)
    ]
    async with world.client("tickets:write") as client:
        for _ in range(2):
            problem(await _send(client, **{"Idempotency-Key": "a"}), 422, "intake_refused")
    assert len(world.sent) == 1


async def test_holds_off_a_second_request_with_the_key_while_the_first_is_at_work(world: World) -> None:
    async with world.client("tickets:write") as client:
        both = await asyncio.gather(
            _send(client, **{"Idempotency-Key": "a"}),
            _send(client, FORM | {"customer": {"name": "Mallory"}}, **{"Idempotency-Key": "a"}),
        )
        assert sorted(response.status_code for response in both) == [201, 409]
        refused = next(response for response in both if response.status_code == 409)
        problem(refused, 409, "idempotency_key_in_use")
        assert refused.headers["retry-after"] == "2"
        assert (await _send(client, **{"Idempotency-Key": "a"})).status_code == 201
    assert len(world.sent) == 1
