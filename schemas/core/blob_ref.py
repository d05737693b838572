"""References to stored bytes. The log carries a reference and a hash, never the bytes."""

from pydantic import Field

from schemas.core.ids import Sha256
from schemas.core.message import Value


class BlobRef(Value):
    """Bytes in the object store. ``key`` is the object's name in ``bucket``; the hash is over the whole object."""

    bucket: str = Field(min_length=3, max_length=63)
    key: str = Field(min_length=1, max_length=512)
    sha256: Sha256
    size_bytes: int = Field(ge=1)
    media_type: str = Field(max_length=100)
