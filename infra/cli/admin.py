"""``noizylab admin``: members, API keys and signing keys, for whoever has the shop's machine."""

import sys
from typing import Annotated

import typer
from rich.table import Table

from infra.cli import service
from infra.cli.common import fail, out, plain, run
from infra.settings import Settings, read_settings

app = typer.Typer(no_args_is_help=True, help="Give access to people and programs. The shop must be up.")
app.add_typer(service.app, name="service")

Mail = Annotated[str, typer.Option(help="the member's mail address")]
Workspace = Annotated[str, typer.Option(help="the workspace")]


@app.command()
def create(
    mail: Annotated[str, typer.Option("--mail", "--email", prompt=True, help="the mail address to log in with")],
    name: Annotated[str, typer.Option(prompt=True, help="the person's name")],
    role: Annotated[list[str] | None, typer.Option(help="owner (default), manager, technician, ...")] = None,
    workspace: Workspace = "main",
    password_stdin: Annotated[bool, typer.Option(help="read the password from standard input")] = False,
) -> None:
    """Make a member, by default an owner: the way the first administrator of a shop or a workspace comes to be."""
    from processors.gateway.edge.passwords import faults_in

    _check_person(mail, name, role or ["owner"])
    asked = "" if password_stdin else typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    password = sys.stdin.readline().rstrip("\n") if password_stdin else asked
    if faults := faults_in(password, mail=mail):
        fail(f"the password: {faults[0].detail}")
    run(_create(read_settings(), workspace, mail, name, tuple(role or ["owner"]), password))


@app.command("list")
def list_members(workspace: Workspace = "main") -> None:
    """Show the members of a workspace."""
    run(_list(read_settings(), workspace))


@app.command()
def disable(mail: Mail, workspace: Workspace = "main") -> None:
    """Log a member out everywhere and let them in no more."""
    run(_disable(read_settings(), workspace, mail))


@app.command()
def reset(mail: Mail, workspace: Workspace = "main") -> None:
    """Print a token with which a member chooses a new password, once."""
    run(_reset(read_settings(), workspace, mail))


@app.command("rotate-keys")
def rotate_keys() -> None:
    """Sign access tokens with a new key from now on. Needs no running shop; nobody is logged out."""
    from infra.web import open_session_keys

    out.print(f"signs from now on: {open_session_keys(read_settings()).rotate()}")


@app.command("key-create")
def key_create(
    name: Annotated[str, typer.Option(help="what the key is for")],
    scope: Annotated[list[str], typer.Option(help="what it opens; give it several times")],
    workspace: Workspace = "main",
) -> None:
    """Make an API key and print it, once."""
    from processors.gateway.access.roles import SCOPES

    if unknown := sorted(set(scope) - set(SCOPES)):
        fail(f"no scope {unknown[0]!r}; there are {', '.join(SCOPES)}")
    run(_key_create(read_settings(), workspace, name, tuple(scope)))


@app.command("key-revoke")
def key_revoke(key_id: Annotated[str, typer.Argument(help="the eight signs after nzl_live_")]) -> None:
    """Let an API key open nothing any more."""
    run(_key_revoke(read_settings(), key_id))


def _check_person(mail: str, name: str, roles: list[str]) -> None:
    from pydantic import ValidationError

    from connectors.vault.people import Person
    from processors.gateway.access.roles import ROLE_NAMES

    if unknown := sorted(set(roles) - set(ROLE_NAMES)):
        fail(f"no role {unknown[0]!r}; there are {', '.join(ROLE_NAMES)}")
    try:
        Person(name=name, mail=mail)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        fail(f"--{first['loc'][0]}: {first['msg']}")


