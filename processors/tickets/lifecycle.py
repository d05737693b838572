"""The life cycle of a ticket: ONE table of its states, clocks and transitions. Everything else reads it.

A move is allowed when the table has a way from the present state to the wanted one and all guards of that way hold.
Two rows may have the same ends: a customer's no and a hopeless repair both lead from quoted to declined.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from processors.tickets import guards as g
from processors.tickets.guards import Guard, Situation
from schemas.tickets import TERMINAL_STATES, TicketState

ClockName = Literal[
    "first_response", "diagnose", "quote_turnaround", "customer_decision", "parts", "repair", "pickup"
]  # fmt: skip
Whose = Literal["shop", "customer", "supplier"]

CLOCKS: dict[ClockName, tuple[Whose, str]] = {
    "first_response": ("shop", "from hand-in until somebody looks at the device"),
    "diagnose": ("shop", "until the fault is known"),
    "quote_turnaround": ("shop", "from hand-in until the customer has a quote"),
    "customer_decision": ("customer", "until the customer answers, pays a deposit or removes a lock"),
    "parts": ("supplier", "until a supplier or an outside workshop delivers"),
    "repair": ("shop", "bench work, its queue and its check, and putting back together"),
    "pickup": ("customer", "until the customer collects the device"),
}


@dataclass(frozen=True, slots=True)
class State:
    """A state, told for people. ``clocks`` are those that run while a ticket is in it; a terminal state has none."""

    name: TicketState
    says: str
    clocks: tuple[ClockName, ...] = ()

    @property
    def terminal(self) -> bool:
        """Whether no move leads out of it."""
        return self.name in TERMINAL_STATES


@dataclass(frozen=True, slots=True)
class Transition:
    """One way between two states; all its guards must hold."""

    source: TicketState
    target: TicketState
    guards: tuple[Guard, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a move is not allowed: the guard's name (or ``no_transition``) and what to do about it."""

    guard: str
    detail: str


STATES: dict[TicketState, State] = {
    state.name: state
    for state in (
        State("draft", "Begun online or at a kiosk and not sent yet."),
        State("booked", "An appointment: the device is still with the customer."),
        State(
            "received", "The device is in the shop, with photos and consent.", ("first_response", "quote_turnaround")
        ),
        State("triage", "Somebody looks at it and sorts it.", ("diagnose", "quote_turnaround")),
        State("diagnosing", "The fault is looked for and the repair is priced.", ("diagnose", "quote_turnaround")),
        State("blocked_lock", "Waits for the customer to remove an activation lock.", ("customer_decision",)),
        State("quoted", "The customer has a quote and decides.", ("customer_decision",)),
        State("approved", "The customer said yes; deposit and parts are arranged.", ("repair",)),
        State("declined", "No repair: the customer said no, or it cannot be repaired.", ("repair",)),
        State("awaiting_deposit", "Waits for the customer's deposit.", ("customer_decision",)),
        State("awaiting_parts", "Waits for parts on order.", ("parts",)),
        State("queued", "Everything is there; waits for a bench.", ("repair",)),
        State("repairing", "On the bench.", ("repair",)),
        State("outsourced", "At an outside workshop.", ("parts",)),
        State("qc", "Repaired; is being checked.", ("repair",)),
        State("rework", "Failed the check; back on the bench.", ("repair",)),
        State("ready", "Ready for the customer to collect, repaired or not.", ("pickup",)),
        State("collected", "With the customer again."),
        State("disposed", "Recycled or sold by the rules."),
        State("cancelled", "Ended before a repair began."),
    )
}

INITIAL_STATES: tuple[TicketState, ...] = ("draft", "booked", "received")
"""An intake with the device at hand opens in received; draft and booked are for tickets begun before that."""

UNOPENED: tuple[TicketState, ...] = (
    "received", "triage", "diagnosing", "blocked_lock", "quoted", "approved", "awaiting_deposit", "awaiting_parts",
    "queued",
)  # fmt: skip
"""The device is in the shop and nothing was taken apart for good: the ticket can still simply be cancelled."""
ON_THE_BENCH: tuple[TicketState, ...] = ("repairing", "outsourced", "qc", "rework")
AFTER_APPROVAL: tuple[TicketState, ...] = (
    "approved", "awaiting_deposit", "awaiting_parts", "queued", "repairing", "outsourced",
)  # fmt: skip


def _ways(sources: Iterable[TicketState], target: TicketState, *guards: Guard) -> tuple[Transition, ...]:
    return tuple(Transition(source, target, guards) for source in sources)


