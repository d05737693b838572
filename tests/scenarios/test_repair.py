"""Repairs through a whole shop: every process is real, one shop serves the module."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from connectors.bus.records import Outgoing
from connectors.client.auth import ApiKey
from connectors.client.calls_async import AsyncClient
from connectors.client.core import ServerEvent
from connectors.client.problems import Invalid, Unauthorized
from connectors.clock.clock import SystemClock
from connectors.intake.form import IntakeForm
from connectors.intake.submit import new_ticket_id
from infra.audit import replay_all
from infra.cli.kiosk import submit_intake
from infra.demo.intakes import DemoIntake, built_in_goldens, built_in_intakes
from infra.letters import Choice, Desk, Settlement, chosen_letters, read_letters
from schemas.core.envelope import Envelope
from schemas.core.message import Event
from schemas.diagnoses import FaultDiagnosed
from schemas.inspections import BoardInspected, BoardInspectionRefused
from schemas.inventory import PartsCommitted, PartsReleased, PartsReserved
from schemas.notifications import NotificationSent
from schemas.quotes import QuoteAccepted, QuoteDeclined, QuotePrepared
from schemas.tickets import IntakeRefused, MoveTicket, SubmitIntake, TicketOpened
from schemas.workflow import FlowEnded, TaskRaised
from tests.scenarios.live import (
    LiveShop,
    clerk,
    command,
    ended_ticket,
    eventually,
    hand_in,
    intake_by_phone,
    live_shop,
    read_stream,
)
from tests.scenarios.photos import bomb, tiny
from topics.tickets import TICKET_COMMANDS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]

BATTERY = "The battery is empty after ten minutes and it only runs on the charger."
WIDTH_PX = 1800
"""As wide as the golden pictures: a board that is drawn coarser has other lines, which vision tells of."""


@pytest.fixture(scope="module")
def intake() -> DemoIntake:
    """One customer with two photographs of a drawn board."""
    return next(built_in_intakes(1, width_px=WIDTH_PX))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LiveShop]:
    async with live_shop(tmp_path_factory.mktemp("shop") / "home", gateway=True) as running:
        board, golden = next(built_in_goldens())
        await running.ports.blobs.put("goldens", f"{board}.jpg", golden, "image/jpeg")
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(shop: LiveShop) -> AsyncIterator[AsyncClient]:
    """Somebody with the shop's API key."""
    async with await clerk(shop) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def customer() -> AsyncIterator[httpx.AsyncClient]:
    """Somebody without any key, who has a link."""
    async with httpx.AsyncClient(timeout=30) as opened:
        yield opened


async def quoted(shop: LiveShop, ticket_id: str) -> str:
    """Wait for the quote and its mail; return the link in it."""
    await shop.log.first(ticket_id, QuotePrepared)
    await shop.log.first(ticket_id, NotificationSent)
    return shop.link(ticket_id)


async def accept(shop: LiveShop, customer: httpx.AsyncClient, ticket_id: str) -> httpx.Response:
    """Follow the link in the mail and accept what is recommended; returns once the flow has ended."""
    link = await quoted(shop, ticket_id)
    [quote] = shop.log.of(ticket_id, QuotePrepared)
    answer = await customer.post(f"{link}/accept", data={"tier": quote.recommended, "signed_by": "Ada Lovelace"})
    await shop.log.first(ticket_id, FlowEnded)
    return answer


@dataclass(frozen=True, slots=True)
class Approved:
    """A repair that came in over HTTP and was approved, and what its live stream told."""

    ticket_id: str
    thanks: httpx.Response
    streamed: list[ServerEvent]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def approved(shop: LiveShop, client: AsyncClient, customer: httpx.AsyncClient, intake: DemoIntake) -> Approved:
    opened = await hand_in(client, intake.form, intake.photos)
    assert opened.status == "opened"
    ticket_id = opened.ticket_id
    streaming = asyncio.create_task(read_stream(client, ticket_id, FlowEnded.TYPE))
    thanks = await accept(shop, customer, ticket_id)
    return Approved(ticket_id, thanks, await streaming)


