"""The registry of topics: names, keys, owners, what is kept and how long."""

import re
from datetime import timedelta

import pytest

from infra.gen.wiring import Wiring, wirings
from schemas.core.message import Command, Event, View
from tests.schemas.examples import examples_of
from topics.registry import (
    ALL,
    AUDIT,
    AUDITED,
    COMMANDS,
    DEAD_LETTERS,
    EDGE,
    EVENTS,
    PASSING,
    PROCESSORS,
    VIEWS,
    class_of,
    dead_letters,
    topic_named,
    topic_of,
)
from topics.topic import PARTITIONS, Compact, Delete, Topic

KINDS = (("commands", COMMANDS, Command), ("events", EVENTS, Event), ("views", VIEWS, View))
RETENTIONS = {timedelta(days=days) for days in (1, 30, 90, 365, 3650)}
"""A day for answers that may be asked for again, a month for wishes, a quarter for dead letters, a year for facts, ten
for book-keeping and for seals."""
DECLARED = COMMANDS + EVENTS + VIEWS + AUDIT + EDGE + PASSING

every_topic = pytest.mark.parametrize("topic", ALL, ids=lambda topic: topic.name)
every_declared = pytest.mark.parametrize("topic", DECLARED, ids=lambda topic: topic.name)


@pytest.fixture(scope="module")
def wired() -> list[Wiring]:
    return wirings()


@pytest.mark.parametrize(("kind", "topics", "base"), KINDS, ids=[kind for kind, _, _ in KINDS])
def test_a_topic_is_named_by_domain_kind_and_version_and_carries_that_kind(
    kind: str, topics: tuple[Topic, ...], base: type
) -> None:
    for topic in topics:
        assert re.fullmatch(rf"[a-z]+\.{kind}\.v1", topic.name)
        assert topic.carries
        assert all(issubclass(message, base) for message in topic.carries)


def test_names_are_unique_and_stay_so_in_metrics() -> None:
    """Kafka's metrics write a dot as an underscore."""
    names = [topic.name.replace(".", "_") for topic in ALL]
    assert len(set(names)) == len(names)


def test_every_type_is_in_exactly_one_topic() -> None:
    types = [message.TYPE for topic in ALL for message in topic.carries]
    assert len(set(types)) == len(types)


@every_declared
def test_the_key_is_a_required_field_of_every_carried_type(topic: Topic) -> None:
    for message in topic.carries:
        assert message.model_fields[topic.key].is_required(), message.TYPE
        assert all(isinstance(getattr(one, topic.key), str) for one in examples_of(message).values())


@every_topic
def test_is_kept_by_one_of_the_few_rules_of_the_house(topic: Topic) -> None:
    if topic in VIEWS or topic.name == "audit.heads.v1":
        assert topic.cleanup == Compact()
        assert topic.config()["cleanup.policy"] == "compact"
    else:
        assert isinstance(topic.cleanup, Delete)
        assert topic.cleanup.retention in RETENTIONS
        assert int(topic.config()["retention.ms"]) == topic.cleanup.retention / timedelta(milliseconds=1)


@every_topic
def test_has_the_partitions_of_the_house(topic: Topic) -> None:
    assert topic.partitions == PARTITIONS


@every_topic
def test_is_owned_by_a_processor_and_says_what_it_is(topic: Topic) -> None:
    assert topic.owner in (("auditor", "operator") if topic in AUDIT else PROCESSORS)
    assert topic.summary.endswith(".")
    assert topic.replicas == 3


def test_every_processor_has_dead_letters_that_hold_the_largest_message_and_its_reason() -> None:
    assert [topic.name for topic in DEAD_LETTERS] == [f"dlq.{processor}.v1" for processor in PROCESSORS]
    largest = max(topic.max_bytes for topic in DECLARED)
    for topic in DEAD_LETTERS:
        assert topic.max_bytes >= 2 * largest
        assert topic.personal_data
        assert topic == dead_letters(topic.owner)


def test_all_holds_every_topic_once() -> None:
    assert (*COMMANDS, *EVENTS, *VIEWS, *DEAD_LETTERS, *AUDIT, *EDGE, *PASSING) == ALL


def test_all_that_is_no_view_no_seal_and_no_talk_of_the_edge_is_audited() -> None:
    left = {topic.name for topic in ALL if topic not in (*AUDITED, *VIEWS, *EDGE, *PASSING)}
    assert left == {"audit.checkpoints.v1", "audit.heads.v1"}


def test_finds_topics_and_classes_by_name_and_type() -> None:
    for topic in ALL:
        assert topic_named(topic.name) is topic
        for message in topic.carries:
            assert topic_of(message.TYPE) is topic
            assert class_of(message.TYPE) is message
            assert topic.type_named(message.TYPE) is message


@pytest.mark.parametrize("look_up", [topic_named, topic_of, class_of])
def test_knows_nothing_of_what_is_not_declared(look_up) -> None:
    with pytest.raises(KeyError):
        look_up("noizylab.coffee.made.v1")
    assert EVENTS[0].type_named("noizylab.coffee.made.v1") is None


# --- owners, as the processors are wired


@pytest.mark.parametrize("topic", [*EVENTS, *VIEWS], ids=lambda topic: topic.name)
def test_facts_are_written_by_their_owner_alone(topic: Topic, wired: list[Wiring]) -> None:
    assert [wiring.processor for wiring in wired if topic in wiring.writes] == [topic.owner]


@pytest.mark.parametrize("topic", COMMANDS, ids=lambda topic: topic.name)
def test_commands_are_read_by_their_owner_alone(topic: Topic, wired: list[Wiring]) -> None:
    assert [wiring.processor for wiring in wired if topic in wiring.reads] == [topic.owner]


@pytest.mark.parametrize("topic", COMMANDS, ids=lambda topic: topic.name)
def test_commands_are_sent_by_somebody(topic: Topic, wired: list[Wiring]) -> None:
    assert [wiring.processor for wiring in wired if topic in wiring.writes]


def test_a_view_has_the_key_of_its_owners_commands() -> None:
    """A processor takes the wishes of a domain and keeps its state: both under one key, in one partition."""
    for view in VIEWS:
        domain = view.name.removesuffix(".views.v1")
        [commands] = [topic for topic in COMMANDS if topic.name == f"{domain}.commands.v1"]
        assert (commands.owner, commands.key) == (view.owner, view.key)


def test_an_owner_hears_each_command_that_its_topic_carries(wired: list[Wiring]) -> None:
    for wiring in wired:
        for topic in wiring.reads:
            if topic in COMMANDS:
                assert wiring.hears[topic.name] == topic.carries


def test_every_processor_of_the_registry_is_wired(wired: list[Wiring]) -> None:
    assert {wiring.processor for wiring in wired} == set(PROCESSORS)