TRANSITIONS: tuple[Transition, ...] = (
    # Taking in
    *_ways(("draft",), "booked"),
    *_ways(("draft", "booked"), "received", g.PHOTOS_TAKEN, g.IDENTITY_OK, g.NOT_STOLEN),
    *_ways(("received",), "triage", g.BIN_ASSIGNED, g.NOT_STOLEN),
    # Finding the fault
    *_ways(("triage", "blocked_lock"), "diagnosing", g.LOCK_IS_OPEN),
    *_ways(("triage", "diagnosing"), "blocked_lock", g.LOCK_IS_CLOSED),
    *_ways(("repairing", "rework"), "diagnosing", g.CAUSE_NAMED),
    *_ways(("quoted", "declined"), "diagnosing"),
    # The customer's answer
    *_ways(("diagnosing",), "quoted", g.QUOTE_READY),
    *_ways(("quoted",), "quoted", g.QUOTE_CHANGED, g.QUOTE_READY),
    *_ways(AFTER_APPROVAL, "quoted", g.QUOTE_CHANGED, g.QUOTE_READY),
    *_ways(("quoted",), "approved", g.QUOTE_SIGNED, g.QUOTE_VALID),
    *_ways(("quoted", "approved", "awaiting_deposit", "awaiting_parts", "queued"), "declined", g.RETURN_ELECTED),
    # Deposit and parts
    *_ways(("approved",), "awaiting_deposit", g.DEPOSIT_DUE),
    *_ways(("approved",), "awaiting_parts", g.NO_DEPOSIT_DUE, g.PARTS_ETA),
    *_ways(("approved",), "queued", g.NO_DEPOSIT_DUE, g.PARTS_RESERVED),
    *_ways(("awaiting_deposit",), "awaiting_parts", g.DEPOSIT_SETTLED, g.PARTS_ETA),
    *_ways(("awaiting_deposit",), "queued", g.DEPOSIT_SETTLED, g.PARTS_RESERVED),
    *_ways(("awaiting_parts",), "queued", g.PARTS_RESERVED),
    *_ways(("queued", "repairing", "rework"), "awaiting_parts", g.PARTS_ETA),
    # A limit given in advance skips the customer's answer
    *_ways(("diagnosing",), "queued", g.WITHIN_CAP, g.PARTS_NOT_MISSING),
    *_ways(("diagnosing",), "awaiting_parts", g.WITHIN_CAP, g.PARTS_ETA),
    # The repair and its check
    *_ways(("queued", "outsourced"), "repairing"),
    *_ways(("queued", "repairing"), "outsourced"),
    *_ways(("repairing", "outsourced", "rework"), "qc", g.STEPS_SIGNED, g.SERIALS_CONSUMED),
    *_ways(("qc",), "ready", g.SECOND_PERSON),
    *_ways(("qc", "ready"), "rework", g.CAUSE_NAMED),
    # Ends without a repair
    *_ways((*UNOPENED, *ON_THE_BENCH), "declined", g.GIVEN_UP_WITH_CAUSE),
    *_ways((*UNOPENED, *ON_THE_BENCH), "ready", g.GIVEN_UP_WITH_CAUSE, g.REASSEMBLY_NOTED),
    *_ways(("triage", "diagnosing"), "ready", g.NOTHING_REPAIRED, g.REASSEMBLED),
    *_ways(("declined",), "ready", g.REASSEMBLED),
    *_ways(("draft", "booked"), "cancelled"),
    *_ways(UNOPENED, "cancelled", g.HANDED_BACK),
    # The end
    *_ways(("ready",), "collected", g.BALANCE_SETTLED, g.COLLECTOR_VERIFIED, g.POST_CONDITION_SIGNED),
    *_ways(("ready",), "disposed", g.ABANDONMENT_FINISHED),
    *_ways(("declined", "ready"), "disposed", g.DISPOSAL_ELECTED),
)


def _by_ends() -> dict[tuple[TicketState, TicketState], tuple[Transition, ...]]:
    table: dict[tuple[TicketState, TicketState], tuple[Transition, ...]] = {}
    for way in TRANSITIONS:
        table[way.source, way.target] = (*table.get((way.source, way.target), ()), way)
    return table


WAYS = _by_ends()


def targets_of(state: TicketState) -> tuple[TicketState, ...]:
    """Return the states that a ticket in ``state`` can move to, in the order of the table of states."""
    return tuple(target for target in STATES if (state, target) in WAYS)


def refusal_of(situation: Situation, target: TicketState) -> Refusal | None:
    """Return why the ticket cannot move to ``target``, or None when it can.

    Of several ways the refusal is that of the one that came furthest: it is the one that was probably meant.
    """
    source = situation.ticket.state
    ways = WAYS.get((source, target), ())
    if not ways:
        return Refusal("no_transition", _no_transition(source, target))
    furthest: tuple[int, Refusal] | None = None
    for way in ways:
        passed, refusal = _try(way, situation)
        if refusal is None:
            return None
        if furthest is None or passed > furthest[0]:
            furthest = (passed, refusal)
    assert furthest is not None
    return furthest[1]


def _try(way: Transition, situation: Situation) -> tuple[int, Refusal | None]:
    for passed, guard in enumerate(way.guards):
        missing = guard.check(situation)
        if missing is not None:
            return passed, Refusal(guard.name, missing)
    return len(way.guards), None


def _no_transition(source: TicketState, target: TicketState) -> str:
    if STATES[source].terminal:
        return f"The ticket is {source}, which is final; open a new ticket that refers to it."
    return f"No way leads from {source} to {target}; from {source} a ticket can go to {', '.join(targets_of(source))}."
