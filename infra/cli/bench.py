"""``noizylab bench``: measure, on this machine, in a shop of its own."""

import json
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from infra.cli.common import err, fail, out, run


class AnalyticsPart(StrEnum):
    """One of the two parts of ``noizylab bench analytics``."""

    sink = "sink"
    figures = "figures"


_STARTED = time.monotonic()
app = typer.Typer(no_args_is_help=True, help="Benchmarks. Each starts what it needs and stops it again.")


@app.command()
def flow(
    repairs: Annotated[int, typer.Option(min=2)] = 300,
    kill: Annotated[int, typer.Option(help="SIGKILL the workers this often")] = 0,
    kill_broker: Annotated[int, typer.Option(help="SIGKILL the embedded broker this often")] = 0,
    photos: Annotated[bool, typer.Option(help="two 4-megapixel photos with each repair")] = False,
    rate: Annotated[
        float | None, typer.Option(help="repairs a second of the paced phase; 5, or 0.5 with photos")
    ] = None,
    samples: Annotated[Path | None, typer.Option(help="a folder with real complaints")] = None,
    seed: Annotated[int, typer.Option()] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="print only the result, as JSON")] = False,
) -> None:
    """Put repairs through the flow: from the intake to the customer's answer."""
    complaints = "repairs/repairs_before_2024.csv.xz"
    if samples is not None and not (samples / complaints).exists():
        fail(f"{samples} is no samples folder: {complaints} is missing")
    from infra.bench.flow import Plan, run_flow_bench

    plan = Plan(repairs, kill, kill_broker, seed, photos, rate, samples)
    _report(run(run_flow_bench(plan, _progress)), as_json)


@app.command()
def bus(
    events: Annotated[int, typer.Option(min=100)] = 10_000,
    repeat: Annotated[int, typer.Option(min=1, help="turns of each engine; medians are reported")] = 3,
    engines: Annotated[str, typer.Option(help="which to run, by comma")] = "bare,stage,faust,faststream,quix",
    latency_events: Annotated[int, typer.Option(help="events of the latency run, 50 a second; 0: none")] = 1000,
    broker: Annotated[str | None, typer.Option(help="measure on this cluster too; it must hold no shop")] = None,
    kafka: Annotated[bool, typer.Option("--kafka", help="start a real Apache Kafka and measure on it too")] = False,
    peers: Annotated[bool, typer.Option("--peers", help="bring FastStream and Quix Streams, and run them")] = False,
    seed: Annotated[int, typer.Option()] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="print only the result, as JSON")] = False,
) -> None:
    """Measure what an event costs in three stages: ours, stock Faust, peers, and a bare loop as the bound."""
    from infra.bench.bus import Plan, run_bus_bench

    plan = Plan(events, repeat, latency_events, tuple(engines.split(",")), seed, broker, kafka, peers)
    _report(run(run_bus_bench(plan, _progress)), as_json)


@app.command()
def broker(
    megabytes: Annotated[int, typer.Option(min=1, help="of values, in each turn")] = 50,
    repeat: Annotated[int, typer.Option(min=1, help="turns after the warm-up; medians are reported")] = 3,
    kafka: Annotated[bool, typer.Option(help="compare with a real Apache Kafka, where Java is installed")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="print only the result, as JSON")] = False,
) -> None:
    """Measure the embedded broker beside a real Apache Kafka: produce, consume, start, memory."""
    from infra.bench.broker import Plan, run_broker_bench

    _report(run(run_broker_bench(Plan(megabytes, repeat, kafka), _progress)), as_json)


@app.command()
def kill(
    kills: Annotated[int, typer.Option(min=0, help="SIGKILLs of a worker, of all of them, of a broker")] = 6,
    broker_kind: Annotated[str, typer.Option(help="embedded, or kafka1 or kafka3: nodes of Apache Kafka")] = "embedded",
    control: Annotated[bool, typer.Option(help="the same faults on stock Faust: can the judge find a loss?")] = True,
    within: Annotated[float, typer.Option(help="seconds for a run; 0: 60 and 30 for each kill")] = 0.0,
    seed: Annotated[int, typer.Option()] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="print only the result, as JSON")] = False,
) -> None:
    """Kill, freeze and rebalance a chain of three workers; judge from the log what was lost. Exit status 1: our
    stage lost or missed something, or was not finished in time."""
    from infra.bench.kill import Plan, is_unharmed, run_kill_bench
    from infra.bench.kill_brokers import KINDS

    if broker_kind not in KINDS:
        fail(f"there is no kind of broker {broker_kind!r}; choose among {', '.join(KINDS)}")
    result = run(run_kill_bench(Plan(kills, seed, broker_kind, control, within), _progress))
    _report(result, as_json)
    if not is_unharmed(result):
        raise typer.Exit(1)


@app.command()
def edge(
    tickets: Annotated[int, typer.Option(min=100, help="tickets on the log before the gateway starts")] = 50_000,
    seconds: Annotated[float, typer.Option(min=1, help="length of each phase")] = 10.0,
    sockets: Annotated[int, typer.Option(min=1, help="WebSockets that are opened")] = 500,
    seed: Annotated[int, typer.Option()] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="print only the result, as JSON")] = False,
) -> None:
    """Measure the gateway with many tickets: reads, lists, writes, sockets, overload, cold start, bare route."""
    from infra.bench.edge import Plan, run_edge_bench

    _report(run(run_edge_bench(Plan(tickets, seconds, sockets, seed), _progress)), as_json)


