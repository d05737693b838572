"""``noizylab audit``: the log against what the shop believes."""

import json
from typing import Annotated

import typer
from rich.table import Table

from infra.cli.common import out, plain, run
from infra.settings import read_settings

app = typer.Typer(no_args_is_help=True, help="The log as evidence.")


@app.command()
def replay(as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False) -> None:
    """Rebuild every view from the events alone and compare it, state by state, with the live one."""
    from infra.audit import replay_all

    results = run(replay_all(read_settings().cluster()))
    if as_json:
        out.print_json(
            json.dumps(
                [
                    {
                        "processor": one.processor,
                        "events": one.events,
                        "repeated": one.repeated,
                        "aggregates": one.aggregates,
                        "equal": one.equal,
                        "different": one.different,
                    }
                    for one in results
                ]
            )
        )
    else:
        table = Table("processor", "events", "written twice", "states", "replay")
        for one in results:
            verdict = "[green]equal[/green]" if one.equal else f"[red]{len(one.different)} differ[/red]"
            table.add_row(one.processor, str(one.events), str(one.repeated), str(one.aggregates), verdict)
        out.print(table)
        for one in results:
            for line in one.different[:10]:
                out.print(f"[red]{one.processor}[/red] {plain(line)}", soft_wrap=True)
    if not all(one.equal for one in results):
        raise typer.Exit(1)
