"""``noizylab audit``: the log as evidence: verified, exported, replayed."""

import json
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from infra.cli.common import err, fail, out, parse_time, plain, run
from infra.settings import Settings, read_settings

app = typer.Typer(no_args_is_help=True, help="The log as evidence.")

AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
Since = Annotated[str | None, typer.Option("--from", help="only records of this time and later")]
Until = Annotated[str | None, typer.Option("--until", help="only records before this time")]
Topics = Annotated[list[str] | None, typer.Option("--topic", help="only this topic; may be given again")]
Keys = Annotated[
    list[Path] | None,
    typer.Option("--public-key", help="a file as `audit key` prints it; default: the key of this shop"),
]


class Format(StrEnum):
    """What an export is written as."""

    jsonl = "jsonl"
    parquet = "parquet"


@app.command()
def export(
    to: Annotated[Path, typer.Option(help="the file to write")],
    form: Annotated[Format, typer.Option("--format")] = Format.jsonl,
    aggregate: Annotated[str | None, typer.Option(help="only what is about this, or runs under it")] = None,
    since: Since = None,
    until: Until = None,
    topic: Annotated[list[str] | None, typer.Option("--topic", help="only this topic; may be given again")] = None,
    sign: Annotated[bool, typer.Option(help="write a signed manifest beside it")] = False,
) -> None:
    """Export records as CloudEvents in JSON lines, or as a Parquet table. Default: all but views."""
    from infra.auditor.export import Selection

    selection = Selection(
        _topics(topic, views=True), parse_time(since, "--from"), parse_time(until, "--until"), aggregate
    )
    done = run(_export(read_settings(), selection, to, form, sign=sign))
    raw = f", {done.raw} of them as raw bytes" if done.raw else ""
    out.print(f"{done.records.total()} records in {to}{raw}", soft_wrap=True)


async def _export(settings: Settings, selection: Any, to: Path, form: Format, *, sign: bool) -> Any:
    from infra.auditor.export import appearing, export_lines, write_manifest
    from infra.auditor.heads import newest, read_head_records
    from infra.auditor.keys import SigningKey
    from infra.auditor.parquet import to_parquet

    key = SigningKey.load(_key_file(settings)) if sign else None
    with appearing(to) as partial:
        lines = partial if form is Format.jsonl else partial.with_suffix(".lines")
        try:
            with lines.open("wb") as file:
                say = lambda line: err.print(f"  {line}")  # noqa: E731 - one line, used once
                done = await export_lines(settings.cluster(), selection, file, say)
            if form is Format.parquet:
                to_parquet(lines, partial)
        finally:
            if lines != partial:
                lines.unlink(missing_ok=True)
    if key is not None:
        heads = newest(await read_head_records(settings.cluster()))
        manifest = write_manifest(to, selection, done, heads, key, _now())
        out.print(f"signed by key {key.id}: {manifest}", soft_wrap=True)
    return done


@app.command()
def verify(
    topic: Topics = None,
    since: Since = None,
    until: Annotated[str | None, typer.Option("--to", "--until", help="only records before this time")] = None,
    public_key: Keys = None,
    head: Annotated[Path | None, typer.Option(help="heads that were kept outside, from `audit head --json`")] = None,
    export_file: Annotated[Path | None, typer.Option("--export", help="check this signed export instead")] = None,
    as_json: AsJson = False,
) -> None:
    """Hold the log against its signed checkpoints; status 1 when anything was changed, removed or put in."""
    from infra.auditor import verify as verification

    settings = read_settings()
    if export_file is not None:
        _verify_export(export_file, _keys(settings, public_key))
        return
    scope = verification.Scope(
        _topics(topic), parse_time(since, "--from"), parse_time(until, "--until"), _anchors(head) if head else ()
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
    from infra.auditor.heads import newest, read_head_records

    settings = read_settings()
    keys = _keys(settings, public_key)
    heads = []
    for raw in newest(run(read_head_records(settings.cluster()))):
        problem = signature_problem(raw, keys)
        if problem:
            err.print(f"[red]left out[/red] {raw['place']}: {problem}", soft_wrap=True)
        else:
            heads.append(dict(raw))
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
def replay(
    at: Annotated[str | None, typer.Option(help="show the states as of this time instead")] = None,
    aggregate: Annotated[str | None, typer.Option(help="with --at: only of this ticket, shelf or part")] = None,
    as_json: AsJson = False,
) -> None:
    """Rebuild every view from the events alone and compare it, state by state, with the live one.

    With --at: the state of any aggregate at any moment, by what was recorded until then.
    """
    moment = parse_time(at, "--at")
    if moment is not None:
        _replay_at(moment, aggregate, as_json=as_json)
    elif aggregate is not None:
        fail("--aggregate says of what --at shows the state; give a time with --at")
    else:
        _replay_all(as_json=as_json)


def _replay_at(moment: datetime, aggregate: str | None, *, as_json: bool) -> None:
    from infra.audit import states_at

    states = run(states_at(read_settings().cluster(), moment, aggregate))
    if as_json:
        shown = [
            {
                "processor": one.processor,
                "key": one.key,
                "version": one.version,
                "since": one.since.isoformat(),
                "type": one.state.TYPE,
                "state": one.state.model_dump(mode="json"),
            }
            for one in states
        ]
        out.print_json(json.dumps(shown))
    elif aggregate is None:
        table = Table("processor", "key", "version", "since")
        for one in states:
            table.add_row(one.processor, plain(one.key), str(one.version), f"{one.since:%Y-%m-%d %H:%M:%S}")
        out.print(table)
    for one in states if aggregate is not None and not as_json else ():
        out.print(f"[bold]{one.processor}[/bold] {plain(one.key)}, version {one.version} since {one.since.isoformat()}")
        out.print(plain(one.state.model_dump_json(indent=2)), soft_wrap=True)
    if not states and not as_json:
        out.print(f"nothing of {plain(aggregate or 'the shop')} is recorded up to {moment.isoformat()}", soft_wrap=True)


def _replay_all(*, as_json: bool) -> None:
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


def _verify_export(path: Path, keys: Any) -> None:
    from infra.auditor.export import check_export

    async def check() -> list[str]:
        return check_export(path, keys)

    wrong = run(check())
    for line in wrong:
        out.print(f"[red]{plain(line)}[/red]", soft_wrap=True)
    if wrong:
        raise typer.Exit(1)
    out.print(f"[green]as it was exported[/green]: {path}", soft_wrap=True)


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


def _topics(names: list[str] | None, *, views: bool = False) -> Any:
    from topics.registry import AUDITED, VIEWS

    by_name = {topic.name: topic for topic in (*AUDITED, *(VIEWS if views else ()))}
    for name in names or ():
        if name not in by_name:
            fail(f"no topic {name} here; there are {', '.join(by_name)}")
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
    from infra.auditor.keys import SigningKey

    return SigningKey.load(_key_file(settings)).public_pem


def _key_file(settings: Settings) -> Path:
    from infra.auditor.keys import key_file

    path = key_file(settings.home)
    if not path.exists():
        fail(f"this home has no key ({path}): the auditor makes it; to verify elsewhere, give --public-key")
    return path


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
