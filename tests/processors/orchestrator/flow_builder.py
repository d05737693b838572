"""Small BPMN files for tests: `flow(...)` wraps the parts of a process, the rest builds single parts."""

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, TypeVar

from processors.orchestrator.bpmn import parse
from processors.orchestrator.engine import step
from processors.orchestrator.model import Definition, Event, Message, Output, Start, State

T = TypeVar("T")
NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
HEAD = '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:noizy="urn:noizylab:bpmn:1">'


def xml(*parts: str, outside: str = "", attributes: str = "") -> str:
    """One process, one part a line: part n stands on line n + 2."""
    body = "\n".join(parts)
    return f'{HEAD}{outside}\n<bpmn:process id="p" {attributes}>\n{body}\n</bpmn:process></bpmn:definitions>'


def flow(*parts: str, outside: str = "") -> Definition:
    return parse(xml(*parts, outside=outside))


def go(source: str, target: str, condition: str = "") -> str:
    """A sequence flow named source-target."""
    inner = f"<bpmn:conditionExpression>{condition}</bpmn:conditionExpression>" if condition else ""
    ends = f'sourceRef="{source}" targetRef="{target}"'
    return f'<bpmn:sequenceFlow id="{source}-{target}" {ends}>{inner}</bpmn:sequenceFlow>'


def chain(*ids: str) -> str:
    return "".join(go(source, target) for source, target in pairwise(ids))


def part(tag: str, identity: str, inner: str = "", attributes: str = "", events: str = "") -> str:
    extensions = f"<bpmn:extensionElements>{inner}</bpmn:extensionElements>" if inner else ""
    return f'<bpmn:{tag} id="{identity}" {attributes}>{extensions}{events}</bpmn:{tag}>'


def service(identity: str, extra: str = "", inputs: str = "") -> str:
    """Sends do.<id>, done by did.<id>, which fills the variable <id>."""
    command = f'<noizy:command type="do.{identity}">{inputs}</noizy:command>'
    return part("serviceTask", identity, f'{command}<noizy:reply type="did.{identity}" into="{identity}"/>{extra}')


def user(identity: str, outputs: str = "", extra: str = "") -> str:
    return part("userTask", identity, f'<noizy:task role="technician"/>{outputs}{extra}')


def gateway(kind: str, identity: str, attributes: str = "", inner: str = "") -> str:
    return part(f"{kind}Gateway", identity, inner, attributes)


def boundary(identity: str, host: str, definition: str, inner: str = "", interrupting: bool = True) -> str:
    attributes = f'attachedToRef="{host}"' + ("" if interrupting else ' cancelActivity="false"')
    return part("boundaryEvent", identity, inner, attributes, definition)


def after(duration: str) -> str:
    return f"<bpmn:timerEventDefinition><bpmn:timeDuration>{duration}</bpmn:timeDuration></bpmn:timerEventDefinition>"


def every(cycle: str) -> str:
    return f"<bpmn:timerEventDefinition><bpmn:timeCycle>{cycle}</bpmn:timeCycle></bpmn:timerEventDefinition>"


START = '<bpmn:startEvent id="start"/>'
END = '<bpmn:endEvent id="end"/>'
MESSAGE = "<bpmn:messageEventDefinition/>"


class Instance:
    """Drives one instance through JSON after every step, as a worker does."""

    def __init__(self, definition: Definition, key: str = "T-1", now: datetime = NOW) -> None:
        self.definition, self.now = definition, now
        self.state = State.new(definition, key)
        self.history: list[Output] = []
        self.count = 0

    def take(self, event: Event) -> tuple[Output, ...]:
        state, outputs = step(self.definition, State.load(self.state.dump()), event, self.now)
        self.state = state
        self.history += outputs
        return outputs

    def start(self, **variables: object) -> tuple[Output, ...]:
        return self.take(Start(variables=variables))

    def message(self, message_type: str, in_reply_to: str | None = None, **data: Any) -> tuple[Output, ...]:
        self.count += 1
        return self.take(Message(f"event-{self.count}", message_type, data, in_reply_to))

    def waiting_at(self) -> list[str]:
        return [token.node for token in self.state.tokens.values() if token.incident is None]

    def incidents(self) -> list[tuple[str, str]]:
        tokens = self.state.tokens.values()
        return [(token.node, token.incident.reason) for token in tokens if token.incident]


def of(kind: type[T], outputs: Iterable[object]) -> list[T]:
    return [output for output in outputs if isinstance(output, kind)]
