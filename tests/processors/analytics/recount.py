"""The figures of a period once more, counted in plain Python from the messages of a log."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import sqrt
from statistics import mean
from typing import Any

import numpy as np

from schemas.core.message import Message
from schemas.diagnoses import FaultDiagnosed
from schemas.inventory import PartsCommitted, PartsShort, StockReceived
from schemas.notifications import NotificationDeferred, NotificationFailed, NotificationSent
from schemas.quotes import QuoteAccepted, QuoteDeclined, QuotePrepared
from schemas.ticket_facets import HoldReleased, HoldSet
from schemas.ticket_links import WarrantyClaimed
from schemas.tickets import TERMINAL_STATES, TicketMoved, TicketOpened

TOUCH = ("triage", "diagnosing", "repairing", "qc", "rework")
CUSTOMER = ("quoted", "blocked_lock", "awaiting_deposit")
SUPPLIER = ("awaiting_parts", "outsourced")
Told = list[tuple[datetime, Message]]
Table = list[dict[str, Any]]


@dataclass
class Ticket:
    """One ticket and what was said of it, in order of time."""

    opened: TicketOpened
    said: Told = field(default_factory=list)

    def of(self, *kinds: type[Any], until: datetime | None = None) -> Iterator[tuple[datetime, Any]]:
        """Yield what was said of some kinds before a moment."""
        return ((at, one) for at, one in self.said if isinstance(one, kinds) and (until is None or at < until))

    def moves(self, to: str, since: datetime, until: datetime, came_from: str | None = None) -> list[datetime]:
        """Return when it came to a state in a period."""
        return [
            at
            for at, move in self.of(TicketMoved, until=until)
            if at >= since and move.to_state == to and came_from in (None, move.from_state)
        ]

    def family(self, until: datetime) -> str:
        """Return the first fault of the newest diagnosis."""
        named = [one.faults[0].family for _, one in self.of(FaultDiagnosed, until=until)]
        return str(named[-1]) if named else ""


@dataclass
class Recount:
    """All figures of one workspace's tickets over a period."""

    tickets: Sequence[Ticket]
    stock: Sequence[tuple[datetime, StockReceived]]
    since: datetime
    until: datetime

    def backlog(self) -> Table:
        """Count open tickets by state and age."""
        ages: dict[str, list[float]] = defaultdict(list)
        for one in self.tickets:
            if one.opened.opened_at < self.until and (state := self._state(one, self.until)) not in TERMINAL_STATES:
                ages[state].append(
                    (min(self.until, datetime.now(UTC)) - one.opened.opened_at).total_seconds() // 1 / 3600
                )
        rows = [self._aged(state, hours) for state, hours in ages.items()]
        return sorted(rows, key=lambda row: (-row["tickets"], row["state"]))

    def open_at(self, moment: datetime) -> int:
        """Count the tickets that are open at a moment."""
        return sum(
            one.opened.opened_at < moment and self._state(one, moment) not in TERMINAL_STATES for one in self.tickets
        )

    def turnaround(self) -> Table:
        """Split the hours of collected tickets."""
        lives = [self.split(one, at) for one, at in self._came("collected")]
        totals = [sum(life.values()) for life in lives]
        names = ("touch", "queue", "approval", "parts", "held", "ready")
        columns = {name: [life[name] for life in lives] for name in names}
        columns["shop_controllable"] = [life["touch"] + life["queue"] for life in lives]
        columns["total"] = totals
        return [
            {
                "phase": name,
                "tickets": len(hours),
                "p50_hours": float(np.quantile(hours, 0.5)),
                "p95_hours": float(np.quantile(hours, 0.95)),
                "mean_hours": mean(hours),
                "share": sum(hours) / sum(totals),
            }
            for name, hours in columns.items()
        ]

    def split(self, ticket: Ticket, end: datetime) -> Counter[str]:
        """Return the hours that a ticket was in each phase, until a moment."""
        hours: Counter[str] = Counter()
        state, hold, since = str(ticket.opened.state), "none", ticket.opened.opened_at
        for at, one in ticket.of(TicketMoved, HoldSet, HoldReleased):
            if at > end:
                break
            hours[_phase(state, hold)] += (at - since).total_seconds() / 3600  # type: ignore[assignment]  # a sum of hours
            since = at
            match one:
                case TicketMoved():
                    state = one.to_state
                case HoldSet():
                    hold = one.hold
                case _:
                    hold = "none"
        return hours

    def waits(self, kind: str) -> Table:
        """Return how long new tickets waited for the first response or the diagnosis."""
        found: dict[str, list[float | None]] = defaultdict(list)
        for one in self.tickets:
            if self.since <= one.opened.opened_at < self.until:
                events = one.of(TicketMoved) if kind == "response" else one.of(FaultDiagnosed)
                first = next((at for at, _ in events), None)
                hours = None if first is None else _seconds(one.opened.opened_at, first) / 3600
                found[one.opened.device.category].append(hours)
        rows = []
        for category, all_hours in found.items():
            known = [one for one in all_hours if one is not None]
            p50, p95 = (float(np.quantile(known, level)) if known else None for level in (0.5, 0.95))
            waiting = len(all_hours) - len(known)
            rows.append({"category": category, "tickets": len(all_hours), "waiting": waiting, "p50_hours": p50,
                         "p95_hours": p95})  # fmt: skip
        return sorted(rows, key=lambda row: (-int(row["tickets"] or 0), str(row["category"])))

    def quotes(self) -> Table:
        """Count quoted tickets by what became of them."""
        stages: Counter[str] = Counter()
        for one in self.tickets:
            quotes = [quote for at, quote in one.of(QuotePrepared, until=self.until) if at >= self.since]
            if quotes:
                stages["prepared"] += 1
                if list(one.of(QuoteAccepted)):
                    stages["accepted"] += 1
                elif list(one.of(QuoteDeclined)):
                    stages["declined"] += 1
                else:
                    late = all(quote.valid_until < datetime.now(UTC) for quote in quotes)
                    stages["expired" if late else "open"] += 1
        names = ("prepared", "accepted", "declined", "expired", "open")
        return [{"stage": n, "tickets": stages[n], "share": stages[n] / stages["prepared"]} for n in names]

    def margins(self) -> Table:
        """Add up repaired and collected tickets by device and fault."""
        costs = {receipt.sku: receipt.unit_cost_cents for at, receipt in self.stock if at < self.until}
        groups: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
        for one, _ in self._came("collected"):
            if one.moves("ready", datetime.min.replace(tzinfo=UTC), self.until, "qc"):
                accepted = [answer.total_cents for _, answer in one.of(QuoteAccepted, until=self.until)]
                used = [line for _, parts in one.of(PartsCommitted, until=self.until) for line in parts.lines]
                cost = sum(line.quantity * costs.get(line.sku, 0) for line in used)
                key = one.opened.device.category, one.family(self.until)
                groups[key].append((accepted[-1] if accepted else 0, cost))
        rows: Table = []
        for (category, family), pairs in groups.items():
            revenue, cost = (sum(pair[side] for pair in pairs) for side in (0, 1))
            rows.append({"category": category, "family": family, "currency": "EUR", "tickets": len(pairs),
                         "revenue_cents": revenue, "parts_cents": cost, "margin_cents": revenue - cost,
                         "margin_rate": (revenue - cost) / revenue if revenue else None})  # fmt: skip
        return sorted(rows, key=lambda row: (-row["margin_cents"], row["category"], row["family"]))

    def quality(self) -> Table:
        """Count first-time fixes, reworks and returns."""
        repaired = self._repaired()
        measures = {
            "first_time_fix": [not one["reworked"] and not one["claimed"] for one in repaired],
            "rework": [one["reworked"] for one in repaired],
            "warranty_return": [one["claimed"] for one in repaired],
        }
        rows: Table = []
        for name, hits in measures.items():
            count, cases, z = len(hits), sum(hits), 1.96
            rate = cases / count
            centre, half = rate + z * z / 2 / count, z * sqrt(rate * (1 - rate) / count + z * z / 4 / count**2)
            rows.append({"measure": name, "cases": cases, "repairs": count, "rate": rate,
                         "low_95": max(0.0, (centre - half) / (1 + z * z / count)),
                         "high_95": min(1.0, (centre + half) / (1 + z * z / count))})  # fmt: skip
        return rows

    def technicians(self) -> Table:
        """Compare failures and hours of technicians with those of the shop on the same faults."""
        repaired = self._repaired()
        strata: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        people: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for one in repaired:
            one["failed"] = one["reworked"] or one["claimed"]
            strata[one["category"], one["family"]].append(one)
            people[one["technician"]].append(one)
        rows: Table = []
        for name, cases in people.items():
            alike = [strata[one["category"], one["family"]] for one in cases]
            rows.append({
                "technician": name, "completed": len(cases), "failures": sum(one["failed"] for one in cases),
                "expected_failures": sum(mean(float(one["failed"]) for one in group) for group in alike),
                "touch_hours": mean(one["touch"] for one in cases),
                "expected_touch_hours": mean(mean(one["touch"] for one in group) for group in alike),
            })  # fmt: skip
        prior = _prior([(row["failures"], row["expected_failures"]) for row in rows])
        for row in rows:
            shape, rate = prior + row["failures"], prior + row["expected_failures"]
            row["failure_ratio"] = shape / rate
            row["shape"], row["rate"] = shape, rate
        return sorted(rows, key=lambda row: (-row["completed"], row["technician"]))

    def parts(self) -> Table:
        """Count parts that were used and that were missing."""
        costs = {receipt.sku: receipt.unit_cost_cents for at, receipt in self.stock if at < self.until}
        used: Counter[str] = Counter()
        missing: Counter[str] = Counter()
        short: dict[str, set[str]] = defaultdict(set)
        for one in self.tickets:
            for at, said in one.of(PartsCommitted, PartsShort, until=self.until):
                if at >= self.since:
                    for line in said.lines if isinstance(said, PartsCommitted) else ():
                        used[line.sku] += line.quantity
                    for gap in said.missing if isinstance(said, PartsShort) else ():
                        missing[gap.sku] += gap.quantity
                        short[gap.sku].add(one.opened.ticket_id)
        rows: Table = [
            {"sku": sku, "used": used[sku], "stock_outs": len(short[sku]), "missing": missing[sku],
             "cost_cents": used[sku] * costs.get(sku, 0)}
            for sku in {*used, *missing}
        ]  # fmt: skip
        return sorted(rows, key=lambda row: (-row["used"], -row["stock_outs"], row["sku"]))

    def notifications(self) -> Table:
        """Count messages by template and channel."""
        counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        kinds: dict[type[Message], str] = {
            NotificationSent: "sent",
            NotificationFailed: "failed",
            NotificationDeferred: "deferred",
        }
        for one in self.tickets:
            for at, said in one.of(*kinds, until=self.until):
                if at >= self.since:
                    counts[said.template, getattr(said, "channel", "")][kinds[type(said)]] += 1
        rows: Table = []
        for (template, channel), found in sorted(counts.items()):
            tried = found["sent"] + found["failed"]
            rows.append({"template": template, "channel": channel, "sent": found["sent"], "failed": found["failed"],
                         "deferred": found["deferred"],
                         "failure_rate": found["failed"] / tried if tried else None})  # fmt: skip
        return rows

    def _came(self, state: str) -> Iterator[tuple[Ticket, datetime]]:
        return ((one, moves[-1]) for one in self.tickets if (moves := one.moves(state, self.since, self.until)))

    def _repaired(self) -> list[dict[str, Any]]:
        found = []
        for one in self.tickets:
            if not (passed := one.moves("ready", self.since, self.until, "qc")):
                continue
            moves = [move for at, move in one.of(TicketMoved) if at == passed[-1]]
            found.append({
                "category": one.opened.device.category, "family": one.family(self.until),
                "technician": moves[-1].evidence.repaired_by,
                "reworked": any(move.to_state == "rework" for _, move in one.of(TicketMoved, until=self.until)),
                "claimed": any(True for _ in one.of(WarrantyClaimed)),
                "touch": self.split(one, passed[-1])["touch"],
            })  # fmt: skip
        return found

    def _state(self, ticket: Ticket, moment: datetime) -> str:
        moves = [move.to_state for _, move in ticket.of(TicketMoved, until=moment)]
        return str(moves[-1] if moves else ticket.opened.state)

    def _aged(self, state: str, hours: list[float]) -> dict[str, Any]:
        names = ("under_1_day", "to_3_days", "to_7_days", "over_7_days")
        ages = Counter(names[bisect_right((24, 72, 168), one)] for one in hours)
        return {"state": state, "tickets": len(hours), **{n: ages[n] for n in names}, "oldest_hours": max(hours)}


