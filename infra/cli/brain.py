"""``noizylab brain``: diagnoses made again and held against what was so; the language model behind them."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from infra.cli.common import fail, out, plain, run
from infra.settings import Settings, read_settings

if TYPE_CHECKING:
    from connectors.llm.claude import ClaudeSettings
    from infra.diagnoses import Replayed

app = typer.Typer(no_args_is_help=True, help="The diagnosis and the language model behind it.")
AsJson = Annotated[bool, typer.Option("--json", help="print only the result, as JSON")]
_TRIAL_TOKENS = 2_000
NO_KEY = (
    "no language model is used: NOIZYLAB_ANTHROPIC_API_KEY is not set, and the shop's own engine answers alone. Set it "
    "to an API key of Anthropic's, or try the same against a service of our own: noizylab brain check --fake"
)


@app.command()
def check(
    fake: Annotated[bool, typer.Option("--fake", help="against a service of our own, without key or network")] = False,
    as_json: AsJson = False,
) -> None:
    """List the models, ask one small question with a look-up, and say what it cost. Exit status 1: it is not usable."""
    settings = read_settings()
    if not fake and settings.anthropic_api_key is None:
        fail(NO_KEY)
    result = run(_check(settings, fake=fake, as_json=as_json))
    if as_json:
        out.print_json(json.dumps(result))
    if not result["ok"]:
        raise typer.Exit(1)


@app.command()
def costs(
    days: Annotated[int, typer.Option(min=1, help="how many days, the newest first")] = 14,
    repair: Annotated[str | None, typer.Option(help="a ticket's id: what its diagnosis cost")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what language models cost, by day (UTC) and repair. ``held`` is set aside for requests under way, or for
    ones whose end nobody noted."""
    from infra.model_costs import as_json as written
    from infra.model_costs import read_spending

    settings = read_settings()
    found = written(run(read_spending(settings.cluster())), days, repair)
    if as_json:
        out.print_json(json.dumps(found))
        return
    _show_costs(found, settings)


@app.command()
def watch(
    ticket: Annotated[str | None, typer.Option(help="only this ticket's")] = None,
    earlier: Annotated[bool, typer.Option("--earlier", help="also what was said in the last day")] = False,
) -> None:
    """Show what a language model says while it is at work; Ctrl-C ends it. The diagnosis itself may differ."""
    run(_watch(read_settings(), ticket, earlier=earlier))


async def _check(settings: Settings, *, fake: bool, as_json: bool) -> dict[str, Any]:
    from connectors.clock.clock import SystemClock
    from infra.fakes.claude.service import KEY, FakeClaude, serving
    from infra.model_check import check_model
    from infra.ports import claude_settings

    def say(line: str) -> None:
        if not as_json:
            out.print(plain(line), soft_wrap=True)

    today = SystemClock().now().date()
    if not fake:
        chosen = claude_settings(settings, settings.anthropic_api_key or "")
        return await check_model(_small(chosen), today, say)
    service: FakeClaude = FakeClaude(model=settings.claude_model)
    async with serving(service) as address:
        say(f"service   our own, at {address}; it makes its answers of the questions and costs nothing")
        chosen = replace(claude_settings(settings, KEY), base_url=address)
        return await check_model(_small(chosen), today, say)


def _small(settings: "ClaudeSettings") -> "ClaudeSettings":
    return replace(settings, effort="low", max_tokens=_TRIAL_TOKENS)


def _show_costs(found: dict[str, Any], settings: Settings) -> None:
    if not found["days"]:
        out.print("no language model was asked yet")
        return
    table = Table("day", "requests", "USD", "held USD", "read", "cached", "written", "outcomes")
    for day in found["days"]:
        tokens = day["tokens"]
        table.add_row(
            day["day"],
            str(day["requests"]),
            f"{day['usd']:.4f}",
            f"{day['held_usd']:.4f}",
            *(str(tokens.get(kind, 0)) for kind in ("read", "cached", "written")),
            ", ".join(f"{count} {outcome.replace('_', ' ')}" for outcome, count in day["outcomes"].items()),
        )
    out.print(table)
    for one in found["repairs"]:
        out.print(f"{one['repair_id']}: {one['usd']:.4f} USD")
    out.print(f"budgets: {settings.claude_repair_cents} cents a repair, {settings.claude_day_cents} cents a day")


async def _watch(settings: Settings, ticket: str | None, *, earlier: bool) -> None:
    from infra.model_costs import follow_progress

    async for progress in follow_progress(settings.cluster(), from_start=earlier):
        if ticket is None or progress.ticket_id == ticket:
            faults = ", ".join(f"{one.family} {one.probability:.0%}" for one in progress.faults)
            said = " ".join(word for word in (progress.looking_up, progress.summary, faults and f"[{faults}]") if word)
            out.print(plain(f"{progress.ticket_id} {progress.stage.replace('_', ' ')} {said}"), soft_wrap=True)


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
        elif temperature == 1.0:
            out.print(f"{plain(engine)}: its probabilities stay as they are; no other temperature did better")
        else:
            out.print(
                f"{plain(engine)}: its log-odds should be divided by {temperature:.3f}; save this with --json and "
                "train the next with --calibration FILE (python -m infra.train.brain)"
            )
