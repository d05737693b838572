"""Typed identifiers. Each is a constrained string, so a wrong one is refused at the edge with its field named."""

from typing import Annotated

from pydantic import StringConstraints

TicketId = Annotated[str, StringConstraints(pattern=r"^T-[0-9A-Za-z-]{4,60}$")]
CustomerId = Annotated[str, StringConstraints(pattern=r"^C-[0-9A-Za-z-]{4,60}$")]
WorkspaceId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,38}$")]
"""A tenant: one shop with its members, benches, tickets and settings."""
UserId = Annotated[str, StringConstraints(pattern=r"^U-[0-9a-f]{32}$")]
"""A person who works in one workspace, named by a keyed hash of that workspace and their mail address."""
ApiKeyId = Annotated[str, StringConstraints(pattern=r"^K-[0-9A-Za-z]{8}$")]
RecordId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
"""A sealed record in the vault, a session or a link: 128 random bits."""
LocationId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,38}$")]
Sku = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{1,60}$")]
"""Stock keeping unit. Generic shop parts are named ``<part>.<device category>``, for example ``battery.laptop``."""
BoardModel = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z_.-]{0,60}$")]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,60}$")]
"""A machine-readable reason or kind in snake_case."""
MessageType = Annotated[str, StringConstraints(pattern=r"^noizylab(\.[a-z][a-z0-9_]*){2,3}\.v[1-9][0-9]*$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

DEFAULT_WORKSPACE: WorkspaceId = "main"
"""The workspace of a shop that never made another, and of every record from before there were workspaces."""
