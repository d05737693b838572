from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from connectors.clock.clock import new_id
from processors.gateway.edge.qc_pdf import qc_pdf
from processors.gateway.edge.qc_report import report_of
from processors.gateway.qc_sentences import SENTENCES
from processors.gateway.summaries import summarize_event
from processors.qc.config import Policy
from processors.qc.decide import Desk, decide
from processors.qc.sheets import SHIPPED, Sheets
from processors.qc.state import evolve
from schemas.core.blob_ref import BlobRef
from schemas.core.envelope import Envelope
from schemas.core.message import Event, Message, View
from schemas.core.outcome import Drop, Emit
from schemas.inspections import BoardInspected, InspectBoard
from schemas.qc import CheckpointResult, CheckRefused, OpenCheck, QcView, RepairToCheck, TakeBoardVerdict
from schemas.tickets import MoveTicket
from tests.processors.gateway.world import NOW, TICKET, World, picture, problem, ticket_view
from tests.schemas.examples import examples_of
from topics.qc import QC_EVENTS, QC_VIEWS

URL = f"/v1/tickets/{TICKET}/qc"
DESK = Desk(Sheets.load(SHIPPED), Policy(), b"k")
BEN = {"by": "ben"}


class Owner:
    """Decides as the real owner of checks does, and plays vision: every photo is good."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.told: list[Message] = []

    def answer(self, command: Message, envelope: Envelope) -> Sequence[tuple[Event, View | None]]:
        view = self.world.views.view(QC_VIEWS, TICKET, QcView)
        outcome = decide(command, envelope.id, view, envelope.time, DESK)
        if isinstance(outcome, Drop):
            return []
        assert isinstance(outcome, Emit)
        event, *further = outcome.messages
        assert isinstance(event, Event)
        self.told += further
        return [(event, None if isinstance(event, CheckRefused) else evolve(view, event))]

    def tell(self, command: Message) -> None:
        """Let a command come from the log."""
        envelope = envelope_of(command)
        for event, view in self.answer(command, envelope):
            self.world.feed(event)
            if view is not None:
                self.world.feed(view)

    def see(self) -> None:
        """Let vision find the newest photo good."""
        view = self.world.views.view(QC_VIEWS, TICKET, QcView)
        assert view is not None
        [asked] = [one.asked for one in view.rounds[-1].results if one.asked is not None]
        good = BoardInspected(ticket_id=TICKET, compared=False, photos_usable=1, photos_refused=0, engine="test",
                              inspected_at=self.world.clock.now())  # fmt: skip
        assert asked is not None
        self.tell(TakeBoardVerdict(ticket_id=TICKET, in_reply_to=asked, inspected=good))


def envelope_of(command: Message) -> Envelope:
    return Envelope(new_id(), "/noizylab/test", command.TYPE, TICKET, NOW, NOW, TICKET)


@pytest.fixture
def owner(world: World) -> Owner:
    """A shop with a repaired laptop that has come to its check."""
    made = Owner(world)
    world.answer = made.answer
    world.feed(ticket_view(state="qc"))
    repair = RepairToCheck(category="laptop", fault_family="charging_port", repaired_by=("ada",))
    made.tell(OpenCheck(ticket_id=TICKET, repair=repair))
    return made


async def good(client: httpx.AsyncClient, owner: Owner, **by: str) -> None:
    """Answer every checkpoint with a good answer."""
    for point in (await client.get(URL)).json()["rounds"][-1]["plan"]["checkpoints"]:
        at = f"{URL}/checkpoints/{point['checkpoint_id']}"
        if point["kind"] == "photo":
            assert (await client.post(f"{at}/photo", content=picture(seed=3), params=by)).status_code == 200
            owner.see()
            continue
        answer: dict[str, Any] = {"verdict": "pass"}
        if point["kind"] == "measurement":
            answer = {"measured": point["low"], "unit": point["unit"], "instrument": "meter 1"}
        answered = await client.put(at, json=answer | by)
        assert answered.status_code == 200, answered.text


async def test_from_begin_to_the_report(owner: Owner, world: World) -> None:
    async with world.client("tickets:read", "tickets:write") as client:
        before = (await client.get(URL)).json()
        assert (before["status"], before["rounds"][0]["sampling"]["why"]) == ("planned", ["likely"])
        assert (await client.post(f"{URL}/begin", json=BEN)).json()["inspector"] == "ben"
        await good(client, owner, **BEN)
        assert (await client.post(f"{URL}/conclusion", json={"verdict": "pass", **BEN})).status_code == 200
        after = (await client.get(URL)).json()
        pdf = await client.get(f"{URL}/report.pdf")
        points = {one["checkpoint_id"]: one for one in after["rounds"][0]["plan"]["checkpoints"]}
        photo = await client.get(points["finished_photo"]["result"]["photo"])
        rates = (await client.get("/v1/qc/bounce-rates")).json()
    assert after["status"] == "passed"
    assert {one["result"]["verdict"] for one in points.values()} == {"pass"}
    assert points["standby_current"]["result"]["reason"] == "0 mA, 0 to 50 mA"
    assert photo.headers["content-type"] == "image/jpeg"
    assert pdf.headers["content-type"] == "application/pdf"
    assert pdf.content.startswith(b"%PDF-")
    assert pdf.content.count(b"/Subtype /Image") == 1
    [board] = [one for one in owner.told if isinstance(one, InspectBoard)]
    [move] = [one for one in owner.told if isinstance(one, MoveTicket)]
    assert (board.board_model, move.to, move.evidence.checked_by) == (None, "ready", "ben")
    assert (rates["all"]["checked"], rates["all"]["estimate"]) == (1, 0.0)
    assert set(rates["by_fault"]) == {"charging_port"}


async def test_whoever_is_logged_in_is_known_by_that_and_a_key_names_somebody(owner: Owner, world: World) -> None:
    member = await world.logged_in("technician")
    refused = problem(await member.post(f"{URL}/begin", json=BEN), 422, "validation")
    assert "leave it out" in refused["detail"]
    begun = (await member.post(f"{URL}/begin", json={})).json()
    assert begun["inspector"].startswith("user:U-")
    async with world.client("tickets:read", "tickets:write") as client:
        problem(await client.post(f"{URL}/begin", json={}), 422, "validation")
        problem(await client.post(f"{URL}/begin", json={"by": begun["inspector"]}), 422, "validation")
        problem(await client.post(f"{URL}/checkpoints/finished_photo/photo", content=picture()), 422, "validation")
        pdf = await client.get(f"{URL}/report.pdf")
    assert pdf.status_code == 200


async def test_a_wish_that_does_not_fit_is_refused_with_what_to_do(owner: Owner, world: World) -> None:
    async with world.client("tickets:read", "tickets:write") as client:
        refused = problem(
            await client.put(f"{URL}/checkpoints/reassembled", json={"verdict": "pass", **BEN}), 422, "check_refused"
        )
        assert refused["reason"] == "not_begun"
        await client.post(f"{URL}/begin", json=BEN)
        again = await client.post(f"{URL}/conclusion", json={"verdict": "fail", "cause": "haste", **BEN})
        problem(again, 422, "validation")
        problem(await client.post(f"{URL}/checkpoints/finished_photo/photo?by=ben", content=b"x"), 422, "validation")
        # As large as a photo may be is not too large; what is in it is another question.
        large = await client.post(f"{URL}/checkpoints/finished_photo/photo?by=ben", content=bytes(4_000_000))
        problem(large, 422, "validation")
        missing = await client.get(f"{URL}/rounds/1/checkpoints/finished_photo/photo")
        problem(missing, 404, "not_found")
        failed = await client.post(
            f"{URL}/conclusion", json={"verdict": "fail", "cause": "other", "note": "smells of smoke", **BEN}
        )
    assert failed.json()["cause"] == "other"


async def test_a_waiver_is_for_managers(owner: Owner, world: World) -> None:
    technician = await world.logged_in("technician")
    manager = await world.logged_in("manager", mail="mia@example.org")
    problem(await technician.post(f"{URL}/waiver", json={"reason": "in a hurry"}), 403, "missing_scope")
    assert (await manager.post(f"{URL}/waiver", json={"reason": "in a hurry"})).status_code == 200
    assert (await manager.get(URL)).json()["status"] == "waived"


async def test_a_ticket_that_never_came_to_a_check_has_none_and_no_report(world: World) -> None:
    world.feed(ticket_view())
    async with world.client("tickets:read") as client:
        assert (await client.get(URL)).json()["rounds"] == []
        problem(await client.get(f"{URL}/report.pdf"), 404, "not_found")


async def test_the_report_says_which_picture_is_gone(owner: Owner, world: World) -> None:
    async with world.client("tickets:read", "tickets:write") as client:
        await client.post(f"{URL}/begin", json=BEN)
        await client.post(f"{URL}/checkpoints/finished_photo/photo?by=ben", content=picture(seed=5))
        view = world.views.view(QC_VIEWS, TICKET, QcView)
        assert view is not None
        ref = view.rounds[0].results[0].photo
        assert ref is not None
        await world.blobs.delete(ref.bucket, ref.key)
        pdf = await client.get(f"{URL}/report.pdf")
    assert pdf.content.count(b"/Subtype /Image") == 0


async def test_the_same_request_with_its_key_is_one_wish(owner: Owner, world: World) -> None:
    async with world.client("tickets:read", "tickets:write") as client:
        for _ in range(2):
            answer = await client.post(f"{URL}/begin", json=BEN, headers={"Idempotency-Key": "one"})
            assert answer.status_code == 200
    assert len([command for _, command in world.sent if command.TYPE.startswith("noizylab.qc.begin")]) == 1


@pytest.mark.parametrize("kind", QC_EVENTS.carries, ids=lambda kind: kind.TYPE)
def test_every_event_of_a_check_is_a_sentence(kind: type[Event]) -> None:
    assert kind.TYPE in SENTENCES
    for event in examples_of(kind).values():
        said = summarize_event(event)
        assert said.endswith(".")
        assert "None" not in said
        assert "_" not in said.replace("user:U-", "")


def test_a_report_of_an_example_goes_on_over_pages() -> None:
    view = examples_of(QcView)["full"]
    assert isinstance(view, QcView)
    report = report_of(ticket_view(), view, "NoizyLab", "http://shop.example")
    assert [one.heading for one in report.rounds] == ["Check 2: is being checked", "Check 1: TO REWORK"]
    pdf = qc_pdf(report, {report.rounds[1].pictures[0].ref.sha256: picture(seed=1, width=900, height=700)})
    assert pdf == qc_pdf(report, {report.rounds[1].pictures[0].ref.sha256: picture(seed=1, width=900, height=700)})
    assert pdf.count(b"/Type /Page\n") >= 2


def test_a_report_says_the_condition_and_shows_before_and_after() -> None:
    view = examples_of(QcView)["full"]
    assert isinstance(view, QcView)
    report = report_of(ticket_view(), view, "NoizyLab", "http://shop.example")
    first = report.rounds[1]
    [said] = first.conditions
    assert said.endswith(
        "board condition fail; corrosion on 0.41 % of the board, high, most at bottom right (3.69 %)"
    ), said
    assert [one.caption.rpartition(", ")[2] for one in first.pairs] == [
        "before: the golden picture", "after: this board",
    ]  # fmt: skip
    files = {one.ref.sha256: picture(seed=2) for one in (*first.pictures, *first.pairs)}
    assert qc_pdf(report, files).count(b"/Subtype /Image") == qc_pdf(report, {}).count(b"/Subtype /Image") + 1


async def test_gives_the_pictures_of_a_checkpoint_that_was_compared(world: World) -> None:
    view = examples_of(QcView)["full"]
    assert isinstance(view, QcView)
    world.feed(ticket_view())
    ref = await world.blobs.put("images", "before.jpg", picture(seed=4), "image/jpeg")
    assert isinstance(ref, BlobRef)

    def stored(result: CheckpointResult) -> CheckpointResult:
        pictures = result.pictures and result.pictures.model_copy(update={"before": ref})
        return result.model_copy(update={"pictures": pictures})

    rounds = [one.model_copy(update={"results": tuple(map(stored, one.results))}) for one in view.rounds]
    world.feed(view.model_copy(update={"ticket_id": TICKET, "rounds": tuple(rounds)}))
    async with world.client("tickets:read") as client:
        told = (await client.get(URL)).json()
        results = [point["result"] for one in told["rounds"] for point in one["plan"]["checkpoints"] if point["result"]]
        [compared] = [one for one in results if one["before"]]
        assert compared["condition"]["verdict"] == "fail"
        assert (await client.get(compared["before"])).content == picture(seed=4)
        assert "/rounds/1/" in compared["before"]
        problem(await client.get(compared["before"].replace("/rounds/1/", "/rounds/2/")), 404, "not_found")
