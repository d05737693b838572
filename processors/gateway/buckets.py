"""The columns of the board, as data: which states stand in which, and from when on a ticket has stood too long."""

from dataclasses import dataclass
from datetime import timedelta

from schemas.tickets import TERMINAL_STATES, TicketState


@dataclass(frozen=True, slots=True)
class Bucket:
    """Some states that mean the same to whoever looks for work. ``overdue_after``: time in the state, by the clock.

    None: nothing in it is ever overdue.
    """

    name: str
    says: str
    states: tuple[TicketState, ...]
    overdue_after: timedelta | None


BUCKETS: tuple[Bucket, ...] = (
    Bucket("new", "Nobody has looked at it yet.", ("draft", "booked", "received"), timedelta(days=1)),
    Bucket("needs_quote", "The fault is looked for and priced.", ("triage", "diagnosing"), timedelta(days=2)),
    Bucket(
        "waiting_for_customer",
        "The customer decides, pays a deposit or removes a lock.",
        ("blocked_lock", "quoted", "awaiting_deposit"),
        timedelta(days=14),
    ),
    Bucket(
        "waiting_for_parts",
        "A supplier or an outside workshop has it in hand.",
        ("awaiting_parts", "outsourced"),
        timedelta(days=14),
    ),
    Bucket("queued", "Work that somebody can begin.", ("approved", "queued", "declined"), timedelta(days=2)),
    Bucket("on_bench", "On the bench.", ("repairing", "rework"), timedelta(days=2)),
    Bucket("qc", "Repaired; is being checked.", ("qc",), timedelta(days=1)),
    Bucket("ready", "The customer can collect it.", ("ready",), timedelta(days=30)),
    Bucket("closed", "Nothing is left to do.", TERMINAL_STATES, None),
)
"""Every state stands in exactly one. The customer has 14 days to answer, after which a quote is declined for them
(the life cycle's reminders run on days 1, 3 and 7); the shop's own times are the 24 to 72 hours that shops quote as
their turnaround. They are elapsed time: clocks with opening hours belong to the service levels, not to a list."""

BY_NAME = {bucket.name: bucket for bucket in BUCKETS}
