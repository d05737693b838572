"""``noizylab dlq``: the dead letters, what is wrong with each, and trying them again."""

import json
import os
import pwd
from collections import defaultdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from infra.cli.common import err, fail, out, parse_time, plain, run
from infra.settings import Settings, read_settings

if TYPE_CHECKING:
    from infra.letters import Choice, Letter

app = typer.Typer(no_args_is_help=True, help="Dead letters: records that a processor could not handle.")

Reason = Annotated[str | None, typer.Option(help="only letters with this reason")]
Since = Annotated[str | None, typer.Option(help="only letters of this time and later")]


class Policy(StrEnum):
    """What a replay does with a letter."""

    stop = "stop"
    reinsert = "reinsert"
    drop = "drop"


@app.command("list")
def list_letters(
    processor: Annotated[str | None, typer.Argument(help="only of this processor")] = None,
    reason: Reason = None,
    since: Since = None,
    everything: Annotated[bool, typer.Option("--all", help="also those that were put back or dropped")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON, one object a letter")] = False,
) -> None:
    """List the dead letters that wait, and count them by processor and reason."""
    from infra.letters import Choice, chosen_letters

    if processor is not None:
        _check(processor)
    choice = Choice(processor, reason, parse_time(since, "--since"), again=everything)
    letters = run(chosen_letters(read_settings().cluster(), choice))
    if as_json:
        for letter in letters:
            out.print_json(json.dumps(_as_json(letter)), indent=None)
        return
    if not letters:
        out.print("no dead letters" if everything else "no dead letters wait (--all shows those dealt with)")
        return
    table = Table("letter", "tries", "reason", "type", "key", "what")
    for letter in letters:
        cells = (letter.name, str(letter.attempt), letter.reason, letter.type, letter.key, letter.error[:100])
        table.add_row(*(plain(cell) for cell in cells), style="dim" if letter.settled else None)
    out.print(table)
    out.print(_summary(letters))


@app.command()
def show(name: Annotated[str, typer.Argument(help="as `dlq list` names it: processor/partition/offset")]) -> None:
    """Show one dead letter: what is wrong, its headers, its value, and what can be done."""
    from infra.letters import read_letters

    processor = name.split("/")[0]
    _check(processor)
    letters = run(read_letters(read_settings().cluster(), processor))
    letter = next((one for one in letters if one.name == name), None)
    if letter is None:
        fail(f"no dead letter {name}; `noizylab dlq list --all` names them")
    out.print(f"[red]{plain(letter.reason)}[/red] {plain(letter.error)}", soft_wrap=True)
    for header, value in letter.headers:
        out.print(f"[dim]{plain(header)}[/dim] {plain(value.decode('utf-8', 'backslashreplace'))}", soft_wrap=True)
    out.print(plain(_pretty(letter.value)), soft_wrap=True)
    if letter.settled is None:
        out.print(_advice(letter), soft_wrap=True)
        return
    done = letter.settled
    why = f": {plain(done.because)}" if done.because else ""
    out.print(f"{done.action} {done.settled_at:%Y-%m-%d %H:%M} by {plain(done.by)}{why}", soft_wrap=True)


@app.command()
def replay(
    processor: Annotated[str, typer.Argument(help="whose letters")],
    policy: Annotated[
        Policy,
        typer.Option(
            help="reinsert: back where they came from; drop: mark as dealt with; stop: one by one until one dies"
        ),
    ] = Policy.reinsert,
    reason: Reason = None,
    since: Since = None,
    name: Annotated[list[str] | None, typer.Option(help="only this letter; may be given again")] = None,
    again: Annotated[bool, typer.Option(help="also letters that were put back or dropped before")] = False,
    because: Annotated[str, typer.Option(help="why, for the audit trail")] = "",
    by: Annotated[str | None, typer.Option(help="who, for the audit trail; default: the user of this system")] = None,
    within: Annotated[float, typer.Option(help="with stop: seconds to wait for the outcome of a letter")] = 60.0,
) -> None:
    """Deal with dead letters. Their ids stay, so a repeat changes nothing; those dealt with before are left out."""
    from infra.letters import Choice

    _check(processor)
    choice = Choice(processor, reason, parse_time(since, "--since"), frozenset(name or ()), again)
    who = _short(by or pwd.getpwuid(os.getuid()).pw_name, "--by")
    count, died = run(_deal(read_settings(), choice, policy, who, _short(because, "--because"), within))
    done = {Policy.drop: "dropped", Policy.reinsert: "put back", Policy.stop: "handled"}[policy]
    if count or died is not None:
        out.print(f"{count} letter{'' if count == 1 else 's'} {done}")
    else:
        out.print(f"no letters to deal with; `noizylab dlq list {processor} --all` shows those there are")
    if died is not None:
        fail(f"{died} died again, so the rest was left; `noizylab dlq list {processor}` shows why")


async def _deal(
    settings: Settings, choice: "Choice", policy: Policy, who: str, because: str, within_s: float
) -> tuple[int, str | None]:
    """Return how many letters are done, and the name of the one that died again."""
    from infra.letters import Desk, Settlement, read_letters

    found = await read_letters(settings.cluster(), choice.processor)
    unknown = sorted(choice.names - {one.name for one in found})
    if unknown:
        fail(f"no dead letter {', '.join(unknown)}, so nothing was done; `noizylab dlq list --all` names them")
    letters = [one for one in found if choice.takes(one)]
    async with Desk(settings.cluster(), Settlement(who, because)) as desk:
        if policy is Policy.drop:
            await desk.drop(letters)
        elif policy is Policy.reinsert:
            await desk.reinsert(letters)
        else:
            died = await desk.one_by_one(letters, within_s, lambda line: err.print(f"  {line}"))
            if died is not None:
                return letters.index(died), died.name
    return len(letters), None


def _short(text: str, option: str) -> str:
    from pydantic import TypeAdapter, ValidationError

    from schemas.core.text import ShortText

    try:
        return TypeAdapter[str](ShortText).validate_python(text)
    except ValidationError as error:
        fail(f"{option}: {error.errors()[0]['msg']}")


def _check(processor: str) -> None:
    from topics.registry import PROCESSORS

    if processor not in PROCESSORS:
        fail(f"no processor {processor}; there are {', '.join(PROCESSORS)}")


def _summary(letters: list["Letter"]) -> Table:
    groups: dict[tuple[str, str], list[Letter]] = defaultdict(list)
    for one in letters:
        groups[one.processor, one.reason].append(one)
    table = Table("processor", "reason", "wait", "settled", "first", "last")
    for (processor, reason), found in sorted(groups.items()):
        times = sorted(one.at for one in found if one.at is not None)
        wait = sum(one.settled is None for one in found)
        first, last = (f"{times[n]:%Y-%m-%d %H:%M:%S}" if times else "" for n in (0, -1))
        table.add_row(processor, plain(reason), str(wait), str(len(found) - wait), first, last)
    return table


def _as_json(letter: "Letter") -> dict[str, Any]:
    return {
        "letter": letter.name,
        "attempt": letter.attempt,
        "reason": letter.reason,
        "error": letter.error,
        "type": letter.type,
        "key": letter.key,
        "from": f"{letter.header('dlq_topic')}/{letter.header('dlq_partition')}/{letter.header('dlq_offset')}",
        "at": letter.header("dlq_at"),
        "settled": None if letter.settled is None else letter.settled.model_dump(mode="json"),
    }


def _pretty(value: bytes | None) -> str:
    if value is None:
        return "(no value)"
    try:
        return json.dumps(json.loads(value), indent=2, ensure_ascii=False)
    except ValueError:
        return value.decode("utf-8", "backslashreplace")


def _advice(letter: "Letter") -> str:
    replaying = f"noizylab dlq replay {letter.processor} --name {letter.name}"
    if letter.reason == "schema_invalid":
        return f"Next: mend what wrote it and have it sent anew, then `{replaying} --policy drop --because ...`"
    if letter.reason.startswith("bug:"):
        return f"Next: mend {letter.processor}, restart it, then `{replaying} --policy stop`"
    return f"Next: see to the reason, then `{replaying}`; or `--policy drop --because ...` when it is right as it is"