async def test_goes_from_photographs_to_approved_by_the_link_in_the_mail(
    shop: LiveShop, client: AsyncClient, approved: Approved
) -> None:
    ticket_id = approved.ticket_id
    assert approved.thanks.status_code == 200
    [quote] = shop.log.of(ticket_id, QuotePrepared)
    [signed] = shop.log.of(ticket_id, QuoteAccepted)
    assert (signed.quote_hash, signed.tier, signed.signed_by) == (quote.quote_hash, quote.recommended, "Ada Lovelace")
    [reserved], [committed] = shop.log.of(ticket_id, PartsReserved), shop.log.of(ticket_id, PartsCommitted)
    assert committed.lines == reserved.lines != ()
    [inspected] = shop.log.of(ticket_id, BoardInspected)
    assert (inspected.compared, inspected.photos_usable) == (True, 2)
    ticket = await ended_ticket(client, ticket_id)
    assert ticket.quote is not None
    assert (ticket.state, ticket.quote.status) == ("queued", "accepted")
    drawing = b"".join(
        [piece async for piece in client.get_ticket_image(ticket_id=ticket_id, number=0, variant="annotated")]
    )
    assert drawing.startswith(b"\xff\xd8")


async def test_streams_every_event_of_the_repair_and_resumes_where_a_reader_stopped(
    client: AsyncClient, approved: Approved
) -> None:
    streamed = approved.streamed
    told = [event.event for event in streamed]
    order: list[type[Event]] = [
        TicketOpened,
        BoardInspected,
        FaultDiagnosed,
        PartsReserved,
        QuotePrepared,
        QuoteAccepted,
        PartsCommitted,
    ]
    assert [kind for kind in told if kind in {one.TYPE for one in order}] == [one.TYPE for one in order]
    halfway = told.index(QuotePrepared.TYPE)
    rest = await read_stream(client, approved.ticket_id, FlowEnded.TYPE, streamed[halfway].id)
    after = {event.data["event"]["id"] for event in streamed[halfway + 1 :]}
    assert {event.data["event"]["id"] for event in rest} == after


async def test_is_in_the_figures_within_seconds(client: AsyncClient, approved: Approved) -> None:
    async def queued() -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = list((await client.get_figure(name="tickets_by_state")).rows)
        return [row for row in rows if row["state"] == "queued" and int(row["tickets"]) >= 1]

    assert await eventually("queued ticket in the figures", queued)
    rows: list[dict[str, Any]] = list((await client.get_figure(name="quote_funnel")).rows)
    [funnel] = rows
    assert int(funnel["accepted"]) >= 1


async def test_takes_the_same_path_when_the_kiosk_writes_to_the_log_itself(
    shop: LiveShop, customer: httpx.AsyncClient, intake: DemoIntake, approved: Approved
) -> None:
    form = IntakeForm.model_validate(intake.form)
    ticket_id = await submit_intake(shop.settings, form, list(intake.photos), "kiosk-1")
    assert await submit_intake(shop.settings, form, list(intake.photos), "kiosk-1") == ticket_id
    await accept(shop, customer, ticket_id)
    # The flow may end before the clocks have followed its last moves.
    await shop.log.until(
        "the same events of both repairs", lambda: shop.log.told(ticket_id) == shop.log.told(approved.ticket_id)
    )
    [seen], [seen_before] = shop.log.of(ticket_id, BoardInspected), shop.log.of(approved.ticket_id, BoardInspected)
    assert seen.findings == seen_before.findings != ()
    [fault], [fault_before] = shop.log.of(ticket_id, FaultDiagnosed), shop.log.of(approved.ticket_id, FaultDiagnosed)
    unlike = {"ticket_id", "diagnosed_at"}
    assert fault.model_dump(exclude=unlike) == fault_before.model_dump(exclude=unlike)