def tickets_of(told: Iterable[tuple[datetime, Message]], workspace: str) -> list[Ticket]:
    """Return the tickets of a workspace, each with what was said of it."""
    found: dict[str, Ticket] = {}
    for at, message in told:
        if isinstance(message, TicketOpened):
            if message.workspace_id == workspace:
                found[message.ticket_id] = Ticket(message)
        elif (ticket := found.get(getattr(message, "ticket_id", ""))) is not None:
            ticket.said.append((at, message))
    return list(found.values())


def _phase(state: str, hold: str) -> str:
    match hold:
        case "customer":
            return "approval"
        case "supplier":
            return "parts"
        case "internal" | "legal":
            return "held"
    if state in TOUCH:
        return "touch"
    if state in CUSTOMER:
        return "approval"
    if state in SUPPLIER:
        return "parts"
    return "ready" if state == "ready" else "queue"


def _prior(pairs: list[tuple[int, float]]) -> float:
    """Return the weight of the prior by moments: 1 over what the ratios differ by beyond chance."""
    off = sum((seen - usual) ** 2 / usual for seen, usual in pairs if usual > 0)
    return 1 / max(0.02, (off - (len(pairs) - 1)) / max(1e-9, sum(usual for _, usual in pairs)))


def _seconds(start: datetime, end: datetime) -> int:
    """Return whole seconds as the engine counts them: those of the clock, not of the difference."""
    return int(end.timestamp() // 1 - start.timestamp() // 1)
