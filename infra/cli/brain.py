"""``noizylab brain``: diagnoses made again, and how far their probabilities can be believed."""

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from infra.cli.common import fail, out, plain, run
from infra.settings import Settings, read_settings

if TYPE_CHECKING:
    from infra.diagnoses import Replayed

app = typer.Typer(no_args_is_help=True, help="Diagnoses: made again, and held against what was so.")

AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]


@app.command()
def replay(
    which: Annotated[str, typer.Argument(help="a ticket's id, or the id of one diagnosis event")],
    as_json: AsJson = False,
) -> None:
    """Make diagnoses again from their recorded evidence; status 1 when one differs or cannot be made again."""
    found = run(_replay(read_settings(), which))
    if not found:
        fail(f"no diagnosis of {which} is on the log; give the id of a ticket that was diagnosed, or of the event")
    if as_json:
        out.print_json(json.dumps([one.as_json() for one in found]))
    for one in found if not as_json else ():
        out.print(f"{one.event_id}: {'equal' if one.equal else 'differs'}")
        for line in one.differences:
            out.print(f"  {plain(line)}", soft_wrap=True)
    if not all(one.equal for one in found):
        raise typer.Exit(1)


async def _replay(settings: Settings, which: str) -> "list[Replayed]":
    from infra.diagnoses import replay_diagnoses
    from infra.ports import Ports

    async with Ports.open(settings) as ports:
        return await replay_diagnoses(settings.cluster(), ports.vault, which)


@app.command()
def calibration(as_json: AsJson = False) -> None:
    """Say how often the brain was right when it was so sure, by what technicians found."""
    from infra.diagnoses import read_calibration

    report = run(read_calibration(read_settings().cluster()))
    if as_json:
        out.print_json(json.dumps(report))
        return
    table = Table("of", "outcomes", "right", "said", "ECE", "Brier")
    parts = {"all": report["all"], **report["by_engine"], **report["by_family"], "success": report["success"]}
    for name, one in parts.items():
        table.add_row(
            plain(name), str(one["outcomes"]), *(f"{one[key]:.3f}" for key in ("accuracy", "said", "ece", "brier"))
        )
    out.print(table)
    if not report["all"]["outcomes"]:
        out.print("nobody has named a fault yet: move a ticket with evidence.fault_family")
    for engine, temperature in report["temperatures"].items():
        if temperature is None:
            out.print(f"{plain(engine)}: too few outcomes for a temperature; {report['least_outcomes']} are needed")
        else:
            out.print(
                f"{plain(engine)}: train the next with --temperature {temperature:.3f} (python -m infra.train.brain)"
            )
