"""``noizylab schematic list`` and ``remove``: the designs that the shop that runs here has stored."""

from typing import Annotated

import typer

from infra.cli.api import shop_client
from infra.cli.common import out, plain, run
from infra.settings import Settings, read_settings
from schemas.core.ids import DEFAULT_WORKSPACE

app = typer.Typer()
Workspace = Annotated[str, typer.Option(help="whose designs are meant")]


@app.command("list")
def list_(workspace: Workspace = DEFAULT_WORKSPACE) -> None:
    """List the boards whose files were given to the running shop."""
    run(_list(read_settings(), workspace))


@app.command()
def remove(
    board: Annotated[str, typer.Argument(help="a board model that files were given for")],
    workspace: Workspace = DEFAULT_WORKSPACE,
) -> None:
    """Have the running shop forget a board's design."""
    run(_remove(read_settings(), board, workspace))


async def _list(settings: Settings, workspace: str) -> None:
    async with shop_client(settings, "tickets:read", workspace) as client:
        designs = (await client.list_designs()).designs
    for one in designs:
        known = "not read yet" if one.counts is None else f"{one.counts.parts} parts, {one.counts.nets} nets"
        refused = "" if one.refused is None else f"; newer files were refused: {one.refused}"
        out.print(plain(f"{one.board_model}: {known} ({one.formats or 'no files taken'}){refused}"), soft_wrap=True)
    if not designs:
        out.print(plain(f"no designs are stored for {workspace}; PUT /v1/schematics/BOARD takes files"))


async def _remove(settings: Settings, board: str, workspace: str) -> None:
    async with shop_client(settings, "tickets:write", workspace) as client:
        await client.remove_design(board=board)
    out.print(plain(f"{board} is forgotten; its files go with the next sweep (noizylab blobs sweep)"), soft_wrap=True)
