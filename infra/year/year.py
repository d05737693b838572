"""A year of the made-up shop as a stream of records, in the order in which things happened."""

import heapq
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from connectors.bus.records import Outgoing
from infra.year.life import Visit
from infra.year.records import Records, Told
from infra.year.shelf import Shelf
from infra.year.shop import (
    CALENDAR,
    HARDNESS,
    Case,
    Technician,
    arrivals,
    assigned,
    drawn_case,
    part_costs,
    technicians,
)
from infra.year.story import Story
from processors.tickets.calendars import DAY
from schemas.core.ids import DEFAULT_WORKSPACE, WorkspaceId
from schemas.devices import Device
from schemas.ticket_links import WarrantyClaimed
from schemas.ticket_parts import TicketLink
from schemas.tickets import TicketOpened

EVENTS_A_TICKET = 17.4
"""On average, over a year; measured."""
COMES_BACK = 0.05
WARRANTY = timedelta(days=90)
REGULARS = 3
"""So many tickets there are for each customer."""


@dataclass(frozen=True, slots=True)
class Plan:
    """About how many events to make, the seed of chance, and the days: ``days`` of them, the last before ``until``."""

    events: int
    seed: int
    until: date
    days: int = 365
    workspace_id: WorkspaceId = DEFAULT_WORKSPACE


class Year:
    """Makes the records of a plan. ``tickets`` and ``events`` count what was made so far."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._luck = random.Random(plan.seed)  # noqa: S311 - a made-up shop needs no secrets
        self._records = Records(plan.seed)
        self._shelf = Shelf(part_costs(), self._luck)
        self._tickets = plan.events / EVENTS_A_TICKET
        self._people = technicians(self._tickets * 365 / plan.days, self._luck)
        self._end = datetime.combine(plan.until, time(), UTC)
        self._waiting: list[tuple[datetime, int, Outgoing]] = []
        self._made = 0
        self.tickets = 0
        self.events = 0

    def records(self) -> Iterator[Outgoing]:
        """Yield the records, in order of time. What would happen after the last day is left out."""
        plan = self._plan
        start = plan.until - plan.days * DAY
        for arrived in arrivals(start, plan.days, self._tickets, plan.seed):
            self._visit(arrived)
            yield from self._until(arrived)
        yield from self._until(self._end)

    def _until(self, moment: datetime) -> Iterator[Outgoing]:
        while self._waiting and self._waiting[0][0] < moment:
            yield heapq.heappop(self._waiting)[2]

    def _visit(self, arrived: datetime) -> None:
        """Live one ticket, and those that follow from it under warranty."""
        case = drawn_case(self._luck)
        number = self._luck.randrange(max(1, round(self._tickets / REGULARS)))
        customer = f"C-{self._records.name('customer', number)}"
        person = assigned(case, self._people, self._luck)
        visit = self._lived(case, person, customer, arrived, None)
        while self._comes_back(visit):
            collected = visit.story.at
            again = collected + timedelta(days=self._luck.triangular(2, 85, 10))
            again = _opening(again)
            following = self._lived(case, self._same_or_other(person, case), customer, again, visit.story)
            visit.story.fact(
                WarrantyClaimed, "desk", again, new_ticket_id=following.story.ticket_id,
                repair_line=case.family.code, cause="workmanship", covered_until=collected + WARRANTY,
            )  # fmt: skip
            self._tell(visit.story)
            visit = following
        self._tell(visit.story)
        for at, message in self._shelf.news():
            if at < self._end:
                self._queue([(at, message)], f"stock-{self._made}")

    def _comes_back(self, visit: Visit) -> bool:
        risk = COMES_BACK * visit.technician.care * HARDNESS[visit.case.family.risk]
        return visit.ended_well and visit.story.at < self._end and self._luck.random() < risk

    def _same_or_other(self, person: Technician, case: Case) -> Technician:
        return person if self._luck.random() < 0.5 else assigned(case, self._people, self._luck)

    def _lived(self, case: Case, person: Technician, customer: str, at: datetime, before: Story | None) -> Visit:
        self.tickets += 1
        opened = TicketOpened(
            ticket_id=f"T-{self._records.name('ticket', self.tickets)}",
            workspace_id=self._plan.workspace_id,
            customer_id=customer,
            state="received",
            device=Device(category=case.category, brand=case.brand, model=case.model),
            complaint=f"It has to do with: {case.family.title.lower()}.",
            no_photos_reason="imported",
            channel=self._luck.choices(("kiosk", "counter", "portal", "phone"), (4, 3, 2, 1))[0],
            consent_version="made-up",
            pre_approved_cents=None if before is None else 0,
            links=() if before is None else (TicketLink(kind="warranty_of", ticket_id=before.ticket_id),),
            warranty_began_at=None if before is None else before.at,
            opened_at=at,
        )
        visit = Visit(Story(opened, at), case, person, self._shelf, self._luck, under_warranty=before is not None)
        visit.live()
        return visit

    def _tell(self, story: Story) -> None:
        """Queue what a ticket left on the log until the last day: its events, and its newest view."""
        told = [(at, message) for at, message in story.events if at < self._end]
        self._queue(told, story.ticket_id)
        if (view := self._records.view(told)) is not None:
            self._push(*view)

    def _queue(self, told: Told, correlation: str) -> None:
        for at, record in self._records.events(told, correlation):
            self.events += 1
            self._push(at, record)

    def _push(self, at: datetime, record: Outgoing) -> None:
        self._made += 1
        heapq.heappush(self._waiting, (at, self._made, record))


def _opening(at: datetime) -> datetime:
    """Return a moment of opening hours near one of any kind."""
    return CALENDAR.add_business(at, timedelta(minutes=10))
