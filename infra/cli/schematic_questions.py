"""The questions of ``noizylab schematic``: parts, nets, ways, rails, buses, and where things are on the board.

Each takes the files of one project: its root sheet, its board, a PDF, readings; sheets beside a root are found.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

from infra.cli.common import err, fail, out, plain
from infra.cli.schematic import read

if TYPE_CHECKING:
    from processors.schematics.index import Index
    from schemas.design_answers import BoardPlace, SeriesStep

Files = Annotated[
    list[Path],
    typer.Argument(
        help="root sheet, board, boardview, netlist, PDF or readings of one board", exists=True, dir_okay=False
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="print only the answer, as JSON")]
Shown = Literal["top", "bottom", "both"]
A = TypeVar("A")
_SIDES: Mapping[str, Shown] = {"top": "top", "bottom": "bottom", "both": "both"}
app = typer.Typer()


@app.command()
def part(ref: str, files: Files, as_json: AsJson = False) -> None:
    """Say what is known of a part: value, datasheet, place, and the net of each pin."""
    from processors.schematics.answers import part_answer

    answer = _ask(files, lambda index: part_answer(index, ref))
    if as_json:
        typer.echo(answer.model_dump_json())
        return
    said = (answer.ref, answer.value, answer.kind, answer.footprint, answer.description, answer.datasheet)
    _say(", ".join(filter(None, said)))
    for name, text in answer.fields.items():
        _say(f"  {name}: {text}")
    if answer.place is not None:
        _say(f"  at {_at(answer.place)}")
    for pin in answer.pins:
        _say(f"  {pin.number} {pin.name}: {pin.net or 'joined with nothing'}")


@app.command()
def net(name: str, files: Files, hops: Annotated[int, typer.Option(min=0, max=9)] = 2, as_json: AsJson = False) -> None:
    """Say what is on a net, where to touch it, and what lies behind its series parts."""
    from processors.schematics.answers import net_answer

    answer = _ask(files, lambda index: net_answer(index, name, hops))
    if as_json:
        typer.echo(answer.model_dump_json())
        return
    _say(f"{answer.name}: {', '.join(f'{pin.ref}.{pin.number}' for pin in answer.pins)}")
    for point in answer.touch:
        _say(f"  touch {point.name}{'' if point.place is None else f' at {_at(point.place)}'}")
    for reading in answer.readings:
        _say(f"  {reading.quantity} {reading.value} {reading.condition} {reading.comment}".rstrip())
    _say_steps(answer.steps)


@app.command()
def path(start: str, end: str, files: Files, as_json: AsJson = False) -> None:
    """Say how two parts hang together, with the fewest parts between them and not through ground."""
    from processors.schematics.answers import path_answer

    answer = _ask(files, lambda index: path_answer(index, start, end))
    if as_json:
        typer.echo(answer.model_dump_json())
        return
    if not answer.joined:
        _say(f"{answer.start} and {answer.end} are not joined but by ground")
    elif not answer.steps:
        _say(f"{answer.start} and {answer.end} are on one net")
    _say_steps(answer.steps)


@app.command()
def rails(files: Files, as_json: AsJson = False) -> None:
    """Say which nets are supplies, what makes them, and how they hang together."""
    from processors.schematics.answers import rails_answer

    answer = _ask(files, rails_answer)
    if as_json:
        typer.echo(answer.model_dump_json())
        return
    for rail in answer.rails:
        _say(f"{rail.net} (by {rail.by}, {rail.chance:.0%})")
    for made in answer.regulators:
        enable = f", enabled by {', '.join(made.enable)}" if made.enable else ""
        _say(f"{made.ref}: {', '.join(made.inputs)} to {', '.join(made.outputs)}{enable}")
    for link in answer.links:
        if link.kind != "regulator":
            _say(f"{link.ref} ({link.kind}): {link.from_net} {'to' if link.one_way else 'and'} {link.to_net}")


@app.command()
def buses(files: Files, as_json: AsJson = False) -> None:
    """Say which nets are I2C, SPI or UART, who is on them, and which pull-ups were seen."""
    from processors.schematics.answers import buses_answer

    answer = _ask(files, buses_answer)
    if as_json:
        typer.echo(answer.model_dump_json())
        return
    for bus in answer.buses:
        lines = ", ".join(f"{role} {name}" for role, name in bus.lines.items())
        pulled = ", ".join(f"{one.ref} {one.value} from {one.line} to {one.to_net}" for one in bus.pull_ups)
        _say(f"{bus.kind}: {lines}; on it {', '.join(bus.refs)}; pull-ups: {pulled or 'none seen'}")
    if not answer.buses:
        _say("no I2C, SPI or UART was found by the names of nets and pins")


Refs = Annotated[list[str] | None, typer.Option("--part", help="only this part; may be given more than once")]
Nets = Annotated[list[str] | None, typer.Option("--net", help="the pads of this net; may be given more than once")]


@app.command()
def overlay(
    files: Files, refs: Refs = None, nets: Nets = None,
    side: Annotated[str, typer.Option(help="top, bottom or both")] = "both",
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Give the places of parts and nets on the board in millimetres: bodies, pads, pin 1, the board's edge."""
    from processors.schematics.overlay import overlay as over

    shown = _side(side)
    answer = _ask(files, lambda index: over(index, shown, refs or (), nets or ()))
    if as_json:
        typer.echo(answer.model_dump_json())
        return
    for one in answer.parts:
        first = next((f", pin {pad.number} at {pad.x_mm:.2f}, {pad.y_mm:.2f}" for pad in one.pads if pad.first), "")
        _say(f"{one.ref} {one.value}: {_at(one.place)}{first}")
    for net_ in answer.nets:
        for pad in net_.pads:
            _say(f"{net_.name}: {pad.ref}.{pad.number} at {pad.x_mm:.2f}, {pad.y_mm:.2f} mm, {pad.side}")
    for name in answer.without_place:
        _say(f"{name}: its files do not say where it is")


