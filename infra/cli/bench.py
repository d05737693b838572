"""``noizylab bench``: measure, on this machine, in a shop of its own."""

import json
from pathlib import Path
from typing import Annotated

import typer

from infra.cli.common import err, fail, out, run

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
    result = run(run_flow_bench(plan, lambda line: err.print(f"  {line}", soft_wrap=True, markup=False)))
    if as_json:
        out.print_json(json.dumps(result))
    else:
        for name, value in result.items():
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
