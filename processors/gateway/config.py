"""Limits of the edge. Each guards memory, the disk or a person's patience."""

from dataclasses import dataclass, field

from connectors.intake.submit import IntakeLimits


@dataclass(frozen=True, slots=True)
class Policy:
    """What the gateway takes and how long it waits. Sizes in bytes, times in seconds unless named otherwise."""

    intake: IntakeLimits = field(default_factory=IntakeLimits)
    intake_json_max_bytes: int = 262_144
    """Room for a text far beyond its own limit, so that the answer can name the field that is too long."""
    upload_max_bytes: int = 80_000_000
    object_max_bytes: int = 2_000_000_000
    """A body for a signed address, which has a limit of its own; it is never held in memory."""
    body_max_bytes: int = 262_144
    """Every request that is not an upload."""
    uploads_at_once: int = 4
    """Each upload holds its photos in memory: 4 x 80 MB is what the edge may need at worst."""

    outcome_wait_s: float = 3.0
    publish_wait_s: float = 5.0

    requests_per_minute: int = 600
    page_requests_per_minute: int = 60
    """For customers' links, counted by ticket, and for callers without a good key, counted by address."""

    unlocks_per_hour: int = 20
    """Passcodes that one caller may open, over all tickets: a day at a bench needs fewer, a curious one more."""

    timeline_events_max: int = 500
    timelines_max: int = 2_000
    outcomes_max: int = 10_000
    stream_queue_max: int = 256
    streams_max: int = 200
    heartbeat_s: float = 15.0
    list_max: int = 200
