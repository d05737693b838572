"""What every processor reads and writes, learnt by running its ``wire`` against an app that is never started."""

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.bus.app import App
from connectors.bus.cluster import Cluster
from connectors.bus.records import Outgoing
from infra.compose import WIRED, wire_without_ports
from topics.topic import Topic


class _Nowhere:
    """A publisher for apps that only declare."""

    async def publish(self, records: Sequence[Outgoing]) -> None:
        raise RuntimeError("this app only declares")


NOWHERE = _Nowhere()


@dataclass(frozen=True, slots=True)
class Wiring:
    """One processor: its steps' topics. Views it keeps are written as well."""

    processor: str
    reads: tuple[Topic, ...]
    writes: tuple[Topic, ...]


def wirings() -> list[Wiring]:
    """Return the wiring of all processors, by name."""
    found = []
    for processor in sorted(WIRED):
        app = App(processor, Cluster("127.0.0.1:1"), NOWHERE)
        wire_without_ports(processor, app)
        reads = [topic for step in (*app.steps, *(sink.step for sink in app.sinks)) for topic in step.reads]
        writes = [topic for step in app.steps for topic in step.emits]
        writes += [step.state.view for step in app.steps if step.state is not None]
        found.append(Wiring(processor, _unique(reads), _unique(writes)))
    return found


def _unique(topics: list[Topic]) -> tuple[Topic, ...]:
    return tuple(sorted({topic.name: topic for topic in topics}.values(), key=lambda topic: topic.name))
