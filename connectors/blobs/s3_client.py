"""Where an S3 server is, and a client with its own connections to it."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from connectors.errors import Misconfigured

if TYPE_CHECKING:
    from minio import Minio

PARTS_AT_ONCE = 3
"""Of one large object; minio-py sends them from threads of its own."""


@dataclass(frozen=True, slots=True)
class S3Settings:
    """Where the server is and who we are. ``endpoint`` is ``host:port``; region None asks the server once a bucket.

    ``object_lock`` names buckets whose objects can be locked; they are made so. Such a bucket keeps versions: what is
    deleted there stays on the server, so what must be forgotten on request does not belong in it.
    """

    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    secure: bool = True
    region: str | None = "us-east-1"
    connect_timeout_s: float = 3.0
    read_timeout_s: float = 30.0
    threads: int = 8
    object_lock: frozenset[str] = frozenset()


def connect(settings: S3Settings) -> "Minio":
    """Return a client with its own pool: minio-py's default waits 5 minutes and tries 5 times."""
    import urllib3
    from minio import Minio

    pool = urllib3.PoolManager(
        maxsize=settings.threads * (1 + PARTS_AT_ONCE),
        timeout=urllib3.Timeout(connect=settings.connect_timeout_s, read=settings.read_timeout_s),
        retries=urllib3.Retry(total=1, backoff_factor=0.2, status_forcelist=(500, 502, 503, 504)),
    )
    try:
        return Minio(
            settings.endpoint,
            access_key=settings.access_key,
            secret_key=settings.secret_key,
            secure=settings.secure,
            region=settings.region,
            http_client=pool,
        )
    except ValueError as error:
        raise Misconfigured(f"S3 endpoint {settings.endpoint!r}: {error}; give host:port, without http://") from error
