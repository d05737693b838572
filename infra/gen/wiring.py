"""What every processor reads and writes, learnt by running its ``wire`` against an app that is never started."""

import importlib
import pkgutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType

from connectors.bus.app import App
from connectors.bus.cluster import Cluster
from connectors.bus.records import Outgoing
from infra.compose import WIRED, wire_without_ports
from processors import gateway
from schemas.core.message import Command, Message
from topics.registry import AUDIT, AUDITED, EDGE, EVENTS, VIEWS, dead_letters, topic_of
from topics.topic import Topic


class _Nowhere:
    """A publisher for apps that only declare."""

    async def publish(self, records: Sequence[Outgoing]) -> None:
        raise RuntimeError("this app only declares")


NOWHERE = _Nowhere()


@dataclass(frozen=True, slots=True)
class Wiring:
    """One processor: its steps' topics. Views it keeps are written as well.

    ``hears`` says, by topic name, which of the carried types the steps take.
    """

    processor: str
    reads: tuple[Topic, ...]
    writes: tuple[Topic, ...]
    hears: Mapping[str, tuple[type[Message], ...]]


def wirings() -> list[Wiring]:
    """Return the wiring of all processors, by name."""
    workers = (_wired(name) for name in WIRED if name != "gateway")
    return sorted((*workers, _gateway()), key=lambda wiring: wiring.processor)


def topics_of(name: str) -> tuple[Topic, ...]:
    """Return every topic that a processor, or the auditor, reads or writes, its dead letters among them."""
    if name == "auditor":
        return _unique((*AUDITED, *AUDIT))
    wiring = next(one for one in wirings() if one.processor == name)
    return _unique((*wiring.reads, *wiring.writes, dead_letters(name)))


def _wired(processor: str) -> Wiring:
    app = App(processor, Cluster("127.0.0.1:1"), NOWHERE)
    wire_without_ports(processor, app)
    hears: dict[str, set[str]] = {}
    steps = (*app.steps, *(sink.step for sink in app.sinks))
    for step in steps:
        for topic in step.reads:
            types = {message.TYPE for message in topic.carries}
            hears.setdefault(topic.name, set()).update(types if step.expects is None else types & step.expects)
    for topic in app.follows:
        hears[topic.name] = {message.TYPE for message in topic.carries}
    reads = _unique((*(topic for step in steps for topic in step.reads), *app.follows))
    emitted = [*(topic for step in app.steps for topic in step.emits), *app.tells]
    kept = [step.state.view for step in app.steps if step.state is not None]
    heard = {
        topic.name: tuple(message for message in topic.carries if message.TYPE in hears[topic.name]) for topic in reads
    }
    return Wiring(processor, reads, _unique((*emitted, *kept)), heard)


def _gateway() -> Wiring:
    """The gateway is two: a worker that decides about access, and the web edge, which has no steps.

    The edge folds every events and views topic, sends the commands its modules name, and writes events that it owns.
    Its replicas talk to each other in topics of their own.
    """
    worker = _wired("gateway")
    folded = _unique((*EVENTS, *VIEWS, *EDGE))
    sent = {topic_of(command.TYPE) for module in _modules(gateway) for command in _commands_named_in(module)}
    own = {topic for topic in EVENTS if topic.owner == "gateway"}
    heard = {**{topic.name: topic.carries for topic in folded}, **worker.hears}
    return Wiring("gateway", _unique((*folded, *worker.reads)), _unique((*sent, *own, *EDGE, *worker.writes)), heard)


def _modules(package: ModuleType) -> Iterable[ModuleType]:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        yield importlib.import_module(found.name)


def _commands_named_in(module: ModuleType) -> Iterable[type[Command]]:
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, Command) and hasattr(value, "TYPE"):
            yield value


def _unique(topics: Iterable[Topic]) -> tuple[Topic, ...]:
    return tuple(sorted({topic.name: topic for topic in topics}.values(), key=lambda topic: topic.name))
