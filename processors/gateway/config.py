"""Limits of the edge. Each guards memory, the disk or a person's patience."""

from dataclasses import dataclass, field
from datetime import timedelta

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
    file_max_bytes: int = 25_000_000
    """A document or a recording on a ticket; a photo has the limit of an intake's."""
    body_max_bytes: int = 262_144
    """Every request that is not an upload."""
    hook_max_bytes: int = 1_048_576
    """A provider's webhook: SendGrid gathers mail events up to 768 KB in one."""
    import_max_bytes: int = 5_000_000
    import_rows_max: int = 5_000
    """A table of tickets; a larger one is split by whoever sends it."""
    uploads_at_once: int = 4
    """Each upload holds its photos in memory: 4 x 80 MB is what the edge may need at worst."""

    outcome_wait_s: float = 3.0
    publish_wait_s: float = 5.0

    answer_kept: timedelta = timedelta(hours=24)
    """How long a request with the same ``Idempotency-Key`` gets the same answer; the topic keeps it as long."""
    answer_max_bytes: int = 500_000
    """A longer answer is not kept: sealed, it would not fit into a record."""
    answers_max: int = 50_000
    answers_max_characters: int = 64_000_000
    claim_s: float = 15.0
    """A replica that dies with a request in hand holds the key for so long; one at work renews three times in it."""

    requests_per_minute: int = 600
    page_requests_per_minute: int = 60
    """For customers' links, counted by ticket, and for callers without a good key, counted by address."""

    bulk_items_per_minute: int = 10_000
    """What requests on many things at once may touch, counted by thing."""
    in_flight_max: int = 200
    in_flight_per_caller_max: int = 50
    body_grace_s: float = 10.0
    body_min_bytes_per_s: float = 8_000.0
    """A body may take the grace, and beyond it as long as it needs at this rate: whoever drips is cut off."""
    unlocks_per_hour: int = 20
    """Passcodes that one caller may open, over all tickets: a day at a bench needs fewer, a curious one more."""

    timeline_events_max: int = 500
    timelines_max: int = 2_000
    outcomes_max: int = 10_000
    stream_queue_max: int = 256
    streams_max: int = 1_000
    streams_per_caller_max: int = 100
    exports_max: int = 4
    exports_per_caller_max: int = 2
    """Files of the warehouse being sent: each takes the engine up to ten seconds to make."""
    tile_every_s: float = 1.0
    tile_settle_s: float = 4.0
    """Twice the time within which an event that was heard of is in the warehouse."""
    tile_refresh_s: float = 60.0
    tile_rows_max: int = 200
    feed_max: int = 500
    """Events of each partition that a reader of the whole workspace can resume from."""
    heartbeat_s: float = 15.0
    ping_s: float = 20.0
    recheck_s: float = 5.0
    """How long a live reader goes on after its right has ended."""
    stall_s: float = 20.0
    """How long a socket that takes nothing is waited for, before it is cut off without a word."""
    socket_ticket_s: float = 30.0
    cache_max_bytes: int = 32_000_000
    list_max: int = 200
