"""The buckets of a shop, and how long each keeps what nothing open needs any more."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is declared of a bucket.

    ``on_the_log``: messages refer to its objects, so one that none refers to is an orphan. ``keep``: how long after it
    was last referred to an object goes, unless an open ticket refers to it; None keeps it. ``sealed``: through
    ``SealedBlobs``; the vault seals by itself.
    """

    name: str
    on_the_log: bool = True
    keep: timedelta | None = None
    sealed: bool = True


BUCKETS = (
    Bucket("images", keep=timedelta(days=730)),
    Bucket("hooks", keep=timedelta(days=90)),
    Bucket("documents", keep=timedelta(days=1095)),
    Bucket("goldens", on_the_log=False),
    Bucket("designs"),
    Bucket("vault", on_the_log=False, sealed=False),
)
