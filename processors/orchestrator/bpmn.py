"""BPMN 2.0 XML -> Definition. Everything the engine does not run is refused, with its element, type and line.

Run are: start events (none, message), end events (none, terminate, error), service, user and receive tasks,
intermediate message catch events, exclusive and parallel gateways, boundary events (timer, error, message) and
sequence flows. Lanes, annotations, groups and pools are drawings to the engine. A task with several ways out takes
all of them; one with several ways in runs once for each token.

Beside BPMN itself a flow uses elements of the namespace `urn:noizylab:bpmn:1` inside `extensionElements`:

* service task: `command type` (holding `input name value`), `reply type [into] [when]`,
  `refusal type code [into] [when]`
* user task: `task role [form]`, `input name value`, `output name [values] [required]`
* message start, catch and boundary events, receive task: `message type [into] [when]`
* any node but an end event: `assign name value`
* process: `variable name value`, evaluated at the start; `business_key` can be read there

`value` and `when` are expressions over the variables; `when` also sees `event`, the message's data.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from processors.orchestrator.durations import Schedule, parse_cycle, parse_duration
from processors.orchestrator.expressions import Expression, ExpressionError, compile_expression
from processors.orchestrator.flowcheck import check_graph, reachability
from processors.orchestrator.model import (
    Binding,
    Command,
    Definition,
    DefinitionError,
    EndKind,
    Flow,
    Issue,
    Kind,
    MessageSpec,
    Node,
    TaskOutput,
    UserTask,
)
from processors.orchestrator.xmltree import Element, XmlError, read_xml

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
NOIZY = "urn:noizylab:bpmn:1"

MAX_NODES = 1_000
NODE_KINDS: Mapping[str, Kind] = {
    "startEvent": "start",
    "endEvent": "end",
    "serviceTask": "service",
    "userTask": "user",
    "receiveTask": "receive",
    "intermediateCatchEvent": "catch",
    "exclusiveGateway": "exclusive",
    "parallelGateway": "parallel",
    "boundaryEvent": "timer_boundary",
}
_EVENT_DEFINITIONS: Mapping[str, frozenset[str]] = {
    "startEvent": frozenset({"messageEventDefinition"}),
    "endEvent": frozenset({"terminateEventDefinition", "errorEventDefinition"}),
    "intermediateCatchEvent": frozenset({"messageEventDefinition"}),
    "boundaryEvent": frozenset({"messageEventDefinition", "timerEventDefinition", "errorEventDefinition"}),
}
_EXTENSIONS: Mapping[str, frozenset[str]] = {
    "process": frozenset({"variable"}),
    "startEvent": frozenset({"message", "assign"}),
    "endEvent": frozenset(),
    "serviceTask": frozenset({"command", "reply", "refusal", "assign"}),
    "userTask": frozenset({"task", "input", "output", "assign"}),
    "receiveTask": frozenset({"message", "assign"}),
    "intermediateCatchEvent": frozenset({"message", "assign"}),
    "boundaryEvent": frozenset({"message", "assign"}),
    "exclusiveGateway": frozenset({"assign"}),
    "parallelGateway": frozenset({"assign"}),
}
_NODE_PARTS = frozenset({"incoming", "outgoing", "extensionElements", "documentation"})
_DRAWN_ONLY = frozenset({"laneSet", "textAnnotation", "association", "group", "documentation", "extensionElements"})
_ROOT_PARTS = frozenset({"process", "collaboration", "message", "error", "itemDefinition", "category", "documentation",
                         "extensionElements"})  # fmt: skip
_UNSUPPORTED_FLAGS = ("isForCompensation", "instantiate", "parallelMultiple", "triggeredByEvent")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_RESERVED = frozenset({"event", "business_key"})
_NOTHING = compile_expression("None")


def parse(content: bytes | str) -> Definition:
    """The definition in a BPMN file; DefinitionError lists everything that is wrong with it at once."""
    data = content.encode() if isinstance(content, str) else content
    try:
        root = read_xml(data)
    except XmlError as error:
        raise DefinitionError([Issue("", "file", error.line, str(error))]) from error
    return _Reader(root).definition()


def _local(reference: str | None) -> str:
    """A reference without the namespace prefix that some tools write before it."""
    return (reference or "").strip().rpartition(":")[2]


class _Reader:
    def __init__(self, root: Element) -> None:
        self.root = root
        self.issues: list[Issue] = []
        self.known: set[str] = set()
        self.used: list[tuple[Expression, Element, str, frozenset[str]]] = []
        self.errors: dict[str, str | None] = {}

    def issue(self, element: Element, message: str, element_id: str | None = None) -> None:
        prefix = "noizy:" if element.namespace == NOIZY else ""
        identity = element_id or element.get("id") or ""
        self.issues.append(Issue(identity, prefix + element.tag, element.line, message))

    def definition(self) -> Definition:
        process = self.find_process()
        if process is None:
            raise DefinitionError(self.issues)
        variables = [self.binding(part, process) for part in self.extensions(process).get("variable", ())]
        self.check_ids()
        elements, flow_elements = self.process_parts(process)
        if len(elements) > MAX_NODES:
            self.issue(process, f"the process has {len(elements)} nodes, more than {MAX_NODES}")
            raise DefinitionError(self.issues)
        flows = [self.flow(element, elements, process) for element in flow_elements]
        nodes = self.nodes(elements, [flow for flow in flows if flow is not None])
        self.issues += check_graph(nodes, {key: element.tag for key, element in elements.items()})
        self.check_names()
        if self.issues:
            raise DefinitionError(self.issues)
        return self.assemble(process, nodes, tuple(variables))

    def process_parts(self, process: Element) -> tuple[dict[str, Element], list[Element]]:
        """The flow nodes by id and the sequence flows; what is neither, nor only drawn, is reported.

        A refused element that flows lead to stays in the graph, so that its neighbours do not look wrong as well.
        """
        parts = [part for part in process.children if part.namespace == BPMN]
        flows = [part for part in parts if part.tag == "sequenceFlow"]
        referred = {_local(part.get(name)) for part in parts for name in ("sourceRef", "targetRef", "attachedToRef")}
        elements: dict[str, Element] = {}
        for part in process.children:
            known = part.namespace == BPMN and part.tag in NODE_KINDS
            if not known and (part.namespace != BPMN or part.tag not in {*_DRAWN_ONLY, "sequenceFlow"}):
                self.issue(part, "this element is not supported")
            if known or (part.namespace == BPMN and part.tag != "sequenceFlow" and part.get("id") in referred):
                elements.setdefault(part.get("id") or f"(line {part.line})", part)
        return elements, flows

    def assemble(self, process: Element, nodes: dict[str, Node], variables: tuple[Binding, ...]) -> Definition:
        kept = {s.type for n in nodes.values() if n.kind in ("catch", "receive") for s in n.messages}
        awaited = {spec.type for node in nodes.values() if node.kind != "start" for spec in node.messages}
        for command in (node.command for node in nodes.values() if node.command):
            awaited |= {spec.type for spec in (*command.replies, *command.refusals)}
        return Definition(
            id=process.get("id") or "",
            name=process.get("name") or process.get("id") or "",
            hash=self.root.digest(),
            nodes=nodes,
            variables=variables,
            starts=tuple(node.id for node in nodes.values() if node.kind == "start"),
            awaited=frozenset(awaited),
            kept=frozenset(kept),
            reaches=reachability(nodes),
        )

    def find_process(self) -> Element | None:
        if (self.root.namespace, self.root.tag) != (BPMN, "definitions"):
            self.issue(self.root, "the file is not BPMN 2.0: its root must be bpmn:definitions")
            return None
        processes: list[Element] = []
        for child in self.root.children:
            if child.namespace == BPMN and child.tag == "process":
                processes.append(child)
            elif child.namespace == BPMN and child.tag == "error":
                self.errors[child.get("id") or ""] = child.get("errorCode") or child.get("name")
            elif child.namespace == BPMN and child.tag not in _ROOT_PARTS:
                self.issue(child, "this element is not supported")
        if not processes:
            self.issue(self.root, "the file has no process")
            return None
        for process in processes[1:]:
            self.issue(process, "a file holds one process; deploy this one on its own")
        if processes[0].get("isExecutable") == "false":
            self.issue(processes[0], 'the process says isExecutable="false"')
        return processes[0]

    def check_ids(self) -> None:
        seen: Counter[str] = Counter()
        stack = [child for child in self.root.children if child.namespace == BPMN]
        while stack:
            element = stack.pop()
            stack += element.children
            identity = element.get("id")
            if identity is None:
                if element.tag in NODE_KINDS or element.tag in ("process", "sequenceFlow"):
                    self.issue(element, "the element has no id")
                continue
            seen[identity] += 1
            if seen[identity] == 2:
                self.issue(element, "another element has the same id")

    # --- flows and nodes

    def flow(self, element: Element, elements: Mapping[str, Element], process: Element) -> Flow | None:
        identity = element.get("id") or f"(line {element.line})"
        source, target = _local(element.get("sourceRef")), _local(element.get("targetRef"))
        missing = [f"{name} {ref!r}" for name, ref in (("source", source), ("target", target)) if ref not in elements]
        condition: Expression | None = None
        for child in element.children:
            if child.tag == "conditionExpression":
                text = child.text.strip()
                condition = self.expression(text, element, frozenset())
            elif child.tag not in _NODE_PARTS:
                self.issue(child, "this element is not supported", identity)
        if missing:
            self.issue(element, f"the flow dangles: there is no {' and no '.join(missing)} in {process.get('id')}")
            return None
        return Flow(identity, element.get("name") or "", source, target, condition, element.line)

    def nodes(self, elements: Mapping[str, Element], flows: Iterable[Flow]) -> dict[str, Node]:
        outgoing: defaultdict[str, list[Flow]] = defaultdict(list)
        incoming: defaultdict[str, list[str]] = defaultdict(list)
        boundaries: defaultdict[str, list[str]] = defaultdict(list)
        for flow in flows:
            outgoing[flow.source].append(flow)
            incoming[flow.target].append(flow.id)
        for identity, element in elements.items():
            if element.tag == "boundaryEvent":
                boundaries[_local(element.get("attachedToRef"))].append(identity)
        return {
            identity: Node(
                id=identity,
                name=element.get("name") or identity,
                line=element.line,
                incoming=tuple(incoming[identity]),
                outgoing=tuple(outgoing[identity]),
                default=_local(element.get("default")) or None,
                boundaries=tuple(boundaries[identity]),
                **self.details(element),
            )
            for identity, element in elements.items()
        }

    def details(self, element: Element) -> dict[str, Any]:
        """What the element's kind adds to the node."""
        if element.tag not in NODE_KINDS:
            return {"kind": "user"}
        for flag in _UNSUPPORTED_FLAGS:
            if element.get(flag) == "true":
                self.issue(element, f'{flag}="true" is not supported')
        events = self.event_definitions(element)
        parts = self.extensions(element)
        readers: Mapping[str, Callable[[Element, list[Element], dict[str, list[Element]]], dict[str, Any]]] = {
            "serviceTask": self.service,
            "userTask": self.user,
            "endEvent": self.end,
            "boundaryEvent": self.boundary,
        }
        found: dict[str, Any] = {"kind": NODE_KINDS[element.tag]}
        found |= readers.get(element.tag, self.waiting)(element, events, parts)
        found["assigns"] = tuple(self.binding(part, element) for part in parts.get("assign", ()))
        return found

    def event_definitions(self, element: Element) -> list[Element]:
        allowed = _EVENT_DEFINITIONS.get(element.tag, frozenset())
        events: list[Element] = []
        for child in element.children:
            if child.namespace == BPMN and child.tag in allowed:
                events.append(child)
            elif child.namespace != BPMN or child.tag not in _NODE_PARTS:
                self.issue(child, f"this element is not supported in a {element.tag}", element.get("id"))
        if len(events) > 1:
            self.issue(element, "an event has one event definition")
        return events

    def service(self, element: Element, _events: Any, parts: dict[str, list[Element]]) -> dict[str, Any]:
        commands = parts.get("command", [])
        if len(commands) != 1:
            self.issue(element, "a service task needs exactly one noizy:command")
            return {"command": Command("none")}
        command_type = self.attributes(commands[0], element, ("type",), ())["type"]
        inputs = tuple(self.binding(part, element) for part in self.inside(commands[0], element, {"input"}))
        replies = tuple(self.message(part, element) for part in parts.get("reply", ()))
        refusals = tuple(self.message(part, element, refusal=True) for part in parts.get("refusal", ()))
        if refusals and not replies:
            self.issue(element, "a task with a noizy:refusal needs a noizy:reply, or it never waits for either")
        return {"command": Command(command_type, inputs, replies, refusals)}

    def user(self, element: Element, _events: Any, parts: dict[str, list[Element]]) -> dict[str, Any]:
        tasks = parts.get("task", [])
        if len(tasks) != 1:
            self.issue(element, "a user task needs exactly one noizy:task")
            return {"task": UserTask("none")}
        found = self.attributes(tasks[0], element, ("role",), ("form",))
        nested = self.inside(tasks[0], element, {"input", "output"})
        inputs = [*(part for part in nested if part.tag == "input"), *parts.get("input", ())]
        outputs = [*(part for part in nested if part.tag == "output"), *parts.get("output", ())]
        return {
            "task": UserTask(
                found["role"],
                found.get("form"),
                tuple(self.binding(part, element) for part in inputs),
                tuple(self.output(part, element) for part in outputs),
            )
        }

    def output(self, part: Element, owner: Element) -> TaskOutput:
        found = self.attributes(part, owner, ("name",), ("values", "required"))
        self.learn(found["name"], part, owner)
        if found.get("required") not in (None, "true", "false"):
            self.issue(part, "required is true or false", owner.get("id"))
        return TaskOutput(found["name"], tuple(found.get("values", "").split()), found.get("required") == "true")

    def end(self, element: Element, events: list[Element], _parts: Any) -> dict[str, Any]:
        kinds: dict[str, EndKind] = {"terminateEventDefinition": "terminate", "errorEventDefinition": "error"}
        if not events:
            return {}
        code = self.error_code(events[0], element) if events[0].tag == "errorEventDefinition" else None
        return {"end": kinds[events[0].tag], "error_code": code}

    def boundary(self, element: Element, events: list[Element], parts: dict[str, list[Element]]) -> dict[str, Any]:
        kinds: dict[str, Kind] = {
            "timerEventDefinition": "timer_boundary",
            "errorEventDefinition": "error_boundary",
            "messageEventDefinition": "message_boundary",
        }
        found: dict[str, Any] = {"attached_to": _local(element.get("attachedToRef"))}
        found["interrupting"] = element.get("cancelActivity") != "false"
        if not events:
            self.issue(element, "a boundary event needs a timer, error or message event definition")
            return found
        event = events[0]
        found["kind"] = kinds[event.tag]
        if event.tag == "timerEventDefinition":
            found["schedule"] = self.schedule(event, element)
        elif event.tag == "errorEventDefinition":
            found["error_code"] = self.error_code(event, element)
            if not found["interrupting"]:
                self.issue(element, "an error boundary event always interrupts its activity")
        return found | self.waiting(element, events, parts)

    def waiting(self, element: Element, events: list[Element], parts: dict[str, list[Element]]) -> dict[str, Any]:
        """The messages of an element, which must have some exactly where it is one that waits for messages."""
        by_definition = any(event.tag == "messageEventDefinition" for event in events)
        messages = tuple(self.message(part, element) for part in parts.get("message", ()))
        if element.tag == "intermediateCatchEvent" and not events:
            self.issue(element, "a catch event needs a message event definition")
        elif (by_definition or element.tag == "receiveTask") and not messages:
            self.issue(element, "the element needs at least one noizy:message")
        elif messages and not by_definition and element.tag != "receiveTask":
            self.issue(element, "noizy:message needs a message event definition beside it")
        return {"messages": messages}

    def error_code(self, event: Element, owner: Element) -> str | None:
        reference = _local(event.get("errorRef"))
        if not reference:
            return None
        if self.errors.get(reference) is None:
            self.issue(event, f"there is no error {reference!r} with an errorCode", owner.get("id"))
        return self.errors.get(reference)

    def schedule(self, event: Element, owner: Element) -> Schedule | None:
        parts = [child for child in event.children if child.tag not in _NODE_PARTS]
        if len(parts) != 1 or parts[0].tag not in ("timeDuration", "timeCycle"):
            self.issue(event, "a timer needs one timeDuration or one timeCycle", owner.get("id"))
            return None
        text = parts[0].text.strip()
        try:
            return parse_cycle(text) if parts[0].tag == "timeCycle" else Schedule(parse_duration(text))
        except ValueError as error:
            self.issue(parts[0], str(error), owner.get("id"))
            return None

    # --- extension elements

    def extensions(self, element: Element) -> dict[str, list[Element]]:
        """Our extension elements by tag; those of other tools are theirs and are passed over."""
        found: defaultdict[str, list[Element]] = defaultdict(list)
        holders = [child for child in element.children if child.tag == "extensionElements"]
        for part in (part for holder in holders for part in holder.children if part.namespace == NOIZY):
            if part.tag in _EXTENSIONS[element.tag]:
                found[part.tag].append(part)
            else:
                self.issue(part, f"noizy:{part.tag} is not known in a {element.tag}", element.get("id"))
        return found

    def inside(self, part: Element, owner: Element, allowed: set[str]) -> list[Element]:
        for child in part.children:
            if child.namespace != NOIZY or child.tag not in allowed:
                self.issue(child, f"this element is not known in noizy:{part.tag}", owner.get("id"))
        return [child for child in part.children if child.namespace == NOIZY and child.tag in allowed]

    def attributes(
        self, part: Element, owner: Element, required: tuple[str, ...], optional: tuple[str, ...]
    ) -> dict[str, str]:
        """The attributes that are there; a required one that is missing is reported and reads as empty."""
        for name in sorted(set(part.attributes) - {*required, *optional}):
            self.issue(part, f"attribute {name} is not known here", owner.get("id"))
        found = {name: value for name in (*required, *optional) if (value := part.get(name)) is not None}
        for name in required:
            if name not in found:
                self.issue(part, f"attribute {name} is missing", owner.get("id"))
                found[name] = ""
        return found

    def binding(self, part: Element, owner: Element) -> Binding:
        found = self.attributes(part, owner, ("name", "value"), ())
        extra = frozenset({"business_key"}) if part.tag == "variable" else frozenset()
        if part.tag in ("variable", "assign"):
            self.learn(found["name"], part, owner)
        if not found["value"]:
            return Binding(found["name"], _NOTHING)
        return Binding(found["name"], self.expression(found["value"], part, extra, owner.get("id")))

    def message(self, part: Element, owner: Element, *, refusal: bool = False) -> MessageSpec:
        required = ("type", "code") if refusal else ("type",)
        found = self.attributes(part, owner, required, ("into", "when"))
        if "into" in found:
            self.learn(found["into"], part, owner)
        when = None
        if "when" in found:
            when = self.expression(found["when"], part, frozenset({"event"}), owner.get("id"))
        return MessageSpec(found["type"], found.get("into"), when, found.get("code"))

    def expression(
        self, source: str, element: Element, extra: frozenset[str], owner_id: str | None = None
    ) -> Expression:
        identity = owner_id or element.get("id") or ""
        try:
            expression = compile_expression(source)
        except ExpressionError as error:
            self.issue(element, str(error), identity)
            return _NOTHING
        self.used.append((expression, element, identity, extra))
        return expression

    def learn(self, name: str, part: Element, owner: Element) -> None:
        if name and (name in _RESERVED or not _IDENTIFIER.fullmatch(name) or name.startswith("__")):
            self.issue(part, f"{name!r} cannot be the name of a variable", owner.get("id"))
        self.known.add(name)

    def check_names(self) -> None:
        for expression, element, identity, extra in self.used:
            unknown = sorted(expression.names - self.known - extra)
            if unknown:
                text = f"nothing in this flow sets {', '.join(unknown)}, read by {expression.source!r}"
                self.issue(element, text, identity)
