"""Topics of who may do what: users and their sessions, API keys, workspaces.

Free text in them, a key's name or a bench's, may name a person.
"""

from datetime import timedelta

from schemas.access import (
    AccessRefused,
    AmendUser,
    CreateUser,
    DisableTotp,
    EnableTotp,
    EndSessions,
    IssueLink,
    LinkIssued,
    OpenSession,
    PasswordSet,
    RotateSession,
    SessionOpened,
    SessionRotated,
    SessionsEnded,
    SetPassword,
    TotpDisabled,
    TotpEnabled,
    UserAmended,
    UserCreated,
    UserView,
)
from schemas.api_keys import (
    ApiKeyCreated,
    ApiKeyRevoked,
    ApiKeyUsed,
    ApiKeyView,
    CreateApiKey,
    NoteApiKeyUse,
    RevokeApiKey,
)
from schemas.workspaces import (
    AmendWorkspace,
    CreateWorkspace,
    WorkspaceAmended,
    WorkspaceCreated,
    WorkspaceView,
)
from topics.topic import Compact, Delete, Topic

ACCESS_COMMANDS = Topic(
    name="access.commands.v1",
    owner="gateway",
    summary="Wishes about users, sessions, API keys and workspaces.",
    carries=(
        CreateUser,
        AmendUser,
        IssueLink,
        SetPassword,
        EnableTotp,
        DisableTotp,
        OpenSession,
        RotateSession,
        EndSessions,
        CreateApiKey,
        RevokeApiKey,
        NoteApiKeyUse,
        CreateWorkspace,
        AmendWorkspace,
    ),
    key="access_id",
    personal_data=True,
)
ACCESS_EVENTS = Topic(
    name="access.events.v1",
    owner="gateway",
    summary="Who was given access, used it and lost it.",
    carries=(
        UserCreated,
        UserAmended,
        LinkIssued,
        PasswordSet,
        TotpEnabled,
        TotpDisabled,
        SessionOpened,
        SessionRotated,
        SessionsEnded,
        ApiKeyCreated,
        ApiKeyRevoked,
        ApiKeyUsed,
        WorkspaceCreated,
        WorkspaceAmended,
        AccessRefused,
    ),
    key="access_id",
    personal_data=True,
    cleanup=Delete(timedelta(days=365)),
)
ACCESS_VIEWS = Topic(
    name="access.views.v1",
    owner="gateway",
    summary="Users with their sessions, API keys and workspaces, as every gateway knows them.",
    carries=(UserView, ApiKeyView, WorkspaceView),
    key="access_id",
    personal_data=True,
    cleanup=Compact(),
)
