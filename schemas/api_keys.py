"""API keys: an id, a keyed hash, and what the key opens. The key itself is shown once and kept nowhere."""

from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from schemas.core.ids import ApiKeyId, Sha256, WorkspaceId
from schemas.core.message import Command, Event, View
from schemas.core.text import ShortText
from schemas.core.time import UtcTime

ScopeName = Annotated[str, StringConstraints(pattern=r"^[a-z]+(:[a-z_]+)?$", max_length=60)]
"""What a key opens. One that a gateway does not know opens nothing there."""


class CreateApiKey(Command):
    """Keep a key. ``mac`` is HMAC-SHA-256 of it under the shop's pepper."""

    TYPE: ClassVar[str] = "noizylab.api_key.create.v1"

    access_id: ApiKeyId
    workspace_id: WorkspaceId
    name: ShortText
    mac: Sha256
    scopes: tuple[ScopeName, ...] = Field(min_length=1, max_length=50)
    by: ShortText
    expires_at: UtcTime | None = None
    per_minute: int | None = Field(default=None, ge=1, le=100_000, description="Its own limit; else the house's.")


class RevokeApiKey(Command):
    """Let a key open nothing any more."""

    TYPE: ClassVar[str] = "noizylab.api_key.revoke.v1"

    access_id: ApiKeyId
    by: ShortText


class NoteApiKeyUse(Command):
    """A key was used. Gateways say so seldom; what comes too soon is dropped."""

    TYPE: ClassVar[str] = "noizylab.api_key.note_use.v1"

    access_id: ApiKeyId


class ApiKeyCreated(Event):
    """A key opens something."""

    TYPE: ClassVar[str] = "noizylab.api_key.created.v1"

    access_id: ApiKeyId
    workspace_id: WorkspaceId
    name: ShortText
    mac: Sha256
    scopes: tuple[ScopeName, ...]
    by: ShortText
    created_at: UtcTime
    expires_at: UtcTime | None = None
    per_minute: int | None = None


class ApiKeyRevoked(Event):
    """A key opens nothing any more."""

    TYPE: ClassVar[str] = "noizylab.api_key.revoked.v1"

    access_id: ApiKeyId
    by: ShortText
    revoked_at: UtcTime


class ApiKeyUsed(Event):
    """A key was used; written at most once in ten minutes."""

    TYPE: ClassVar[str] = "noizylab.api_key.used.v1"

    access_id: ApiKeyId
    used_at: UtcTime


class ApiKeyView(View):
    """A key as every gateway knows it."""

    TYPE: ClassVar[str] = "noizylab.api_key.view.v1"

    access_id: ApiKeyId
    workspace_id: WorkspaceId
    name: ShortText
    mac: Sha256
    scopes: tuple[ScopeName, ...]
    created_at: UtcTime
    expires_at: UtcTime | None = None
    per_minute: int | None = None
    revoked_at: UtcTime | None = None
    used_at: UtcTime | None = None
