"""``noizylab schematic``: design files, boardviews and netlists."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.common import err, fail, out, plain
from infra.cli.schematic_diagnose import diagnose_command

if TYPE_CHECKING:
    from processors.schematics.model import Design

app = typer.Typer(no_args_is_help=True, help="Design files, boardviews and netlists.")

File = Annotated[Path, typer.Argument(help="a schematic, board, boardview or netlist", exists=True, dir_okay=False)]


@app.callback()
def schematic() -> None:
    """Design files, boardviews and netlists."""


@app.command()
def nets(
    file: File,
    as_json: Annotated[bool, typer.Option("--json", help="print only the nets, as JSON")] = False,
) -> None:
    """Say which pins are joined: the nets of a file and of the sheets beside it."""
    design = read(file)
    if as_json:
        # Written as it is: the console would break lines and colour what a program reads.
        typer.echo(
            json.dumps({"nets": [{"name": net.name, "pins": net.pins} for net in design.nets]}, ensure_ascii=False)
        )
        return
    for net in design.nets:
        out.print(plain(f"{net.name}: {', '.join(f'{ref}.{number}' for ref, number in net.pins)}"), soft_wrap=True)
    out.print(f"{len(design.nets)} nets, {len(design.parts)} parts ({design.format})")


@app.command()
def diagnose(
    file: File,
    readings: Annotated[
        Path | None, typer.Option(help="CSV: net,quantity,value[,other]; ohm, volt, diode, amp; OL", exists=True)
    ] = None,
    symptom: Annotated[str | None, typer.Option(help="what is said of the board: dead, bus_silent, hot, ...")] = None,
    fails: Annotated[list[str] | None, typer.Option(help="a chip whose function is missed")] = None,
    works: Annotated[list[str] | None, typer.Option(help="a chip that is seen to work")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print only the diagnosis, as JSON")] = False,
) -> None:
    """Rank what may be wrong with a board's supply, and say what to measure next."""
    diagnose_command(read(file), readings, symptom, fails or [], works or [], as_json)


def read(file: Path) -> "Design":
    """Return the design in a file; remarks go to standard error, what cannot be read ends the command."""
    from processors.schematics.errors import DesignError
    from processors.schematics.read import read_design

    folder = file.parent.resolve()

    def beside(path: str) -> bytes | None:
        found = (folder / path).resolve()
        return found.read_bytes() if found.is_relative_to(folder) and found.is_file() else None

    try:
        design = read_design(file.name, file.read_bytes(), beside)
    except DesignError as error:
        fail(plain(str(error)))
    for remark in design.remarks:
        err.print(plain(remark.what), soft_wrap=True)
    return design
