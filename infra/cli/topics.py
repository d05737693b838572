"""``noizylab topics``: the registry and the cluster."""

import csv
import io
import json
from enum import StrEnum
from typing import Annotated

import typer
from rich.table import Table

from infra.cli.common import fail, out, run
from infra.settings import read_settings

app = typer.Typer(no_args_is_help=True, help="Topics: what the registry declares, what the cluster has.")


class AclFormat(StrEnum):
    """How rules are printed."""

    kafka_acls = "kafka-acls"
    json = "json"
    csv = "csv"


@app.command("list")
def list_topics() -> None:
    """List all declared topics."""
    from topics.registry import ALL
    from topics.topic import Compact

    table = Table("topic", "owner", "key", "kept", "types")
    for topic in ALL:
        kept = "newest" if isinstance(topic.cleanup, Compact) else f"{topic.cleanup.retention.days} d"
        table.add_row(topic.name, topic.owner, topic.key, kept, str(len(topic.carries)))
    out.print(table)


@app.command()
def plan() -> None:
    """Show what differs between the registry and the cluster."""
    from connectors.bus.admin import plan_topics
    from topics.registry import ALL

    found = run(plan_topics(read_settings().cluster(), ALL))
    for topic in found.missing:
        out.print(f"missing: {topic.name} ({topic.partitions} partitions)")
    for topic, count in found.other_partitions:
        out.print(f"[red]differs[/red]: {topic.name} has {count} partitions, the registry says {topic.partitions}")
    if not found.missing and not found.other_partitions:
        out.print("the cluster has what the registry declares")


@app.command()
def apply() -> None:
    """Create what is missing."""
    from connectors.bus.admin import apply_topics
    from topics.registry import ALL

    settings = read_settings()
    replicas = 1 if settings.embedded_broker else settings.kafka_replicas
    before = run(apply_topics(settings.cluster(), ALL, replicas=replicas))
    out.print(f"created {len(before.missing)} topics; {len(ALL)} are there, each partition with a leader")


@app.command("acls")
def print_acls(
    form: Annotated[AclFormat, typer.Option("--format")] = AclFormat.kafka_acls,
    principal_prefix: Annotated[str, typer.Option(help="what stands before the processor's name")] = "User:noizylab-",
    create: Annotated[bool, typer.Option("--apply", help="create them; the user must be allowed to")] = False,
) -> None:
    """Print who must be allowed what: a principal for each processor, the auditor and the operator, and no more."""
    from connectors.bus.acls import create_acls
    from infra.gen.acls import acls, as_commands

    rules = acls(principal_prefix)
    settings = read_settings()
    if create and settings.embedded_broker:
        fail(
            "the embedded broker has no access rules: who logs in may do all; set NOIZYLAB_KAFKA to a cluster that has"
        )
    if create:
        run(create_acls(settings.cluster(), rules))
        out.print(f"{len(rules)} rules for {len({one.principal for one in rules})} principals are in force")
    elif form is AclFormat.kafka_acls:
        for line in as_commands(rules):
            out.print(line, soft_wrap=True, markup=False)
    elif form is AclFormat.json:
        out.print_json(json.dumps([one._asdict() for one in rules]))
    else:
        text = io.StringIO()
        csv.writer(text).writerows([("principal", "resource", "name", "operation"), *rules])
        out.print(text.getvalue(), end="", soft_wrap=True, markup=False)