@app.command()
def schematic(
    board: Annotated[Path | None, typer.Option(help="a board; without it one of 70 MB is drawn", exists=True)] = None,
    samples: Annotated[Path | None, typer.Option(help="a folder with schematics/, else NOIZYLAB_SAMPLES")] = None,
    http: Annotated[bool, typer.Option(help="ask a gateway as well, of a shop that is thrown away")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="print only the result, as JSON")] = False,
) -> None:
    """Read a large board, ask questions of it, and find rails and regulators in open designs."""
    from infra.bench.schematic import Plan, run_schematic_bench
    from infra.settings import read_settings

    samples = samples if samples is not None else read_settings().samples
    if samples is not None and not (samples / "schematics/projects.csv").exists():
        fail(f"{samples} is no samples folder: schematics/projects.csv is missing")
    _report(run_schematic_bench(Plan(board, samples, http), _progress), as_json)


@app.command()
def diagnosis(
    cases: Annotated[int, typer.Option(min=20, help="injected faults")] = 600,
    designs: Annotated[
        Path | None,
        typer.Option(help="a folder of designs to put faults into; without it boards are drawn", exists=True),
    ] = None,
    repairs: Annotated[Path | None, typer.Option(help="repair records as CSV", exists=True)] = None,
    labels: Annotated[Path | None, typer.Option(help="a folder of labelled records", exists=True)] = None,
    only: Annotated[str | None, typer.Option(help="run one section")] = None,
    seed: Annotated[int, typer.Option(min=0)] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="print only the result, as JSON")] = False,
) -> None:
    """Score diagnoses: faults put into boards that nobody sees, found with at most six readings."""
    from infra.bench.diagnosis import run_diagnosis_bench
    from infra.bench.diagnosis_options import Options

    try:
        result = run_diagnosis_bench(Options(seed, cases, designs, repairs, labels), _progress, only)
    except ValueError as error:
        fail(str(error))
    _report(result, as_json)


def _progress(line: str) -> None:
    err.print(f"  {time.monotonic() - _STARTED:5.1f} s: {line}", soft_wrap=True, markup=False)


def _report(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        out.print_json(json.dumps(result))
        return
    for name, value in result.items():
        if isinstance(value, list):
            out.print(f"{name}:")
            for one in value:
                out.print(f"  {one}")
        else:
            out.print(f"{name}: {value}")


@app.command()
def blobs(
    small: Annotated[int, typer.Option(min=1, help="objects of 1 MB for each store")] = 40,
    large: Annotated[int, typer.Option(min=1, help="objects of 64 MB for each store")] = 4,
    kill: Annotated[int, typer.Option(min=0, help="SIGKILL a process in the middle of puts this often")] = 10,
    seed: Annotated[int, typer.Option()] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="print only the result, as JSON")] = False,
) -> None:
    """Store and read objects: a plain file as the bound, the directory, sealed or not, and a real S3 server."""
    from infra.bench.blobs import Plan, run_blob_bench

    result = run(run_blob_bench(Plan(small, large, kill, seed), lambda line: err.print(f"  {line}", soft_wrap=True)))
    if as_json:
        out.print_json(json.dumps(result))
        return
    for one in result.pop("runs"):
        out.print(f"{one['store']:13} {one['op']:9} {one['mb_per_s']:8} MB/s   p95 {one['p95_ms']} ms")
    for name, value in result.items():
        out.print(f"{name}: {value}")


@app.command()
def analytics(
    events: Annotated[int, typer.Option(min=1000, help="events on the log before the sink starts")] = 1_000_000,
    kill: Annotated[int, typer.Option(min=0, help="SIGKILL the sink and the engine this often, and only that")] = 0,
    control: Annotated[
        bool, typer.Option(help="the same kills without the intent log: can the judge find them?")
    ] = True,
    figures_events: Annotated[
        int, typer.Option(min=0, help="events of the year that figures are asked of; 0: as many as on the log")
    ] = 0,
    only: Annotated[AnalyticsPart | None, typer.Option(help="measure one of the two parts")] = None,
    seed: Annotated[int, typer.Option()] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="print only the result, as JSON")] = False,
) -> None:
    """Measure the sink from the log to visible rows beside the bare engine, and every figure on a year of a shop; or
    kill the sink, and count what is there. Exit status 1: something is missing, double or wrong."""
    if not kill:
        from infra.bench.analytics import Plan, run_analytics_bench

        plan = Plan(events, seed, figures_events, only.value if only is not None else None)
        _report(run(run_analytics_bench(plan, _progress)), as_json)
        return
    from infra.bench.analytics_kill import KillPlan, is_exact, run_analytics_kills

    result = run(run_analytics_kills(KillPlan(kill, seed, control), _progress))
    _report(result, as_json)
    if not is_exact(result):
        raise typer.Exit(1)


@app.command()
def vision(
    section: Annotated[str | None, typer.Option(help="run only this one")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="a few small pictures: does it run, not how good it is")
    ] = False,
    seed: Annotated[int, typer.Option(help="9000 to 9999 are for setting limits, all others for scoring")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="print only the result, as JSON")] = False,
) -> None:
    """Measure the inspection of boards on drawn cases with known truth: registration, golden comparison, false calls,
    the gate; real photographs too, where NOIZYLAB_SAMPLES has some. One core, about ten minutes."""
    from infra.bench.vision.sections import run_vision_bench

    try:
        result = run_vision_bench(seed, quick, section, _progress)
    except ValueError as error:
        fail(str(error))
    _report(result, as_json)
