"""The deployed flows: which one a message starts, which one an instance runs, which message types matter."""

from collections.abc import Iterable
from dataclasses import dataclass

import pydantic

from processors.orchestrator.bpmn import parse
from processors.orchestrator.model import Definition, DefinitionError, Issue, Node
from schemas.core.message import Message
from topics.diagnoses import DIAGNOSIS_COMMANDS, DIAGNOSIS_EVENTS
from topics.inspections import INSPECTION_COMMANDS, INSPECTION_EVENTS
from topics.inventory import INVENTORY_COMMANDS, INVENTORY_EVENTS
from topics.notifications import NOTIFICATION_COMMANDS, NOTIFICATION_EVENTS
from topics.quotes import QUOTE_COMMANDS, QUOTE_EVENTS
from topics.registry import class_of, topic_of
from topics.tickets import TICKET_COMMANDS, TICKET_EVENTS
from topics.topic import Topic

OBSERVED = (TICKET_EVENTS, INSPECTION_EVENTS, DIAGNOSIS_EVENTS, INVENTORY_EVENTS, QUOTE_EVENTS, NOTIFICATION_EVENTS)
"""Where the messages come from that a flow can wait for."""
STEERED = (
    TICKET_COMMANDS,
    INSPECTION_COMMANDS,
    DIAGNOSIS_COMMANDS,
    INVENTORY_COMMANDS,
    QUOTE_COMMANDS,
    NOTIFICATION_COMMANDS,
)
"""Where the commands go to that a flow can send."""


@dataclass(frozen=True, slots=True)
class Flows:
    """A set of checked definitions."""

    definitions: tuple[Definition, ...]

    def starting(self, message_type: str) -> Definition | None:
        """Return the flow that a message of this type starts."""
        for definition in self.definitions:
            for start in definition.starts:
                if any(spec.type == message_type for spec in definition.nodes[start].messages):
                    return definition
        return None

    def pinned(self, digest: str) -> Definition | None:
        """Return the flow with this content."""
        return next((definition for definition in self.definitions if definition.hash == digest), None)

    @property
    def awaited(self) -> frozenset[str]:
        """Return every message type that any flow reacts to."""
        started_by = {
            spec.type
            for definition in self.definitions
            for start in definition.starts
            for spec in definition.nodes[start].messages
        }
        return frozenset(started_by).union(*(definition.awaited for definition in self.definitions))


def deploy(files: Iterable[bytes]) -> Flows:
    """Read BPMN files and check them against the messages of the house.

    Of several files of one process the first takes the new tickets; the others are older versions, kept for the
    tickets that run on them.

    Raises:
        DefinitionError: a file cannot be run, or it names a command, reply or field that does not exist.
    """
    flows = Flows(tuple(parse(content) for content in files))
    issues = [
        issue for definition in flows.definitions for issue in (*_foreign(definition), *_rivals(definition, flows))
    ]
    if issues:
        raise DefinitionError(issues)
    return flows


def _foreign(definition: Definition) -> Iterable[Issue]:
    """Yield what a definition says that the schemas do not know."""
    for node in definition.nodes.values():
        for spec in node.messages:
            yield from _unheard(node, spec.type)
        if node.command is not None:
            for spec in (*node.command.replies, *node.command.refusals):
                yield from _unheard(node, spec.type)
            yield from _wrong_command(node, node.command.type, {binding.name for binding in node.command.inputs})


def _rivals(definition: Definition, flows: Flows) -> Iterable[Issue]:
    """Yield starts that another process takes first, so that this one would never begin."""
    for node in (definition.nodes[start] for start in definition.starts):
        for spec in node.messages:
            first = flows.starting(spec.type)
            if first is not None and first.id != definition.id:
                yield _issue(node, f"{spec.type} already starts the flow {first.id!r}; a ticket has one flow")


def _known(message_type: str) -> type[Message] | None:
    try:
        return class_of(message_type)
    except KeyError:
        return None


def _issue(node: Node, message: str) -> Issue:
    return Issue(node.id, node.kind, node.line, message)


def _unheard(node: Node, message_type: str) -> Iterable[Issue]:
    """Yield why a flow would wait for this message type in vain."""
    found = _known(message_type)
    if found is None:
        yield _issue(node, f"message type {message_type!r} does not exist; see the topic table")
    elif topic_of(message_type) not in OBSERVED:
        yield _issue(node, f"{message_type} never reaches a flow: flows hear {_names(OBSERVED)}")
    elif "ticket_id" not in found.model_fields:
        yield _issue(node, f"{message_type} never reaches a flow: it is not about a ticket")


def _wrong_command(node: Node, command_type: str, given: set[str]) -> Iterable[Issue]:
    command = _known(command_type)
    if command is None:
        yield _issue(node, f"message type {command_type!r} does not exist; see the topic table")
        return
    if topic_of(command_type) not in STEERED:
        yield _issue(node, f"{command_type} is not for a flow to send: flows write {_names(STEERED)}")
        return
    for name in sorted(given - set(command.model_fields)):
        known = ", ".join(command.model_fields)
        yield _issue(node, f"{command_type} has no field {name!r}; it has {known}")
    required = {name for name, info in command.model_fields.items() if info.is_required()}
    for name in sorted(required - given):
        yield _issue(node, f"{command_type} needs an input {name!r}")


def _names(topics: Iterable[Topic]) -> str:
    return ", ".join(topic.name for topic in topics)


def build(command_type: str, data: dict[str, object]) -> Message | str:
    """Return the command a flow wants to send, or a sentence that says what is wrong with its data."""
    try:
        return class_of(command_type).model_validate(data)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        return f"{command_type}: {'.'.join(str(part) for part in first['loc'])}: {first['msg']}"


def check(content: bytes) -> tuple[Issue, ...]:
    """Return everything that keeps a BPMN file from being deployed; nothing for a good one."""
    try:
        deploy([content])
    except DefinitionError as error:
        return error.issues
    return ()
