"""What the sender of webhooks keeps to."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Policy:
    """How often is tried, how much waits, and when a subscription is paused."""

    retry_after: tuple[timedelta, ...] = (
        timedelta(seconds=5),
        timedelta(seconds=30),
        timedelta(minutes=2),
        timedelta(minutes=10),
        timedelta(hours=1),
        timedelta(hours=3),
        timedelta(hours=12),
    )
    """The wait after each failure; after the last one a delivery is given up."""
    jitter: float = 0.2
    """Each wait is up to this share longer or shorter, so that what failed together does not come back together."""
    pause_after_failures: int = 100
    """So many failed tries without one that went well."""
    waiting_max: int = 1_000
    """A subscription that falls further behind is paused: its view is one record of the log."""
    secrets_overlap: timedelta = timedelta(hours=24)
    """How long a changed secret still signs beside the new one."""
    look_every_s: float = 0.5
    tries_at_once: int = 64
    tries_at_once_each: int = 4
    """For each subscription, so that a slow one does not take the place of others."""
    ticket_wait_s: float = 2.0
    """How long an event waits for the view of its ticket, which is written just after the ticket's first event."""
