"""What comes in from outside by webhook. The body may name people: it lies sealed in the object store."""

from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from schemas.core.blob_ref import BlobRef
from schemas.core.ids import Code
from schemas.core.message import Event
from schemas.core.time import UtcTime

HookId = Annotated[str, StringConstraints(pattern=r"^H-[0-9a-f]{32}$")]
"""Made of provider and delivery: the same delivery is the same record, wherever it comes in."""


class WebhookReceived(Event):
    """A provider told us something, and its signature was good.

    ``hook_type`` is the provider's word; ``verified_with`` is the key's place in the setting or the provider's id of
    it. ``payload`` is the raw body, absent when it was empty.
    """

    TYPE: ClassVar[str] = "noizylab.webhook.received.v1"

    hook_id: HookId
    provider: Code
    delivery_id: str = Field(min_length=1, max_length=200)
    hook_type: str = Field(min_length=1, max_length=100)
    verified_with: str = Field(min_length=1, max_length=80)
    payload: BlobRef | None = None
    received_at: UtcTime
