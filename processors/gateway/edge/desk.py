"""Asks the owner of access, and waits for the answer and for the view that shows it.

The routes and the command line go the same way, so both are decided by the same rules.
"""

import secrets
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from connectors.clock.clock import Clock, new_id
from connectors.vault.people import Person
from processors.gateway.commands import Caller, Commands
from processors.gateway.config import Policy
from processors.gateway.edge.credentials import Credentials
from processors.gateway.edge.problems import Problem, away
from processors.gateway.views import ReadModel
from schemas.access import AccessRefused, CreateUser, IssueLink, Link, LinkIssued, UserCreated, UserView
from schemas.core.ids import RecordId, UserId, WorkspaceId
from schemas.core.message import Command, Event
from topics.access import ACCESS_VIEWS

E = TypeVar("E", bound=Event)


def new_record_id() -> RecordId:
    """Return a fresh id of a sealed record, a session or a link."""
    return secrets.token_hex(16)


class Refused(Problem):
    """The owner of access said no."""

    def __init__(self, event: AccessRefused) -> None:
        missing = event.reason.startswith("unknown_")
        super().__init__(404 if missing else 409, event.reason, event.detail)


@dataclass(frozen=True, slots=True)
class Invited:
    """A user, and the link to choose a password with: the only moment it is readable."""

    user_id: UserId
    link: Link
    token: str


@dataclass(frozen=True, slots=True)
class Desk:
    """Commands about access for one process."""

    commands: Commands
    views: ReadModel
    credentials: Credentials
    clock: Clock
    policy: Policy

    async def ask(self, command: Command, caller: Caller, *answers: type[E]) -> tuple[E, UUID]:
        """Send a command; return the answer and the command's id once this process's view shows what it changed.

        Raises:
            Refused: the owner of access said no.
            Problem: 503, it does not answer.
        """
        command_id, access_id = new_id(), _access_id(command)
        outcome = await self.commands.ask(
            command, correlation_id=access_id, caller=caller, answers=(*answers, AccessRefused), id=command_id
        )
        if outcome is None:
            raise away("the gateway's worker does not answer; is it running? Repeating the request is safe")
        event: Any = outcome.event
        if isinstance(event, AccessRefused):
            raise Refused(event)
        await self.views.settled(ACCESS_VIEWS, access_id, command_id, self.policy.outcome_wait_s)
        return event, command_id

    async def create_user(
        self, workspace_id: WorkspaceId, person: Person, roles: tuple[str, ...], caller: Caller, password: str = ""
    ) -> Invited:
        """Make somebody a member. With a ``password`` they can log in at once, and the link needs not be used.

        Raises:
            Refused: 409, the address is a member already.
        """
        user_id = self.credentials.seals.user_id(workspace_id, person.mail)
        link, token = self._link(user_id, "invite")
        people = self.credentials.people
        if self.views.view(ACCESS_VIEWS, user_id, UserView) is not None:
            raise Problem(409, "user_exists", "this address is a member already; amend it or send a reset link")
        await people.introduce(user_id, person)
        password_id = new_record_id() if password else None
        if password_id is not None:
            await people.keep(user_id, password_id, await self.credentials.passwords.hash(password))
        command = CreateUser(
            access_id=user_id,
            workspace_id=workspace_id,
            roles=roles,
            by=caller.actor,
            password_id=password_id,
            link=None if password else link,
        )
        await self.ask(command, caller, UserCreated)
        return Invited(user_id, link, token)

    async def issue_link(self, user_id: UserId, caller: Caller) -> Invited:
        """Give a user a new link to choose a password with."""
        link, token = self._link(user_id, "reset")
        await self.ask(IssueLink(access_id=user_id, link=link, by=caller.actor), caller, LinkIssued)
        return Invited(user_id, link, token)

    def _link(self, user_id: UserId, purpose: Any) -> tuple[Link, str]:
        expires_at = self.clock.now() + self.credentials.policy.link_lasts
        link = Link(link_id=new_record_id(), purpose=purpose, expires_at=expires_at)
        return link, self.credentials.seals.link_token(user_id, link.link_id)


def _access_id(command: Command) -> str:
    return str(command.access_id)  # type: ignore[attr-defined]  # the key of every command about access