async def test_gives_the_parts_back_when_the_customer_declines(
    shop: LiveShop, client: AsyncClient, customer: httpx.AsyncClient
) -> None:
    ticket_id = await shop.call_in(BATTERY)
    link = await quoted(shop, ticket_id)
    await customer.post(f"{link}/decline", data={"reason": "too much for this old device"})
    ended = await shop.log.first(ticket_id, FlowEnded)
    assert ended.end_id == "declined"
    [declined] = shop.log.of(ticket_id, QuoteDeclined)
    assert declined.reason == "too much for this old device"
    [reserved], [released] = shop.log.of(ticket_id, PartsReserved), shop.log.of(ticket_id, PartsReleased)
    assert released.lines == reserved.lines != ()
    assert shop.log.of(ticket_id, PartsCommitted) == []
    again = await customer.post(f"{link}/accept", data={"tier": "original", "signed_by": "Ada Lovelace"})
    assert shop.log.of(ticket_id, QuoteAccepted) == [], again.text
    assert (await ended_ticket(client, ticket_id)).state == "declined"


GARBAGE = b"\xff\xd8\xff\xe0 this is no picture"


@pytest.mark.parametrize(
    ("second", "status", "code"),
    [
        (GARBAGE, 422, "unreadable"),
        (b"GIF89a" + bytes(200), 415, "unsupported_type"),
        (tiny(), 422, "too_small"),
        (bomb(), 422, "too_large"),
    ],
    ids=["unreadable", "wrong-type", "tiny", "bomb"],
)
async def test_names_the_photo_that_cannot_be_taken(
    client: AsyncClient, intake: DemoIntake, second: bytes, status: int, code: str
) -> None:
    with pytest.raises(Invalid) as refused:
        await hand_in(client, intake.form, (intake.photos[0], second))
    assert refused.value.status == status
    assert [(fault.field, fault.code) for fault in refused.value.faults] == [("photos.1", code)]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"colour": "red"}, "intake.colour"),
        ({"complaint": "x" * 100_000}, "intake.complaint"),
        ({"complaint": "It rings \x07 and rings"}, "intake.complaint"),
        ({"device": {"category": "spaceship"}}, "intake.device.category"),
    ],
    ids=["unknown-field", "100-kB-complaint", "control-character", "unknown-category"],
)
async def test_names_the_field_that_cannot_be_taken(
    client: AsyncClient, intake: DemoIntake, change: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        await hand_in(client, intake.form | change, intake.photos)
    assert refused.value.status == 422
    assert [fault.field for fault in refused.value.faults] == [field]


async def test_says_that_photos_are_missing_when_none_are_sent(client: AsyncClient, intake: DemoIntake) -> None:
    part = f'--x\r\nContent-Disposition: form-data; name="intake"\r\n\r\n{json.dumps(intake.form)}\r\n--x--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = await client.http.post("/v1/intakes", content=part.encode(), headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "photos")


async def test_is_unauthorized_with_a_wrong_key(shop: LiveShop, intake: DemoIntake) -> None:
    async with AsyncClient(shop.settings.public_url, ApiKey(f"nzl_live_AAAAAAAA_{'x' * 43}")) as stranger:
        with pytest.raises(Unauthorized, match="401 unauthorized"):
            await hand_in(stranger, intake.form, intake.photos)


async def test_asks_a_person_with_the_reason_when_the_complaint_is_in_japanese(
    shop: LiveShop, client: AsyncClient
) -> None:
    ticket_id = await shop.call_in("充電できません。画面が真っ暗なままです。", language="ja")
    task = await shop.log.first(ticket_id, TaskRaised)
    assert task.name == "Diagnose by hand"
    assert task.data["abstention"]["reason"]

    async def listed() -> list[str]:
        tasks = (await client.list_tasks(role="technician")).tasks
        return [one.name for one in tasks if one.ticket_id == ticket_id]

    assert await eventually("task in the list", listed) == ["Diagnose by hand"]


async def test_asks_for_better_photographs_when_the_stored_ones_are_gone(shop: LiveShop, intake: DemoIntake) -> None:
    blobs = shop.ports.blobs
    refs = [await blobs.put("images", f"gone/{n}.jpg", data, "image/jpeg") for n, data in enumerate(intake.photos)]
    for ref in refs:
        await blobs.delete(ref.bucket, ref.key)
    ticket_id = await shop.call_in(BATTERY, photos=tuple(refs))
    task = await shop.log.first(ticket_id, TaskRaised)
    [refused] = shop.log.of(ticket_id, BoardInspectionRefused)
    assert task.name == "Take better photographs or inspect by eye"
    assert [problem.code for problem in refused.problems] == ["unreadable"]
    assert task.data["refusal"]["detail"] == refused.detail


def record(ticket_id: str, value: bytes, kind: str = SubmitIntake.TYPE) -> Outgoing:
    """Return a record for the tickets' inbox, as somebody else's program may write it."""
    now = SystemClock().now()
    envelope = Envelope(uuid4(), "/somebody", kind, ticket_id, now, now, correlation_id=ticket_id)
    return Outgoing(TICKET_COMMANDS.name, ticket_id.encode(), value, envelope.to_headers())


async def test_names_what_is_wrong_with_a_record_and_goes_on_with_the_next(shop: LiveShop) -> None:
    ticket_id = new_ticket_id()
    move = MoveTicket(ticket_id=ticket_id, to="qc", reason="test", actor="ada")
    await shop.publisher.publish(
        [
            record(ticket_id, b'{"ticket_id": '),
            record(ticket_id, b'{"ticket_id": "T-1", "channel": "kiosk"}'),
            record(ticket_id, b"{}", "noizylab.ticket.juggle.v1"),
            replace(record(ticket_id, b"{}"), headers=[]),
            record(ticket_id, move.to_json(), MoveTicket.TYPE),
        ]
    )
    bare = intake_by_phone(ticket_id, BATTERY).model_copy(update={"no_photos_reason": None})
    await shop.send(bare, ticket_id)
    refused = await shop.log.first(ticket_id, IntakeRefused)
    assert refused.reason == "photos_missing"

    letters = [one for one in await read_letters(shop.settings.cluster(), "tickets") if one.key == ticket_id]
    assert [one.reason for one in letters] == ["schema_invalid"] * 4 + ["no_such_ticket"]
    assert {one.header("dlq_topic") for one in letters} == {TICKET_COMMANDS.name}
    assert {one.header("dlq_processor") for one in letters} == {"tickets"}
    offsets = [int(one.header("dlq_offset")) for one in letters]
    assert offsets == list(range(offsets[0], offsets[0] + 5))
    broken, incomplete, stranger, headless, unknown = (one.error for one in letters)
    assert "Invalid JSON" in broken
    assert "customer_id: Field required" in incomplete
    assert "noizylab.ticket.juggle.v1" in stranger
    assert "ce_specversion is missing" in headless
    assert ticket_id in unknown

    good = await shop.call_in(BATTERY)
    assert await shop.log.first(good, TicketOpened)


async def test_tries_a_letter_again_when_it_is_replayed(shop: LiveShop) -> None:
    ticket_id = new_ticket_id()
    await shop.send(MoveTicket(ticket_id=ticket_id, to="qc", reason="test", actor="ada"), ticket_id)

    def letters() -> list[dict[str, str]]:
        return [letter for letter in shop.log.letters if letter.get("ce_subject") == ticket_id]

    [first] = await shop.log.until("letter", letters)
    count = len(await read_letters(shop.settings.cluster(), "tickets"))
    matching = [one for one in shop.log.letters if one["dlq_reason"] == "no_such_ticket"]
    choice = Choice("tickets", reason="no_such_ticket")
    chosen = await chosen_letters(shop.settings.cluster(), choice)
    again = len(chosen)
    assert again == len(matching)
    async with Desk(shop.settings.cluster(), Settlement("test")) as desk:
        await desk.reinsert(chosen)
    _, second = await shop.log.until("second letter", lambda: found if len(found := letters()) == 2 else None)
    assert second["ce_id"] == first["ce_id"]
    assert int(second["dlq_offset"]) > int(first["dlq_offset"])
    await shop.log.until("all letters", lambda: len(shop.log.letters) >= count + again)
    assert len(await read_letters(shop.settings.cluster(), "tickets")) == count + again
    left = await chosen_letters(shop.settings.cluster(), choice)
    assert [one.attempt for one in left] == [2] * again


@pytest.mark.parametrize("victim", ["workers", "broker"])
async def test_quotes_every_repair_once_when_a_process_is_killed_in_the_middle(
    shop: LiveShop, customer: httpx.AsyncClient, victim: str
) -> None:
    restarts = shop.shop.supervisor.restarts()[victim]
    tickets = await asyncio.gather(*(shop.call_in(BATTERY) for _ in range(16)))
    await shop.log.until("first quote", lambda: any(shop.log.of(ticket, QuotePrepared) for ticket in tickets))
    shop.shop.supervisor.kill(victim)
    await shop.shop.supervisor.wait_ready(victim)
    assert shop.shop.supervisor.restarts()[victim] == restarts + 1
    for ticket_id in tickets:
        await shop.log.first(ticket_id, NotificationSent)
        assert len(shop.log.of(ticket_id, QuotePrepared)) == 1
        assert [sent.template for sent in shop.log.of(ticket_id, NotificationSent)] == ["quote_ready"]
        assert len(shop.mails(ticket_id)) == 1
    await accept(shop, customer, tickets[0])
    assert len(shop.mails(tickets[0])) == 2


async def test_every_view_is_what_its_events_make_of_it_after_all_this(shop: LiveShop) -> None:
    async def equal() -> bool:
        return all(one.equal for one in await replay_all(shop.settings.cluster()))

    assert await eventually("equal replay", equal)


async def test_commands_tell_about_the_shop_that_runs(shop: LiveShop, approved: Approved) -> None:
    told = await asyncio.gather(
        command(shop.settings, "audit", "replay", "--json"),
        command(shop.settings, "ticket", "show", approved.ticket_id),
        command(shop.settings, "topics", "plan"),
        command(shop.settings, "dlq", "list", "tickets"),
        command(shop.settings, "doctor"),
    )
    assert [(ran.status, ran.err) for ran in told] == [(0, "")] * 5
    replayed, shown, planned, listed, health = (ran.out for ran in told)
    by_processor = {one["processor"]: one for one in json.loads(replayed)}
    assert by_processor["tickets"]["equal"]
    assert by_processor["tickets"]["events"] > by_processor["tickets"]["aggregates"] > 5
    assert "queued" in shown
    story = [shown.index(step) for step in ("Took in", "Kept 1 x", "The flow ended")]
    assert story == sorted(story)
    assert planned.strip() == "the cluster has what the registry declares"
    assert "no_such_ticket" in listed
    assert "fault" not in health
    assert "topics as declared" in health
    assert "events, newest" in health


async def test_commands_say_what_is_not_there(shop: LiveShop) -> None:
    nobody, letter = await asyncio.gather(
        command(shop.settings, "ticket", "show", "T-nobody"),
        command(shop.settings, "dlq", "show", "tickets/0/999999"),
    )
    assert (nobody.status, letter.status) == (1, 1)
    assert nobody.err.strip().endswith(f"no ticket T-nobody on the log at {shop.settings.cluster().bootstrap}")
    assert "`noizylab dlq list --all` names them" in letter.err