async def _create(
    settings: Settings, workspace: str, mail: str, name: str, roles: tuple[str, ...], password: str
) -> None:
    from connectors.vault.people import Person
    from infra.access import OPERATOR, access_desk
    from processors.gateway.access.state import workspace_key
    from schemas.core.ids import DEFAULT_WORKSPACE
    from schemas.workspaces import WorkspaceView
    from topics.access import ACCESS_VIEWS

    async with access_desk(settings) as desk:
        known = desk.views.view(ACCESS_VIEWS, workspace_key(workspace), WorkspaceView) is not None
        if not known and workspace != DEFAULT_WORKSPACE:
            fail(f"there is no workspace {workspace}; open it first: POST /v1/workspaces")
        made = await desk.create_user(workspace, Person(name=name, mail=mail), roles, OPERATOR, password)
    out.print(f"{made.user_id} is {', '.join(roles)} of {workspace}; log in at {settings.public_url}/v1/auth/login")


async def _list(settings: Settings, workspace: str) -> None:
    from infra.access import access_desk
    from processors.gateway.tenancy import within
    from schemas.access import UserView
    from topics.access import ACCESS_VIEWS

    table = Table("mail", "name", "roles", "state", "second factor", "last login")
    async with access_desk(settings) as desk:
        for user in sorted(within(desk.views, workspace).views(ACCESS_VIEWS, UserView), key=lambda one: one.created_at):
            person = await desk.credentials.people.person(user.access_id)
            state = "disabled" if user.disabled else "invited" if user.password_id is None else "active"
            last = "never" if user.last_login_at is None else f"{user.last_login_at:%Y-%m-%d %H:%M} UTC"
            mail, name = ("(forgotten)", user.access_id) if person is None else (person.mail, person.name)
            table.add_row(plain(mail), plain(name), ", ".join(user.roles), state, "yes" if user.totp else "no", last)
    out.print(table)


async def _disable(settings: Settings, workspace: str, mail: str) -> None:
    from infra.access import OPERATOR, access_desk
    from schemas.access import AmendUser, UserAmended

    async with access_desk(settings) as desk:
        user_id = desk.credentials.seals.user_id(workspace, mail)
        await desk.ask(AmendUser(access_id=user_id, by=OPERATOR.actor, disabled=True), OPERATOR, UserAmended)
    out.print(f"{plain(mail)} is logged out and gets in no more")


async def _reset(settings: Settings, workspace: str, mail: str) -> None:
    from infra.access import OPERATOR, access_desk

    async with access_desk(settings) as desk:
        made = await desk.issue_link(desk.credentials.seals.user_id(workspace, mail), OPERATOR)
    out.print(made.token, soft_wrap=True)
    out.print(f"good once, until {made.link.expires_at:%Y-%m-%d %H:%M} UTC: POST /v1/auth/password with it")


async def _key_create(settings: Settings, workspace: str, name: str, scopes: tuple[str, ...]) -> None:
    from infra.access import OPERATOR, access_desk
    from infra.web import open_keyring
    from schemas.api_keys import ApiKeyCreated, CreateApiKey

    key_id, key, mac = open_keyring(settings).mint()
    command = CreateApiKey(
        access_id=f"K-{key_id}", workspace_id=workspace, name=name, mac=mac, scopes=scopes, by=OPERATOR.actor
    )
    async with access_desk(settings) as desk:
        await desk.ask(command, OPERATOR, ApiKeyCreated)
    out.print(key, soft_wrap=True)


async def _key_revoke(settings: Settings, key_id: str) -> None:
    from pydantic import ValidationError

    from infra.access import OPERATOR, access_desk
    from infra.web import open_keyring
    from schemas.api_keys import ApiKeyRevoked, RevokeApiKey

    if open_keyring(settings).revoke(key_id):
        out.print(f"{key_id} opens nothing any more")
        return
    try:
        command = RevokeApiKey(access_id=f"K-{key_id}", by=OPERATOR.actor)
    except ValidationError:
        fail(f"{plain(key_id)!r} is no key's id; it is the eight signs after nzl_live_")
    async with access_desk(settings) as desk:
        await desk.ask(command, OPERATOR, ApiKeyRevoked)
    out.print(f"{key_id} opens nothing any more")