@app.command()
def svg(
    files: Files,
    ref: Annotated[str, typer.Option("--part", help="a part that stands out")] = "",
    net: Annotated[str, typer.Option("--net", help="a net that stands out")] = "",
    side: Annotated[str, typer.Option(help="top or bottom")] = "top",
    to: Annotated[Path | None, typer.Option("--out", help="write it to this file; default: print it")] = None,
) -> None:
    """Draw a side of the board as SVG."""
    from processors.schematics.draw import board_svg

    shown = _side(side)
    if shown == "both":
        fail("a drawing shows one side; give --side top or --side bottom")
    drawing = _ask(files, lambda index: board_svg(index, shown, ref, net))
    if to is None:
        typer.echo(drawing)
    else:
        to.write_text(drawing, encoding="utf-8")
        out.print(plain(f"wrote {to}"), soft_wrap=True)


def index_of(files: Iterable[Path]) -> "Index":
    """Return the index of the files of one project; what cannot be read or joined ends the command."""
    from processors.schematics.errors import DesignError
    from processors.schematics.index import Index
    from processors.schematics.joined import combine

    designs = [read(file) for file in files]
    try:
        design = combine(designs)
    except DesignError as error:
        fail(plain(str(error)))
    for one in design.disagreements:
        err.print(plain(one.what), soft_wrap=True)
    return Index(design)


def _ask(files: Iterable[Path], question: "Callable[[Index], A]") -> A:
    index = index_of(files)
    try:
        return question(index)
    except LookupError as error:
        fail(plain(str(error.args[0])))
    except ValueError as error:
        fail(plain(str(error)))


def _side(side: str) -> Shown:
    if side not in _SIDES:
        fail(f"there is no side {plain(side)}; give top, bottom or both")
    return _SIDES[side]


def _say(text: str) -> None:
    out.print(plain(text), soft_wrap=True)


def _say_steps(steps: "Iterable[SeriesStep]") -> None:
    for step in steps:
        _say(f"  {step.from_net} through {step.ref} to {step.to_net}")


def _at(place: "BoardPlace") -> str:
    return f"{place.x_mm:.2f}, {place.y_mm:.2f} mm, {place.side}"
