"""Who may do what on the log, learnt from the wiring: one principal a processor, and nothing it does not use."""

import shlex
from collections import defaultdict
from collections.abc import Iterable, Sequence

from connectors.bus.acls import CLUSTER_NAME, Acl, Operation
from infra.gen.wiring import Wiring, wirings
from topics.audit import AUDIT_CHECKPOINTS, AUDIT_HEADS
from topics.registry import AUDITED, VIEWS, dead_letters
from topics.topic import Topic

PREFIX = "User:noizylab-"
_OPERATOR_ON_TOPICS: tuple[Operation, ...] = (
    "read", "write", "create", "describe", "describe_configs", "alter_configs",
)  # fmt: skip


def acls(prefix: str = PREFIX) -> list[Acl]:
    """Return all rules, by principal.

    Producers are idempotent; since Kafka 3.0 that needs no rule of its own. Nobody uses transactions.
    """
    found: list[Acl] = []
    for wiring in wirings():
        found += _processor(prefix + wiring.processor, wiring)
    found += _auditor(f"{prefix}auditor")
    found += _operator(f"{prefix}operator")
    return list(dict.fromkeys(found))


def as_commands(rules: Iterable[Acl]) -> list[str]:
    """Return the rules as calls of Kafka's own tool; `ADMIN` holds its connection options."""
    grouped: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for one in rules:
        grouped[one.principal, one.resource, one.name].append(one.operation)
    lines = []
    for (principal, resource, name), operations in grouped.items():
        where = ["--cluster"] if resource == "cluster" else [f"--{resource}", name]
        what = [part for one in operations for part in ("--operation", one.title().replace("_", ""))]
        words = ["--add", "--allow-principal", principal, *what, *where, "--resource-pattern-type", "literal"]
        lines.append(f"kafka-acls.sh $ADMIN {shlex.join(words if resource != 'cluster' else words[:-2])}")
    return lines


def _processor(principal: str, wiring: Wiring) -> list[Acl]:
    # A processor reads its own views back at every assignment.
    reads = [*wiring.reads, *(topic for topic in wiring.writes if topic in VIEWS)]
    writes = [*wiring.writes, dead_letters(wiring.processor)]
    rules = [*_may(principal, reads, "read"), *_may(principal, writes, "write")]
    return [*rules, *_group(principal, wiring.processor)]


def _auditor(principal: str) -> list[Acl]:
    reads = _may(principal, [*AUDITED, AUDIT_HEADS], "read")
    return [*reads, *_may(principal, [AUDIT_CHECKPOINTS, AUDIT_HEADS], "write"), *_group(principal, "auditor")]


def _operator(principal: str) -> list[Acl]:
    """Creates topics and rules, reads everything, deals with dead letters."""
    return [
        *(Acl(principal, "topic", "*", one) for one in _OPERATOR_ON_TOPICS),
        *(Acl(principal, "group", "*", one) for one in ("read", "describe")),
        *(Acl(principal, "cluster", CLUSTER_NAME, one) for one in ("create", "alter", "describe")),
    ]


def _may(principal: str, topics: Sequence[Topic], operation: Operation) -> list[Acl]:
    return [Acl(principal, "topic", topic.name, one) for topic in topics for one in (operation, "describe")]


def _group(principal: str, name: str) -> list[Acl]:
    return [Acl(principal, "group", f"noizylab.{name}", "read")]
