"""``noizylab admin service``: our own services as callers. Files alone, so no shop needs to be up."""

from typing import Annotated

import typer
from rich.table import Table

from infra.cli.common import fail, out, plain
from infra.settings import read_settings

app = typer.Typer(no_args_is_help=True, help="Let our own services call the gateway, signed. The shop need not be up.")

Name = Annotated[str, typer.Argument(help="the service's name, portal say")]


@app.command()
def create(
    name: Name,
    scope: Annotated[
        list[str] | None, typer.Option(help="what it may do; give it several times, without it nothing")
    ] = None,
    workspace: Annotated[str, typer.Option(help="the workspace that it works in")] = "main",
) -> None:
    """Give a service its key, unless it has one, and exactly these scopes. Counts from its next call on."""
    from pydantic import ValidationError

    from connectors.signing.services import Grant
    from infra.web import open_services
    from processors.gateway.access.roles import SCOPES

    scopes = frozenset(scope or ())
    if unknown := sorted(scopes - set(SCOPES)):
        fail(f"no scope {unknown[0]!r}; there are {', '.join(SCOPES)}")
    try:
        grant = Grant(workspace_id=workspace, scopes=scopes)
    except ValidationError:
        fail(f"{plain(workspace)!r} is no workspace's name")
    settings = read_settings()
    open_services(settings).create(name, grant)
    out.print(f"{name} may call as a service of {workspace}: {', '.join(sorted(scopes)) or 'with no scope'}")
    out.print(f"its key: {settings.home / 'secrets' / 'services' / name}; only the service and the gateway may read it")


@app.command("list")
def list_services() -> None:
    """Show the services that may call."""
    from infra.web import open_services

    table = Table("service", "workspace", "scopes")
    for service in open_services(read_settings()).list():
        table.add_row(service.id, service.grant.workspace_id, ", ".join(sorted(service.grant.scopes)) or "none")
    out.print(table)


@app.command()
def revoke(name: Name) -> None:
    """Destroy a service's key: its calls are refused from now on."""
    from infra.web import open_services

    if not open_services(read_settings()).revoke(name):
        fail(f"there is no service {plain(name)!r}; noizylab admin service list shows them")
    out.print(f"{name} may call no more")
