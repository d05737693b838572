"""The life of one ticket, from the counter to its end, with what chance makes of it."""

import hashlib
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from infra.year.shelf import LOCATION, Shelf
from infra.year.shop import CALENDAR, HARDNESS, VALUE_CENTS, Case, Technician
from infra.year.story import Story
from schemas.diagnoses import DiagnosisAbstained, FaultDiagnosed, PartLine, RankedFault, RepairPlan
from schemas.inventory import PartsCommitted, PartsReleased, PartsReserved, PartsShort
from schemas.notifications import NotificationChannel, NotificationDeferred, NotificationFailed, NotificationSent
from schemas.quotes import MissingPart, QuoteAccepted, QuoteDeclined, QuoteLine, QuotePrepared, QuoteTier
from schemas.ticket_facets import HoldReleased, HoldSet, PaymentRecorded
from schemas.ticket_parts import PaymentRecord
from schemas.ticket_records import TicketAssigned

CURRENCY = "EUR"
LABOUR_CENTS_A_MINUTE = 120
PARTS_MARKUP = 1.35
QUOTE_VALID = timedelta(days=14)
CHANNELS: tuple[NotificationChannel, ...] = ("mail", "mail", "mail", "sms", "in_app")
FLOW, DESK = "flow", "desk"


@dataclass(slots=True)
class Visit:
    """One ticket being lived: its story, what is wrong, who works on it. ``ended_well``: repaired and collected."""

    story: Story
    case: Case
    technician: Technician
    shelf: Shelf
    luck: random.Random
    under_warranty: bool = False
    ended_well: bool = False

    def live(self) -> None:
        """Tell the whole story."""
        self.after(0.5, 6)
        self.story.fact(TicketAssigned, DESK, technician=self.technician.name, bench=f"bench-{self.technician.name}")
        self.story.move("triage", "intake_done", FLOW, bin="intake_shelf")
        self.after(0.2, 3)
        self.story.move("diagnosing", "lock_checked", self.technician.name, lock_state="unlocked")
        self.after(0.3, 5, self.technician.pace)
        self._diagnose()
        chance = self.luck.random()
        if chance < 0.04:
            self._give_back("nothing_found", outcome="no_fault_found", reassembled=True)
        elif chance < 0.08:
            self._give_back("beyond_repair", outcome="unrepairable", reason_code="board_destroyed", reassembled=True)
        elif self.under_warranty:
            late = self._reserve()
            self._to_the_queue(late, "within_limit", quote_total_cents=0)
            self._repair(0)
        else:
            self._quote()

    def after(self, least: float, most: float, factor: float = 1.0) -> None:
        """Let open hours pass."""
        hours = self.luck.triangular(least, most, least) * factor
        self.story.at = CALENDAR.add_business(self.story.at, timedelta(hours=hours))

    def _diagnose(self) -> None:
        story, family, category = self.story, self.case.family, self.case.category
        sure = self.luck.betavariate(6, 2)
        fault = RankedFault(family=family.code, title=family.title, probability=sure)
        if self.luck.random() < 0.05:
            story.say(
                DiagnosisAbstained(
                    ticket_id=story.ticket_id, reason="ambiguous", detail="two faults explain it equally well",
                    faults=(fault,), engine="offline", abstained_at=story.at,
                )
            )  # fmt: skip
            self.after(1, 8, self.technician.pace)
        plan = RepairPlan(
            fault_family=family.code, steps=family.steps, parts=self._lines(), risk=family.risk,
            labour_minutes=family.labour_minutes(category), success_probability=0.9,
        )  # fmt: skip
        story.say(
            FaultDiagnosed(
                ticket_id=story.ticket_id, summary=family.title, faults=(fault,), confidence=sure,
                raise_confidence="Measure the supply rails.", plan=plan, engine="offline", diagnosed_at=story.at,
            )
        )  # fmt: skip

    def _lines(self) -> tuple[PartLine, ...]:
        return tuple(PartLine(sku=sku, quantity=1) for sku in self.case.family.skus(self.case.category))

    def _reserve(self) -> datetime | None:
        """Set parts aside; returns when the last one comes, None when all are there."""
        story, lines = self.story, self._lines()
        dues = {line.sku: self.shelf.take(line.sku, story.at) for line in lines}
        late = [due for due in dues.values() if due is not None]
        if not late:
            story.say(PartsReserved(ticket_id=story.ticket_id, location_id=LOCATION, lines=lines, reserved_at=story.at))
            return None
        missing = tuple(
            MissingPart(sku=sku, quantity=1, lead_time_days=max(0, (due - story.at).days))
            for sku, due in dues.items()
            if due is not None
        )
        here = tuple(line for line in lines if dues[line.sku] is None)
        story.say(
            PartsShort(
                ticket_id=story.ticket_id, location_id=LOCATION, lines=here, missing=missing, noticed_at=story.at
            )
        )
        return max(late)

    def _quote(self) -> None:
        late = self._reserve()
        story, total = self.story, self._price()
        digest = hashlib.sha256(f"{story.ticket_id}/1".encode()).hexdigest()
        until = story.at + QUOTE_VALID
        line = QuoteLine(label=self.case.family.title, amount_cents=total)
        tier = QuoteTier(name="aftermarket", total_cents=total, lines=(line,), warranty_days=90, delivery_days=3)
        story.say(
            QuotePrepared(
                ticket_id=story.ticket_id, quote_hash=digest, version=1, currency=CURRENCY, total_cents=total,
                recommended="aftermarket", tiers=(tier,), diagnostic_fee_cents=2_900, jitter=0.0, propensity=1.0,
                expected_profit_cents=total // 3, base_price_cents=total, pricing_model="cost_plus",
                valid_until=until, prepared_at=story.at,
            )
        )  # fmt: skip
        story.move("quoted", "quote_ready", FLOW, quote_tiers=1, quote_hash=digest, quote_total_cents=total,
                   quote_valid_until=until)  # fmt: skip
        self._tell("quote_ready")
        dear = total / VALUE_CENTS[self.case.category]
        chance = self.luck.random()
        yes = max(0.25, 0.95 - 0.55 * dear)
        if chance < yes:
            self._accept(digest, total, late)
        elif chance < yes + (1 - yes) * 0.6:
            self._decline(digest)
        else:
            self._never_answered(until)

    def _price(self) -> int:
        case = self.case
        parts = sum(self.shelf.costs.get(line.sku, (2_000, 0))[0] for line in self._lines())
        labour = case.family.labour_minutes(case.category) * LABOUR_CENTS_A_MINUTE
        return round((labour + parts * PARTS_MARKUP) * self.luck.uniform(0.95, 1.1) / 500) * 500 + 400

    def _accept(self, digest: str, total: int, late: datetime | None) -> None:
        story = self.story
        self._think(1.8)
        story.say(
            QuoteAccepted(
                ticket_id=story.ticket_id, quote_hash=digest, tier="aftermarket", total_cents=total, currency=CURRENCY,
                signed_by="customer", channel="link", accepted_at=story.at,
            )
        )  # fmt: skip
        story.move("approved", "quote_accepted", FLOW, signature_quote_hash=digest)
        self._to_the_queue(late, "parts")
        self._repair(total)

    def _think(self, log_hours: float) -> None:
        """Let the customer think, day and night, and not until the quote expires."""
        hours = self.luck.lognormvariate(log_hours, 1.0)
        self.story.at += min(timedelta(hours=hours), QUOTE_VALID - timedelta(days=1))

    def _to_the_queue(self, late: datetime | None, reason: str, **evidence: Any) -> None:
        story, lines = self.story, self._lines()
        if late is not None and late > story.at:
            days = max(0, (late - story.at).days)
            story.move("awaiting_parts", reason, FLOW, parts_reserved=False, parts_eta_days=days, **evidence)
            story.at = CALENDAR.add_business(late, timedelta(minutes=30))
        if late is not None:
            story.say(PartsReserved(ticket_id=story.ticket_id, location_id=LOCATION, lines=lines, reserved_at=story.at))
        story.say(PartsCommitted(ticket_id=story.ticket_id, location_id=LOCATION, lines=lines, committed_at=story.at))
        story.move("queued", reason, FLOW, parts_reserved=True, **evidence)

    def _decline(self, digest: str) -> None:
        story = self.story
        self._think(2.5)
        story.say(
            QuoteDeclined(
                ticket_id=story.ticket_id, quote_hash=digest, reason="too_dear", channel="link", declined_at=story.at
            )
        )
        self._no_repair("declined")

    def _never_answered(self, until: datetime) -> None:
        self.story.at = until + timedelta(days=self.luck.randint(1, 10))
        self._no_repair("quote_expired")

    def _no_repair(self, reason: str) -> None:
        story, lines = self.story, self._lines()
        for line in lines:
            self.shelf.give_back(line.sku)
        story.say(
            PartsReleased(
                ticket_id=story.ticket_id, location_id=LOCATION, lines=lines, reason=reason, released_at=story.at
            )
        )
        story.move("declined", reason, FLOW, return_election="return")
        self.after(0.5, 6)
        story.move("ready", "put_together", self.technician.name, reassembled=True)
        self._tell("quote_declined")
        self._hand_over(0)

    def _give_back(self, reason: str, **evidence: Any) -> None:
        self.story.move("ready", reason, self.technician.name, **evidence)
        self._tell("ready_for_pickup")
        self._hand_over(0)

    def _repair(self, total: int) -> None:
        story, case, person = self.story, self.case, self.technician
        self.after(0.5, 14)
        if self.luck.random() < 0.04:
            self._wait_for_an_answer()
        story.move("repairing", "bench_free", person.name)
        hours = case.family.labour_minutes(case.category) / 60
        self.after(hours * 0.7, hours * 2.5, person.pace)
        self._check_handed_in("steps_done")
        other = f"{person.name}-second"
        while self.luck.random() < 0.07 * person.care * HARDNESS[case.family.risk]:
            story.move("rework", "failed_check", other, reason_code="function_test")
            self.after(0.5, 5, person.pace)
            self._check_handed_in("reworked")
        story.move("ready", "check_passed", other, repaired_by=person.name, checked_by=other, value_cents=total)
        self._tell("ready_for_pickup")
        self.ended_well = self._hand_over(total)

    def _check_handed_in(self, reason: str) -> None:
        self.story.move("qc", reason, self.technician.name, steps_signed=True, part_serials_consumed=True)
        self.after(0.2, 3)

    def _wait_for_an_answer(self) -> None:
        self.story.fact(HoldSet, DESK, reason="question_to_customer", hold="customer", before="none")
        self.after(2, 20)
        self.story.fact(HoldReleased, DESK, reason="answered", before="customer")

    def _hand_over(self, total: int) -> bool:
        """Let the customer come; returns whether they did."""
        story = self.story
        if self.luck.random() < 0.02:
            story.at += timedelta(days=120)
            story.move("disposed", "abandoned", DESK, abandonment_case=f"case-{story.ticket_id[-8:]}")
            return False
        self.after(1, 40)
        if total:
            paid = PaymentRecord(reference=f"till-{story.ticket_id}", kind="balance", amount_cents=total,
                                 currency=CURRENCY)  # fmt: skip
            story.fact(PaymentRecorded, DESK, paid=paid, payment="paid")
        story.move("collected", "picked_up", DESK, balance_cents=0, collector_verified=True,
                   post_condition_signed=True)  # fmt: skip
        return True

    def _tell(self, template: str) -> None:
        story = self.story
        channel = self.luck.choice(CHANNELS)
        named = {"ticket_id": story.ticket_id, "notification_id": f"{template}-{story.version}", "template": template}
        if self.luck.random() < 0.03:
            failed = NotificationFailed(**named, reason="no_address", detail="no address is known", failed_at=story.at)
            story.say(failed)
            return
        at = story.at + timedelta(seconds=20)
        if self.luck.random() < 0.06:
            morning = (at + timedelta(days=1)).replace(hour=7, minute=0)
            story.say(
                NotificationDeferred(
                    **named, customer_id=story.opened.customer_id, channel=channel, not_before=morning, deferred_at=at
                ),
                at,
            )
            at = morning
        story.say(NotificationSent(**named, channel=channel, provider_id=f"p-{story.ticket_id}", sent_at=at), at)
