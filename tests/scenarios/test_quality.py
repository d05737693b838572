"""The quality check through a whole shop: passes, sends to rework, asks for another photo, and survives its worker."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pytest
import pytest_asyncio

from connectors.bus.records import EdgeSender
from connectors.clock.clock import SystemClock
from infra.audit import replay_all
from infra.demo.boards import DefectKind, degrade, photo, to_jpeg
from infra.demo.intakes import built_in_goldens, built_in_intakes
from schemas.notifications import NotificationSent
from schemas.qc import (
    CheckFailed,
    CheckPassed,
    CheckPlanned,
    CheckpointRecorded,
    CheckpointResult,
    CheckpointUndecided,
    ConcludeCheck,
)
from schemas.quotes import QuotePrepared
from schemas.tickets import TicketMoved
from schemas.workflow import FlowEnded
from tests.scenarios.live import LiveShop, bare_clerk, eventually, hand_in_bare, live_shop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="module")]

WIDTH_PX = 1800
"""As wide as the golden pictures: vision makes differences out of photos that are coarser than those."""
GOLDEN = "board_as_golden"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LiveShop]:
    async with live_shop(tmp_path_factory.mktemp("shop") / "home", gateway=True) as running:
        for board, golden in built_in_goldens():
            await running.ports.blobs.put("goldens", f"{board}.jpg", golden, "image/jpeg")
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(shop: LiveShop) -> AsyncIterator[httpx.AsyncClient]:
    async with await bare_clerk(shop) as opened:
        yield opened


@dataclass(frozen=True, slots=True)
class Repair:
    """A device that somebody handed in, at the bench of Ben, and checked by Ada."""

    shop: LiveShop
    client: httpx.AsyncClient
    ticket_id: str
    board: str

    @property
    def url(self) -> str:
        return f"/v1/tickets/{self.ticket_id}"

    async def move(self, to: str, **evidence: Any) -> None:
        body = {"to": to, "reason": "work_done", "evidence": evidence}
        answer = await self.client.post(f"{self.url}/moves", json=body)
        assert answer.status_code == 200, answer.text

    async def to_check(self, number: int) -> CheckPlanned:
        """Move it to its check; returns the plan once it is there."""
        await self.move("qc", steps_signed=True, part_serials_consumed=True)
        log = self.shop.log
        plan = await log.until("plan", lambda: self.newest(CheckPlanned, number))
        begun = await self.client.post(f"{self.url}/qc/begin", json={"by": "ada"})
        assert begun.status_code == 200, begun.text
        return plan

    def newest(self, kind: type[Any], number: int) -> Any:
        """Return the newest event of one kind in one round."""
        return next((one for one in reversed(self.shop.log.of(self.ticket_id, kind)) if one.round == number), None)

    async def photograph(self, checkpoint: str, picture: bytes, number: int) -> CheckpointResult:
        """Take a photo; returns what vision makes of it."""
        before = len(self._answers(checkpoint, number))
        path = f"{self.url}/qc/checkpoints/{checkpoint}/photo?by=ada"
        answer = await self.client.post(path, content=picture)
        assert answer.status_code == 200, answer.text
        told = await self.shop.log.until(
            "answer of vision",
            lambda: found if len(found := self._answers(checkpoint, number)) > before else None,
        )
        return told[-1]

    def _answers(self, checkpoint: str, number: int) -> list[CheckpointResult]:
        told = [
            one.result
            for kind in (CheckpointRecorded, CheckpointUndecided)
            for one in self.shop.log.of(self.ticket_id, kind)
            if one.round == number and one.result.checkpoint_id == checkpoint and one.result.asked is None
        ]
        return sorted(told, key=lambda result: result.answered_at)

    async def rest(self, plan: CheckPlanned, *but: str) -> None:
        """Answer all checkpoints but some with a good answer, as a person does: by measuring and by eye."""
        for point in plan.plan.checkpoints:
            if point.checkpoint_id in but:
                continue
            answer: dict[str, Any] = {"verdict": "pass", "reason": "looked at", "by": "ada"}
            if point.kind == "measurement":
                value = point.low if point.low is not None else point.high
                answer = {"measured": value, "unit": point.unit, "instrument": "meter 1", "by": "ada"}
            told = await self.client.put(f"{self.url}/qc/checkpoints/{point.checkpoint_id}", json=answer)
            assert told.status_code == 200, told.text

    async def sign(self) -> None:
        answer = await self.client.post(f"{self.url}/qc/signature", json={"by": "cleo"})
        assert answer.status_code == 200, answer.text

    async def state(self, wanted: str) -> dict[str, Any]:
        """Return the ticket once it is where it should be."""

        async def look() -> dict[str, Any] | None:
            ticket: dict[str, Any] = (await self.client.get(self.url)).json()
            return ticket if ticket["state"] == wanted else None

        return await eventually(f"ticket in {wanted}", look)


async def repaired(shop: LiveShop, client: httpx.AsyncClient, number: int) -> Repair:
    """Let a customer hand a device in and accept the quote, and Ben repair it."""
    intake = next(built_in_intakes(1, first=number, width_px=WIDTH_PX))
    opened = await hand_in_bare(client, intake.form, intake.photos)
    assert opened.status_code == 201, opened.text
    ticket_id: str = opened.json()["ticket_id"]
    quote = await shop.log.first(ticket_id, QuotePrepared)
    await shop.log.first(ticket_id, NotificationSent)
    body = {"tier": quote.recommended, "signed_by": "Ada Lovelace"}
    async with httpx.AsyncClient(timeout=30) as customer:
        await customer.post(f"{shop.link(ticket_id)}/accept", data=body)
    await shop.log.first(ticket_id, FlowEnded)
    repair = Repair(shop, client, ticket_id, intake.form["device"]["board_model"])
    await repair.state("queued")
    assigned = await client.put(f"{repair.url}/assignment", json={"technician": "ben"})
    assert assigned.status_code == 200, assigned.text
    await repair.move("repairing")
    return repair


def shot(board: str, seed: int, *defects: DefectKind) -> bytes:
    return to_jpeg(photo(board, seed, width_px=WIDTH_PX, defects=defects).picture)


def blurred(board: str) -> bytes:
    return to_jpeg(degrade(photo(board, 7, width_px=WIDTH_PX).picture, "focus_blur", np.random.default_rng(1)))


async def test_a_repaired_board_passes_with_its_report(shop: LiveShop, client: httpx.AsyncClient) -> None:
    repair = await repaired(shop, client, 0)
    plan = await repair.to_check(1)
    assert {"board/1", "general/1"} <= set(plan.plan.sheets)
    assert plan.repair.fault_family is not None
    # What was on the board at hand-in is frozen with the plan.
    assert plan.repair.before
    seen = await repair.photograph(GOLDEN, shot(repair.board, 11), 1)
    assert (seen.verdict, seen.findings) == ("pass", ())
    worse = await repair.photograph("board_not_worse", shot(repair.board, 12), 1)
    assert worse.verdict == "pass"
    await repair.rest(plan, GOLDEN, "board_not_worse")
    if plan.plan.two_signatures:
        await repair.sign()
    concluded = await client.post(f"{repair.url}/qc/conclusion", json={"verdict": "pass", "by": "ada"})
    assert concluded.status_code == 200, concluded.text
    ticket = await repair.state("ready")
    assert ticket["outcome"] == "fixed"
    report = (await client.get(f"{repair.url}/qc")).json()
    assert (report["status"], report["reworks"]) == ("passed", 0)
    pdf = await client.get(f"{repair.url}/qc/report.pdf")
    assert (pdf.status_code, pdf.content[:5]) == (200, b"%PDF-")
    # Two drawings, the board twice in the golden picture's frame, and that picture, which both share.
    assert pdf.content.count(b"/Subtype /Image") == 5
    compared = next(one for one in report["rounds"][0]["plan"]["checkpoints"] if one["checkpoint_id"] == GOLDEN)
    assert compared["result"]["condition"]["with_golden"] is True
    assert (await client.get(compared["result"]["after"])).headers["content-type"] == "image/jpeg"


async def test_a_bridge_goes_to_rework_and_then_passes_though_the_worker_is_killed_and_wishes_come_twice(
    shop: LiveShop, client: httpx.AsyncClient
) -> None:
    repair = await repaired(shop, client, 1)
    plan = await repair.to_check(1)
    await repair.rest(plan, GOLDEN)
    shop.shop.supervisor.kill("workers")
    await shop.shop.supervisor.wait_ready("workers")
    bad = await repair.photograph(GOLDEN, shot(repair.board, 21, "bridge"), 1)
    assert bad.verdict == "fail"
    assert "bridge" in {finding.kind for finding in bad.findings}
    refused = await client.post(f"{repair.url}/qc/conclusion", json={"verdict": "pass", "by": "ada"})
    assert (refused.status_code, refused.json()["reason"]) == (422, "checkpoints_failed")
    await twice(shop, ConcludeCheck(ticket_id=repair.ticket_id, inspector="ada", verdict="fail", cause="solder_bridge"))
    await repair.state("rework")

    plan = await repair.to_check(2)
    assert plan.sampling.why[0] == "rework"
    earlier = (await client.get(f"{repair.url}/qc")).json()["rounds"][0]
    assert (earlier["status"], earlier["cause"]) == ("failed", "solder_bridge")
    good = await repair.photograph(GOLDEN, shot(repair.board, 22), 2)
    assert good.verdict == "pass"
    await repair.rest(plan, GOLDEN)
    if plan.plan.two_signatures:
        await repair.sign()
    await twice(shop, ConcludeCheck(ticket_id=repair.ticket_id, inspector="ada", verdict="pass"))
    await repair.state("ready")
    assert len(shop.log.of(repair.ticket_id, CheckFailed)) == len(shop.log.of(repair.ticket_id, CheckPassed)) == 1
    moves = [one.to_state for one in shop.log.of(repair.ticket_id, TicketMoved)]
    assert moves[moves.index("repairing") :] == ["repairing", "qc", "rework", "qc", "ready"]


async def twice(shop: LiveShop, command: ConcludeCheck) -> None:
    """Write one wish to the log two times, as a sender that heard nothing does."""
    sender, command_id = EdgeSender("test", shop.publisher, SystemClock()), uuid4()
    for _ in range(2):
        await sender.send(command, correlation_id=command.ticket_id, id=command_id)


async def test_a_blurred_photo_asks_for_another(shop: LiveShop, client: httpx.AsyncClient) -> None:
    repair = await repaired(shop, client, 2)
    plan = await repair.to_check(1)
    spoilt = await repair.photograph(GOLDEN, await asyncio.to_thread(blurred, repair.board), 1)
    assert spoilt.verdict is None
    assert (spoilt.advice or "").startswith("Take another photo.")
    [undecided] = shop.log.of(repair.ticket_id, CheckpointUndecided)
    assert "blurred" in {problem.code for problem in undecided.problems}
    await repair.rest(plan, GOLDEN)
    early = await client.post(f"{repair.url}/qc/conclusion", json={"verdict": "pass", "by": "ada"})
    assert (early.status_code, early.json()["reason"]) == (422, "checkpoints_open")
    again = await repair.photograph(GOLDEN, shot(repair.board, 31), 1)
    assert again.verdict == "pass"
    if plan.plan.two_signatures:
        await repair.sign()
    await client.post(f"{repair.url}/qc/conclusion", json={"verdict": "pass", "by": "ada"})
    await repair.state("ready")


async def test_every_view_is_what_its_events_make_of_it_after_all_this(shop: LiveShop) -> None:
    async def equal() -> bool:
        return all(one.equal for one in await replay_all(shop.settings.cluster()))

    assert await eventually("equal replay", equal)
    assert shop.log.letters == []
