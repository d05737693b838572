"""``noizylab dlq``: the dead letters, what is wrong with each, and trying them again."""

from enum import StrEnum
from typing import Annotated

import typer
from rich.table import Table

from infra.cli.common import fail, out, plain, run
from infra.settings import read_settings
from topics.registry import PROCESSORS

app = typer.Typer(no_args_is_help=True, help="Dead letters: records that a processor could not handle.")


class Policy(StrEnum):
    """What a replay does with a letter."""

    reinsert = "reinsert"
    drop = "drop"


@app.command("list")
def list_letters(processor: Annotated[str | None, typer.Argument(help="only of this processor")] = None) -> None:
    """List the dead letters."""
    from infra.letters import read_letters

    if processor is not None:
        _check(processor)
    letters = run(read_letters(read_settings().cluster(), processor))
    table = Table("letter", "reason", "type", "key", "what")
    for letter in letters:
        cells = (letter.name, letter.reason, letter.type, letter.key, letter.error[:100])
        table.add_row(*(plain(cell) for cell in cells))
    out.print(table if letters else "no dead letters")


@app.command()
def show(name: Annotated[str, typer.Argument(help="as `dlq list` names it: processor/partition/offset")]) -> None:
    """Show one dead letter: its headers and its value."""
    from infra.letters import read_letters

    processor = name.split("/")[0]
    _check(processor)
    letters = run(read_letters(read_settings().cluster(), processor))
    letter = next((one for one in letters if one.name == name), None)
    if letter is None:
        fail(f"no dead letter {name}; `noizylab dlq list` names them")
    for header, value in letter.headers:
        out.print(f"[dim]{plain(header)}[/dim] {plain(value.decode('utf-8', 'backslashreplace'))}", soft_wrap=True)
    out.print(plain((letter.value or b"").decode("utf-8", "backslashreplace")), soft_wrap=True)


@app.command()
def replay(
    processor: Annotated[str, typer.Argument(help="whose letters")],
    policy: Annotated[
        Policy, typer.Option(help="reinsert: back to where they came from; drop: leave them")
    ] = Policy.reinsert,
    reason: Annotated[str | None, typer.Option(help="only letters with this reason")] = None,
) -> None:
    """Put dead letters back into the topics they came from, with their ids, so that a repeat changes nothing."""
    from infra.letters import replay_letters

    _check(processor)
    count = run(replay_letters(read_settings().cluster(), processor, reason, reinsert=policy is Policy.reinsert))
    out.print(f"{count} letters {'put back' if policy is Policy.reinsert else 'left out'}")


def _check(processor: str) -> None:
    if processor not in PROCESSORS:
        fail(f"no processor {processor}; there are {', '.join(PROCESSORS)}")
