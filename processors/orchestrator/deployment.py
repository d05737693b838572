"""The deployed flows: which one a message starts, which one an instance runs, which message types matter."""

from collections.abc import Iterable
from dataclasses import dataclass

import pydantic

from processors.orchestrator.bpmn import parse
from processors.orchestrator.model import Definition, DefinitionError, Issue, Node
from schemas.core.message import Message
from topics.registry import class_of


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

    Raises:
        DefinitionError: a file cannot be run, or it names a command, reply or field that does not exist.
    """
    definitions = tuple(parse(content) for content in files)
    issues = [issue for definition in definitions for issue in _foreign(definition)]
    if issues:
        raise DefinitionError(issues)
    return Flows(definitions)


def _foreign(definition: Definition) -> Iterable[Issue]:
    """Yield what a definition says that the schemas do not know."""
    for node in definition.nodes.values():
        for spec in node.messages:
            yield from _unknown_type(node, spec.type)
        if node.command is not None:
            for spec in (*node.command.replies, *node.command.refusals):
                yield from _unknown_type(node, spec.type)
            yield from _wrong_inputs(node, node.command.type, {binding.name for binding in node.command.inputs})


def _known(message_type: str) -> type[Message] | None:
    try:
        return class_of(message_type)
    except KeyError:
        return None


def _unknown_type(node: Node, message_type: str) -> Iterable[Issue]:
    if _known(message_type) is None:
        yield Issue(node.id, node.kind, node.line, f"message type {message_type!r} does not exist; see the topic table")


def _wrong_inputs(node: Node, command_type: str, given: set[str]) -> Iterable[Issue]:
    command = _known(command_type)
    if command is None:
        yield from _unknown_type(node, command_type)
        return
    for name in sorted(given - set(command.model_fields)):
        known = ", ".join(command.model_fields)
        yield Issue(node.id, node.kind, node.line, f"{command_type} has no field {name!r}; it has {known}")
    required = {name for name, info in command.model_fields.items() if info.is_required()}
    for name in sorted(required - given):
        yield Issue(node.id, node.kind, node.line, f"{command_type} needs an input {name!r}")


def build(command_type: str, data: dict[str, object]) -> Message | str:
    """Return the command a flow wants to send, or a sentence that says what is wrong with its data."""
    try:
        return class_of(command_type).model_validate(data)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        return f"{command_type}: {'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
