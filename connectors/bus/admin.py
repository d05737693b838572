"""Topics from the registry: what is missing, what differs, and making it so."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, TopicAuthorizationFailedError, for_code

from connectors.bus.cluster import Cluster, refused, unreachable
from connectors.errors import Misconfigured, Transient
from topics.topic import Topic


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """The difference between the registry and the cluster."""

    missing: tuple[Topic, ...]
    other_partitions: tuple[tuple[Topic, int], ...]


async def plan_topics(cluster: Cluster, topics: Sequence[Topic]) -> TopicPlan:
    """Compare ``topics`` with the cluster.

    Raises:
        Transient: no broker answers.
    """
    admin = AIOKafkaAdminClient(**cluster.client_options("noizylab-topics"))
    try:
        await admin.start()
        described = await admin.describe_topics()
    except KafkaError as error:
        raise await unreachable(cluster, error) from error
    finally:
        await admin.close()
    found = {one["topic"]: len(one["partitions"]) for one in described}
    return TopicPlan(
        missing=tuple(topic for topic in topics if topic.name not in found),
        other_partitions=tuple(
            (topic, found[topic.name])
            for topic in topics
            if found.get(topic.name, topic.partitions) != topic.partitions
        ),
    )


async def apply_topics(cluster: Cluster, topics: Sequence[Topic], *, replicas: int, within_s: float = 60) -> TopicPlan:
    """Create what is missing and wait until every partition has a leader; returns what was found before.

    Raises:
        Misconfigured: a topic exists with another number of partitions, which would scatter its keys.
        Transient: the cluster did not get there in time.
    """
    before = await plan_topics(cluster, topics)
    if before.other_partitions:
        topic, count = before.other_partitions[0]
        raise Misconfigured(
            f"topic {topic.name} has {count} partitions, the registry says {topic.partitions}: "
            "keys would move; move the data to a new topic, or change the registry back"
        )
    admin = AIOKafkaAdminClient(**cluster.client_options("noizylab-topics"))
    try:
        await admin.start()
        if before.missing:
            await _create(admin, before.missing, replicas)
        await _wait_for_leaders(admin, {topic.name: topic.partitions for topic in topics}, within_s)
    except KafkaError as error:
        raise refused(cluster, error) or Transient(f"creating topics at {cluster.bootstrap} failed: {error}") from error
    finally:
        await admin.close()
    return before


async def _create(admin: AIOKafkaAdminClient, topics: Sequence[Topic], replicas: int) -> None:
    wanted = [
        NewTopic(topic.name, topic.partitions, copies, topic_configs=topic.config() | _safety(copies))
        for topic in topics
        for copies in (min(replicas, topic.replicas),)
    ]
    answer = await admin.create_topics(wanted, timeout_ms=30_000)
    for name, code, *_ in answer.topic_errors:
        error = for_code(code)
        if error is TopicAuthorizationFailedError:
            raise error(name)
        if code != 0 and error is not TopicAlreadyExistsError:
            raise Misconfigured(f"the cluster refuses topic {name}: {error.__name__} {error.description}")


def _safety(copies: int) -> dict[str, str]:
    """With three copies an acknowledged record is on two at least: one broker may be lost."""
    return {"min.insync.replicas": "2"} if copies >= 3 else {}


async def _wait_for_leaders(admin: AIOKafkaAdminClient, wanted: dict[str, int], within_s: float) -> None:
    deadline = asyncio.get_running_loop().time() + within_s
    while True:
        described = await admin.describe_topics()
        led = {one["topic"]: sum(1 for partition in one["partitions"] if partition["leader"] >= 0) for one in described}
        waiting = [name for name, count in wanted.items() if led.get(name, 0) < count]
        if not waiting:
            return
        if asyncio.get_running_loop().time() > deadline:
            raise Transient(f"topics without leaders after {within_s:.0f} s: {', '.join(waiting[:5])}")
        await asyncio.sleep(0.1)
