from dataclasses import replace

from connectors.bus.cluster import Cluster
from connectors.bus.publisher import KafkaPublisher
from connectors.bus.records import Outgoing
from connectors.bus.restore import LogReader
from infra.letters import read_letters, replay_letters
from schemas.core.envelope import Envelope
from tests.infra.tickets import triage, two_tickets
from topics.registry import dead_letters
from topics.tickets import TICKET_COMMANDS

NOT_UTF8 = b"\xff\xfe\x00"


async def _letters() -> list[Outgoing]:
    """Return what the tickets processor writes about a move of a ticket that does not exist."""
    driver = await two_tickets()
    await driver.pipe(triage("T-9999"), correlation_id="T-9999")
    return [one for one in driver.log.records if one.topic == dead_letters("tickets").name]


async def _commands(cluster: Cluster) -> list[tuple[bytes | None, bytes | None, dict[str, bytes]]]:
    async with LogReader(cluster, "test") as reader:
        tps = await reader.partitions([TICKET_COMMANDS.name])
        return [(one.key, one.value, dict(one.headers)) async for one in reader.to_end(tps)]


async def test_says_what_each_letter_is_about(shop_log: Cluster, publisher: KafkaPublisher) -> None:
    await publisher.publish(await _letters())
    [letter] = await read_letters(shop_log, "tickets")
    assert letter.name.startswith("tickets/")
    assert letter.name.endswith("/0")
    assert (letter.reason, letter.type, letter.key) == ("no_such_ticket", "noizylab.ticket.move.v1", "T-9999")
    assert letter.error == "there is no ticket T-9999, so it cannot move to triage"
    assert letter.header("no such header") == ""


async def test_reads_the_letters_of_one_processor_or_of_all(shop_log: Cluster, publisher: KafkaPublisher) -> None:
    [letter] = await _letters()
    await publisher.publish([letter, replace(letter, topic=dead_letters("pricing").name)])
    owners = [one.name.split("/")[0] for one in await read_letters(shop_log)]
    assert sorted(owners) == ["pricing", "tickets"]
    assert len(await read_letters(shop_log, "pricing")) == 1
    assert await read_letters(shop_log, "vision") == []


async def test_puts_a_letter_back_as_it_was(shop_log: Cluster, publisher: KafkaPublisher) -> None:
    [letter] = await _letters()
    strange = replace(letter, key=NOT_UTF8, value=None)
    await publisher.publish([letter, strange])
    assert await replay_letters(shop_log, "tickets", None, reinsert=True) == 2
    command = triage("T-9999")
    back = await _commands(shop_log)
    assert {(key, value) for key, value, _ in back} == {(b"T-9999", command.to_json()), (NOT_UTF8, None)}
    for _, _, headers in back:
        assert not [name for name in headers if name.startswith("dlq_")]
        assert Envelope.from_headers(headers.items()).type == command.TYPE


async def test_replays_only_letters_with_the_reason(shop_log: Cluster, publisher: KafkaPublisher) -> None:
    await publisher.publish(await _letters())
    assert await replay_letters(shop_log, "tickets", "schema_invalid", reinsert=True) == 0
    assert await replay_letters(shop_log, "pricing", None, reinsert=True) == 0
    assert await _commands(shop_log) == []


async def test_counts_and_writes_nothing_when_letters_are_left(shop_log: Cluster, publisher: KafkaPublisher) -> None:
    await publisher.publish(await _letters())
    assert await replay_letters(shop_log, "tickets", "no_such_ticket", reinsert=False) == 1
    assert await _commands(shop_log) == []
