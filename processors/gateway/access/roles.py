"""Roles: names for bundles of scopes. Pure.

A person has roles, a key has scopes. ``admin`` opens everything within the caller's workspace; only members with it
manage members, keys and settings. Technicians complete tasks, which needs ``workflows:manage``.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from schemas.core.ids import DEFAULT_WORKSPACE, WorkspaceId

Scope = Literal[
    "tickets:read", "tickets:write", "tickets:delete", "ai:diagnose", "ai:vision", "ai:voice", "pricing:read",
    "pricing:write", "inventory:read", "inventory:write", "admin", "workflows:manage",
]  # fmt: skip
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""``admin`` includes all others."""

Role = Literal["owner", "manager", "technician", "front_desk", "kiosk", "integrator", "auditor"]
ROLE_NAMES: tuple[Role, ...] = get_args(Role)
ROLES: Mapping[str, frozenset[Scope]] = {
    "owner": frozenset(("admin",)),
    "manager": frozenset(SCOPES) - {"admin"},
    "technician": frozenset(
        ("tickets:read", "tickets:write", "ai:diagnose", "ai:vision", "ai:voice", "inventory:read", "workflows:manage")
    ),
    "front_desk": frozenset(("tickets:read", "tickets:write", "pricing:read", "inventory:read")),
    "kiosk": frozenset(("tickets:write",)),
    "integrator": frozenset(("tickets:read", "tickets:write", "pricing:read", "inventory:read", "inventory:write")),
    "auditor": frozenset(("tickets:read", "pricing:read", "inventory:read")),
}  # fmt: skip


def scopes_of(roles: Iterable[str]) -> frozenset[Scope]:
    """Return what roles open together. A role that this version does not know opens nothing."""
    return frozenset().union(*(ROLES.get(role, frozenset()) for role in roles))


def known_scopes(names: Iterable[str]) -> frozenset[Scope]:
    """Return those of ``names`` that are scopes of this version; the others open nothing here."""
    given = frozenset(names)
    return frozenset(scope for scope in SCOPES if scope in given)


def within(wanted: Iterable[Scope], own: frozenset[Scope]) -> bool:
    """Whether somebody with ``own`` scopes may give ``wanted`` away."""
    return "admin" in own or own.issuperset(wanted)


def runs_the_house(workspace_id: WorkspaceId, scopes: frozenset[Scope]) -> bool:
    """Whether a caller may do what concerns all workspaces: an administrator of the default one."""
    return workspace_id == DEFAULT_WORKSPACE and "admin" in scopes
