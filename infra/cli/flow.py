"""``noizylab flow``: BPMN files, checked before they run."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from infra.cli.common import fail, out
from infra.settings import read_settings

app = typer.Typer(no_args_is_help=True, help="Flows as BPMN files.")

File = Annotated[Path, typer.Argument(help="a BPMN 2.0 file", exists=True, dir_okay=False)]


@app.command()
def check(file: File) -> None:
    """Say whether a file can be deployed, and name every element that keeps it from that."""
    _check(file)
    out.print(f"{file} can be deployed")


@app.command()
def deploy(file: File) -> None:
    """Check a file and put it among the shop's own flows; it takes new tickets after the orchestrator's next start.

    Keep the file that open tickets run on beside it: a ticket stays with the flow it began with.
    """
    _check(file)
    folder = read_settings().home / "flows"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, folder / file.name)
    out.print(f"{folder / file.name} is deployed; restart the orchestrator (`noizylab down`, `noizylab up`)")


def _check(file: Path) -> None:
    from processors.orchestrator.deployment import check as check_flow

    issues = check_flow(file.read_bytes())
    for issue in issues:
        out.print(f"{file}: {issue}", soft_wrap=True, markup=False)
    if issues:
        fail(f"{len(issues)} element(s) of {file} cannot be run; the accepted ones are in the orchestrator's README")
