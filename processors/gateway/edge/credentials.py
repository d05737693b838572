"""What the edge knows people by. The composition root builds it beside the other ports."""

from dataclasses import dataclass, field

from connectors.vault.people import People
from processors.gateway.access.policy import AccessPolicy
from processors.gateway.access.seals import Seals
from processors.gateway.edge.passwords import Passwords
from processors.gateway.edge.tokens import AccessTokens, SessionKeys


@dataclass(frozen=True, slots=True)
class Credentials:
    """Secrets and how they are checked. Every gateway of a shop has the same secret, keys and vault."""

    people: People
    seals: Seals
    keys: SessionKeys
    tokens: AccessTokens
    passwords: Passwords = field(default_factory=Passwords)
    policy: AccessPolicy = field(default_factory=AccessPolicy)
