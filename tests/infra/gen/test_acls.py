"""The rules are what the wiring needs, and no more."""

import pytest

from connectors.bus.acls import Acl, create_acls
from connectors.bus.cluster import Cluster
from connectors.errors import ConnectorError
from infra.compose import WIRED
from infra.gen.acls import acls, as_commands
from infra.gen.wiring import topics_of, wirings
from topics.registry import AUDITED, COMMANDS, DEAD_LETTERS, EVENTS, VIEWS

RULES = acls()


def of(name: str, operation: str) -> set[str]:
    """Return the topics that a principal may do something with."""
    return {
        one.name
        for one in RULES
        if (one.principal, one.resource, one.operation) == (f"User:noizylab-{name}", "topic", operation)
    }


@pytest.mark.parametrize("processor", WIRED)
def test_a_processor_may_read_and_write_what_it_is_wired_to(processor: str) -> None:
    wiring = next(one for one in wirings() if one.processor == processor)
    views = {topic.name for topic in wiring.writes if topic in VIEWS}
    assert of(processor, "read") == {topic.name for topic in wiring.reads} | views
    assert of(processor, "write") == {topic.name for topic in wiring.writes} | {f"dlq.{processor}.v1"}
    assert of(processor, "describe") == of(processor, "read") | of(processor, "write")
    assert of(processor, "describe") == {topic.name for topic in topics_of(processor)}


def test_facts_and_states_are_written_by_their_owner_alone() -> None:
    for topic in (*EVENTS, *VIEWS, *DEAD_LETTERS):
        writers = {one.principal for one in RULES if (one.name, one.operation) == (topic.name, "write")}
        assert writers == {f"User:noizylab-{topic.owner}"}


def test_commands_are_read_by_their_owner_and_the_auditor() -> None:
    for topic in COMMANDS:
        readers = {one.principal for one in RULES if (one.name, one.operation) == (topic.name, "read")}
        assert readers == {f"User:noizylab-{topic.owner}", "User:noizylab-auditor"}


def test_a_processor_whose_timer_sends_commands_may_write_them() -> None:
    assert "notifications.commands.v1" in of("notify", "write")


def test_the_auditor_writes_its_seals_and_nothing_else() -> None:
    assert of("auditor", "write") == {"audit.checkpoints.v1", "audit.heads.v1"}
    assert of("auditor", "read") == {topic.name for topic in AUDITED} | {"audit.heads.v1"}


def test_each_has_its_own_group_and_only_the_operator_touches_the_cluster() -> None:
    groups = {(one.principal, one.name) for one in RULES if one.resource == "group" and one.name != "*"}
    assert groups == {(f"User:noizylab-{one}", f"noizylab.{one}") for one in (*WIRED, "auditor")}
    assert {one.principal for one in RULES if one.resource == "cluster" or one.name == "*"} == {
        "User:noizylab-operator"
    }
    assert len(set(RULES)) == len(RULES)


def test_takes_another_prefix() -> None:
    assert {one.principal for one in acls("User:CN=")} == {f"User:CN={one}" for one in (*WIRED, *SERVICES)}


SERVICES = ("auditor", "operator")


def test_prints_commands_for_kafkas_own_tool() -> None:
    rules = [Acl("User:a b", "topic", "t.v1", "read"), Acl("User:a b", "topic", "t.v1", "describe_configs")]
    [line] = as_commands(rules)
    assert line.startswith("kafka-acls.sh $ADMIN --add --allow-principal 'User:a b' --operation Read --operation Desc")
    assert line.endswith(" --operation DescribeConfigs --topic t.v1 --resource-pattern-type literal")
    [cluster] = as_commands([Acl("User:o", "cluster", "kafka-cluster", "create")])
    assert cluster == "kafka-acls.sh $ADMIN --add --allow-principal User:o --operation Create --cluster"


async def test_the_embedded_broker_keeps_no_rules_and_says_so(shop_log: Cluster) -> None:
    with pytest.raises(ConnectorError, match="creating access rules at 127"):
        await create_acls(shop_log, RULES[:1])
