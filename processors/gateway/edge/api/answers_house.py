"""What the edge answers about the house: people, keys, workspaces, stock, tasks, figures, webhooks."""

from typing import Any, Literal

from pydantic import Field, JsonValue

from processors.gateway.access.roles import Role, Scope
from processors.gateway.edge.api.answers import Answer
from schemas.core.ids import Code, RecordId, TicketId, WorkspaceId
from schemas.core.time import UtcTime
from schemas.devices import Device
from schemas.inventory import StockView
from schemas.webhooks import WebhookDelivery
from schemas.workspaces import WorkspaceSettings


class Alive(Answer):
    """The event loop turns."""

    status: Literal["alive"]


class Ready(Answer):
    """The views are caught up. ``unreadable``: records of the log that could not be read and were skipped."""

    status: Literal["ready"]
    unreadable: int


class OpenTaskOfTicket(Answer):
    """A task that waits for a person. ``data`` needs the scope workflows:manage."""

    ticket_id: TicketId
    device: Device | None
    task_id: str
    node_id: str
    name: str
    role: Code
    form: str | None = None
    data: dict[str, JsonValue] = Field(default_factory=dict)
    raised_at: UtcTime


class Tasks(Answer):
    """Open tasks, the oldest first."""

    tasks: list[OpenTaskOfTicket]


class Stock(Answer):
    """Counts of parts, by location and part."""

    stock: list[StockView]


class About(Answer):
    """What a figure shows, how it is counted, and in which unit."""

    name: str
    title: str
    definition: str
    unit: str


class Figures(Answer):
    """Which figures there are."""

    figures: list[About]


class FigureRows(About):
    """A figure with its rows, in the figure's own order."""

    rows: list[dict[str, JsonValue]]


class Deployable(Answer):
    """The flow can be deployed."""

    status: Literal["deployable"]


class Received(Answer):
    """The log has the delivery; false when it had it before. Some providers get an answer in their own words."""

    received: bool | None = None


class Webhook(Answer):
    """A subscription. ``secret`` is shown when it is made or changed, and never again."""

    webhook_id: str
    workspace_id: WorkspaceId
    url: str
    types: list[str]
    scopes: list[str]
    description: str
    status: Literal["active", "paused", "removed"]
    paused_because: str | None = None
    secret_version: int
    rotated_at: UtcTime | None = None
    created_at: UtcTime
    changed_at: UtcTime
    failures_in_a_row: int
    delivered: int
    given_up: int
    waiting: int
    secret: str | None = None


class Webhooks(Answer):
    """Subscriptions, the newest first."""

    webhooks: list[Webhook]


class Deliveries(Answer):
    """What waits, the longest waiting first, then what is finished, the newest first."""

    webhook_id: str
    deliveries: list[WebhookDelivery]


class SessionTokens(Answer):
    """What a session is held with. The access token is good for ``expires_in`` seconds, the refresh token once."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    refresh_token: str
    session_id: RecordId


class OpenSession(Answer):
    """One login of one's own."""

    session_id: RecordId
    opened_at: UtcTime
    rotated_at: UtcTime
    expires_at: UtcTime


class Me(Answer):
    """Who calls, and what they may do. What belongs to a person is absent for a key."""

    kind: Literal["user", "api_key", "service"]
    id: str
    workspace_id: WorkspaceId
    scopes: list[Scope]
    name: str | None = None
    mail: str | None = None
    roles: tuple[Role, ...] = ()
    second_factor: bool | None = None
    recovery_codes_left: int | None = None
    session_id: RecordId | None = None
    sessions: tuple[OpenSession, ...] = ()


class NewTotp(Answer):
    """A second factor that counts once its first code was confirmed; ``uri`` is what an app scans."""

    totp_id: RecordId
    secret: str
    uri: str


class RecoveryCodes(Answer):
    """Each is good once, in place of a code; shown once."""

    recovery_codes: list[str]


class KeySet(Answer):
    """Public keys (RFC 7517)."""

    keys: list[dict[str, Any]]


class Member(Answer):
    """A member of the workspace. Name and address are null once they were forgotten."""

    user_id: str
    name: str | None
    mail: str | None
    roles: list[Role]
    disabled: bool
    has_password: bool
    second_factor: bool
    sessions: int
    created_at: UtcTime
    last_login_at: UtcTime | None


class Members(Answer):
    """The members, the oldest first."""

    users: list[Member]


class PasswordLink(Answer):
    """A token to choose a password with, shown once."""

    user_id: str
    token: str
    expires_at: UtcTime
    use: str


class Key(Answer):
    """What is kept of an API key."""

    id: str
    name: str
    scopes: list[Scope]
    per_minute: int | None
    created_at: UtcTime
    expires_at: UtcTime | None
    revoked_at: UtcTime | None
    used_at: UtcTime | None


class Keys(Answer):
    """All keys, the oldest first."""

    keys: list[Key]


class NewKey(Answer):
    """A fresh key. ``key`` is never shown again."""

    id: str
    key: str
    name: str
    scopes: list[Scope]
    expires_at: UtcTime | None
    per_minute: int | None


class Workspace(Answer):
    """A workspace and its settings."""

    workspace_id: WorkspaceId
    settings: WorkspaceSettings


class Workspaces(Answer):
    """The caller's workspace; all of them to whoever runs the house."""

    workspaces: list[Workspace]
