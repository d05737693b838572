"""Checks of a flow as a graph: what can be reached, what can get out, and what stands where it must not."""

from collections.abc import Iterable, Mapping

from processors.orchestrator.model import Issue, Node

_HOSTS = frozenset({"service", "user", "receive"})


def _ways(nodes: Mapping[str, Node], node: Node) -> list[str]:
    """Where a token on `node` can come to next, by its flows or by an event on its boundary."""
    onward = [flow.target for flow in node.outgoing]
    return [target for target in (*onward, *node.boundaries) if target in nodes]


def _closure(nodes: Mapping[str, Node], first: Iterable[str]) -> frozenset[str]:
    found: set[str] = set()
    stack = list(first)
    while stack:
        identity = stack.pop()
        if identity not in found:
            found.add(identity)
            stack += _ways(nodes, nodes[identity])
    return frozenset(found)


def reachability(nodes: Mapping[str, Node]) -> dict[str, frozenset[str]]:
    """For each node, the nodes that a token on it can still come to; itself only through a loop."""
    return {identity: _closure(nodes, _ways(nodes, node)) for identity, node in nodes.items()}


def check_graph(nodes: Mapping[str, Node], tags: Mapping[str, str]) -> list[Issue]:
    """Everything wrong with the graph; `tags` gives the BPMN element type of each node."""
    issues: list[Issue] = []

    def report(node: Node, message: str) -> None:
        issues.append(Issue(node.id, tags[node.id], node.line, message))

    starts = [node for node in nodes.values() if node.kind == "start"]
    if not starts:
        issues.append(Issue("", "process", 1, "the process has no start event"))
    for extra in [node for node in starts if not node.messages][1:]:
        report(extra, "a process has at most one start event without a message")
    for node in nodes.values():
        for problem in (*_shape(node), *_conditions(node), *_attachment(nodes, node)):
            report(node, problem)
    for node, problem in _paths(nodes, starts):
        report(node, problem)
    return issues


def _shape(node: Node) -> Iterable[str]:
    if node.kind == "start" and node.incoming:
        yield "a flow leads into a start event"
    if node.kind == "end" and node.outgoing:
        yield "a flow leads out of an end event"
    if node.attached_to is not None and node.incoming:
        yield "a flow leads into a boundary event"
    if node.kind != "end" and not node.outgoing:
        yield "there is no way out: draw a flow from it, or make it an end event"


def _conditions(node: Node) -> Iterable[str]:
    conditional = [flow for flow in node.outgoing if flow.condition is not None]
    if node.kind != "exclusive":
        if node.default is not None:
            yield "only an exclusive gateway has a default flow"
        for flow in conditional:
            yield f"flow {flow.id!r} has a condition but does not leave an exclusive gateway"
        return
    if node.default is not None and node.default not in {flow.id for flow in node.outgoing}:
        yield f"the default flow {node.default!r} does not leave this gateway"
    for flow in node.outgoing:
        if flow.id == node.default and flow.condition is not None:
            yield f"flow {flow.id!r} is the default and has a condition; it can only be one"
        if len(node.outgoing) > 1 and flow.id != node.default and flow.condition is None:
            yield f"flow {flow.id!r} needs a condition, or has to be the default flow"


def _attachment(nodes: Mapping[str, Node], node: Node) -> Iterable[str]:
    if node.attached_to is None:
        return
    host = nodes.get(node.attached_to)
    if host is None:
        yield f"it is attached to {node.attached_to!r}, which does not exist"
    elif host.kind not in _HOSTS:
        yield "a boundary event is attached to a task; to wait for messages with a timer, use a receive task"
    elif host.command is not None and not host.command.replies:
        yield "it is attached to a task that waits for no reply, so it could never happen"
    elif node.kind == "error_boundary":
        codes = {spec.code for spec in host.command.refusals} if host.command else set()
        if not codes or (node.error_code is not None and node.error_code not in codes):
            yield f"no noizy:refusal of {host.id!r} has the code {node.error_code or '(any)'}"


def _paths(nodes: Mapping[str, Node], starts: list[Node]) -> Iterable[tuple[Node, str]]:
    reached = _closure(nodes, [node.id for node in starts])
    backward: dict[str, list[str]] = {identity: [] for identity in nodes}
    for identity, node in nodes.items():
        for target in _ways(nodes, node):
            backward[target].append(identity)
    ends = [identity for identity, node in nodes.items() if node.kind == "end"]
    leads_out: set[str] = set()
    while ends:
        identity = ends.pop()
        if identity not in leads_out:
            leads_out.add(identity)
            ends += backward[identity]
    for identity, node in nodes.items():
        if starts and identity not in reached:
            yield node, "no flow from a start event reaches it"
        elif identity not in leads_out and node.outgoing:
            yield node, "no flow from here reaches an end event"
