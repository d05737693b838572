"""How long access lasts."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """Times of sessions, links and keys.

    ``rotation_grace`` is how long the refresh token before the newest is answered once more, for a client that lost
    the answer: longer than the edge itself waits for the log (8 s), far shorter than a thief's visit.
    """

    access_token: timedelta = timedelta(minutes=10)
    session_idle: timedelta = timedelta(days=7)
    session_longest: timedelta = timedelta(days=30)
    rotation_grace: timedelta = timedelta(seconds=20)
    sessions_max: int = 20
    link_lasts: timedelta = timedelta(hours=48)
    key_use_every: timedelta = timedelta(minutes=10)
