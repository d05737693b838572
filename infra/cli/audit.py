"""``noizylab audit``: the log as evidence: verified, exported, replayed."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from infra.cli.common import err, fail, out, parse_time, plain, run
from infra.settings import Settings, read_settings

app = typer.Typer(no_args_is_help=True, help="The log as evidence.")

AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
Since = Annotated[str | None, typer.Option("--from", help="only records of this time and later")]
Until = Annotated[str | None, typer.Option("--to", help="only records before this time")]
Topics = Annotated[list[str] | None, typer.Option("--topic", help="only this topic; may be given again")]
Keys = Annotated[
    list[Path] | None,
    typer.Option("--public-key", help="a file as `audit key` prints it; default: the key of this shop"),
]


@app.command()
def verify(
    topic: Topics = None,
    since: Since = None,
    until: Until = None,
    public_key: Keys = None,
    head: Annotated[Path | None, typer.Option(help="heads that were kept outside, from `audit head --json`")] = None,
    as_json: AsJson = False,
) -> None:
    """Hold the log against its signed checkpoints; status 1 when anything was changed, removed or put in."""
    from infra.auditor import verify as verification

    settings = read_settings()
    scope = verification.Scope(
        _topics(topic), parse_time(since, "--from"), parse_time(until, "--to"), _anchors(head) if head else ()
    )
    keys, now = _keys(settings, public_key), _now()
    report = run(verification.verify(settings.cluster(), keys, scope, now, lambda line: err.print(f"  {line}")))
    if as_json:
        out.print_json(json.dumps(_jsonable(report)))
    else:
        _print_report(report)
    if report.findings:
        raise typer.Exit(1)


@app.command("head")
def print_head(public_key: Keys = None, as_json: AsJson = False) -> None:
    """Print the newest signed checkpoint of every partition. Keep it where the shop's log cannot be reached."""
    from infra.auditor.chain import signature_problem
    from infra.auditor.heads import read_head_records

    settings = read_settings()
    keys = _keys(settings, public_key)
    newest: dict[str, dict[str, Any]] = {}
    for raw, view in run(read_head_records(settings.cluster())):
        problem = signature_problem(raw, keys)
        if problem:
            err.print(f"[red]left out[/red] {view.place}: {problem}", soft_wrap=True)
        elif view.head.next_offset >= newest.get(view.place, {}).get("next_offset", 0):
            newest[view.place] = dict(raw)
    heads = [newest[place] for place in sorted(newest)]
    if as_json:
        out.print_json(json.dumps(heads))
        return
    table = Table("partition", "number", "sealed up to", "sealed at", "chain")
    for one in heads:
        table.add_row(
            one["place"], str(one["number"]), str(one["next_offset"] - 1), one["sealed_at"], one["chain_hash"][:16]
        )
    out.print(table if heads else "nothing is sealed yet; the auditor does so while the shop runs")


@app.command()
def key() -> None:
    """Print the public key that checkpoints are signed with. Hand it to whoever is to verify."""
    settings = read_settings()
    out.print(_own_key(settings), end="", markup=False)


@app.command()
def replay(as_json: AsJson = False) -> None:
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


def _print_report(report: Any) -> None:
    table = Table("partition", "records", "checkpoints", "sealed up to", "expired up to", "waiting")
    for one in report.places:
        expired = str(one.expired_to - 1) if one.expired_to else ""
        table.add_row(
            one.place, str(one.records), str(one.checkpoints), str(one.covered_to - 1), expired, str(one.waiting)
        )
    out.print(table)
    for one in report.findings:
        where = f"{one.topic}/{one.partition}" + (f" offset {one.offset}" if one.offset is not None else "")
        out.print(f"[red]{one.kind.replace('_', ' ')}[/red] {where}: {plain(one.detail)}", soft_wrap=True)
    if report.more:
        out.print(f"and {report.more} more")
    waiting = sum(one.waiting for one in report.places)
    records = sum(one.records for one in report.places)
    if not report.findings:
        out.print(f"[green]as it was sealed[/green]: {records - waiting} records; {waiting} wait for their checkpoint")


def _jsonable(report: Any) -> dict[str, Any]:
    return {
        "clean": not report.findings,
        "places": [asdict(one) for one in report.places],
        "findings": [asdict(one) for one in report.findings],
        "more_findings": report.more,
    }


def _topics(names: list[str] | None) -> Any:
    from topics.registry import AUDITED

    by_name = {topic.name: topic for topic in AUDITED}
    for name in names or ():
        if name not in by_name:
            fail(f"{name} is not sealed; there are {', '.join(by_name)}")
    return [by_name[name] for name in names] if names else AUDITED


def _keys(settings: Settings, files: list[Path] | None) -> Any:
    from infra.auditor.keys import PublicKeys

    if not files:
        return PublicKeys([_own_key(settings)])
    try:
        return PublicKeys([path.read_text() for path in files])
    except OSError as error:
        fail(f"--public-key: {error}")


def _own_key(settings: Settings) -> str:
    from infra.auditor.keys import SigningKey, key_file

    path = key_file(settings.home)
    if not path.exists():
        fail(f"this home has no key ({path}): the auditor makes it; elsewhere, give --public-key")
    return SigningKey.load(path).public_pem


def _anchors(path: Path) -> list[dict[str, Any]]:
    from pydantic import ValidationError

    from schemas.audit import CheckpointHead

    try:
        heads: list[dict[str, Any]] = json.loads(path.read_text())
        for one in heads:
            CheckpointHead.model_validate(one)
    except (OSError, ValueError, TypeError, ValidationError) as error:
        fail(f"--head {path}: not what `audit head --json` prints: {str(error).splitlines()[0]}")
    return heads


def _now() -> Any:
    from connectors.clock.clock import SystemClock

    return SystemClock().now()
