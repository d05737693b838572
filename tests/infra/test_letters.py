from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connectors.bus.app import App
from connectors.bus.cluster import Cluster
from connectors.bus.publisher import KafkaPublisher
from connectors.bus.records import Fetched, Outgoing
from connectors.bus.restore import LogReader
from connectors.errors import Permanent, Transient
from infra.letters import Choice, Desk, Letter, Settlement, chosen_letters, read_letters
from processors.tickets.agent import wire
from processors.tickets.config import Policy
from schemas.core.envelope import Envelope
from tests.infra.tickets import TICKET, intake, triage, two_tickets
from tests.support.driver import START, Driver
from tests.support.vault import NO_PLACE, vault_in
from topics.audit import LETTERS_SETTLED
from topics.registry import dead_letters
from topics.tickets import TICKET_COMMANDS

NOT_UTF8 = b"\xff\xfe\x00"
ADA = Settlement("ada", "the ticket exists by now")


async def letters_of_tickets() -> list[Outgoing]:
    """Return what the tickets processor writes about a move of a ticket that does not exist."""
    driver = await two_tickets()
    await driver.pipe(triage("T-9999"), correlation_id="T-9999")
    return [one for one in driver.log.records if one.topic == dead_letters("tickets").name]


async def _of(cluster: Cluster, topic: str) -> list[Fetched]:
    async with LogReader(cluster, "test") as reader:
        return [one async for one in reader.to_end(await reader.partitions([topic]))]


async def _reinsert(cluster: Cluster, **choice: Any) -> int:
    letters = await chosen_letters(cluster, Choice("tickets", **choice))
    async with Desk(cluster, ADA) as desk:
        await desk.reinsert(letters)
    return len(letters)


async def test_says_what_each_letter_is_about(shop_log: Cluster, publisher: KafkaPublisher) -> None:
    await publisher.publish(await letters_of_tickets())
    [letter] = await read_letters(shop_log, "tickets")
    assert letter.name.startswith("tickets/")
    assert letter.name.endswith("/0")
    assert (letter.reason, letter.type, letter.key) == ("no_such_ticket", "noizylab.ticket.move.v1", "T-9999")
    assert letter.error == "there is no ticket T-9999, so it cannot move to triage"
    assert letter.header("no such header") == ""
    assert (letter.attempt, letter.settled, letter.processor) == (1, None, "tickets")
    assert letter.at is not None


async def test_reads_the_letters_of_one_processor_or_of_all(shop_log: Cluster, publisher: KafkaPublisher) -> None:
    [letter] = await letters_of_tickets()
    await publisher.publish([letter, replace(letter, topic=dead_letters("pricing").name)])
    owners = [one.processor for one in await read_letters(shop_log)]
    assert sorted(owners) == ["pricing", "tickets"]
    assert len(await read_letters(shop_log, "pricing")) == 1
    assert await read_letters(shop_log, "vision") == []


async def test_puts_a_letter_back_as_it_was(shop_log: Cluster, publisher: KafkaPublisher) -> None:
    [letter] = await letters_of_tickets()
    strange = replace(letter, key=NOT_UTF8, value=None)
    await publisher.publish([letter, strange])
    assert await _reinsert(shop_log) == 2
    command = triage("T-9999")
    found = await _of(shop_log, TICKET_COMMANDS.name)
    assert {(one.key, one.value) for one in found} == {(b"T-9999", command.to_json()), (NOT_UTF8, None)}
    for one in found:
        headers = dict(one.headers)
        assert {name for name in headers if name.startswith("dlq_")} == {"dlq_attempt", "dlq_letter"}
        assert Envelope.from_headers(one.headers).type == command.TYPE


@pytest.mark.parametrize("key", [None, b""])
async def test_a_missing_key_and_an_empty_one_go_back_as_they_were(
    shop_log: Cluster, publisher: KafkaPublisher, key: bytes | None
) -> None:
    driver = await two_tickets()
    await driver.feed(Fetched(TICKET_COMMANDS.name, 0, 9, 0, key, b"no json", []))
    await publisher.publish([one for one in driver.log.records if one.topic == dead_letters("tickets").name])
    assert await _reinsert(shop_log) == 1
    assert [one.key for one in await _of(shop_log, TICKET_COMMANDS.name)] == [key]


async def test_a_letter_that_was_dealt_with_is_left_alone_unless_asked_for_again(
    shop_log: Cluster, publisher: KafkaPublisher
) -> None:
    await publisher.publish(await letters_of_tickets())
    assert [await _reinsert(shop_log), await _reinsert(shop_log)] == [1, 0]
    assert len(await _of(shop_log, TICKET_COMMANDS.name)) == 1
    [letter] = await read_letters(shop_log)
    assert letter.settled is not None
    assert (letter.settled.action, letter.settled.by, letter.settled.because) == ("reinserted", "ada", ADA.because)
    assert await _reinsert(shop_log, again=True) == 1
    assert len(await _of(shop_log, TICKET_COMMANDS.name)) == 2


async def test_a_dropped_letter_is_marked_and_nothing_goes_back(shop_log: Cluster, publisher: KafkaPublisher) -> None:
    await publisher.publish(await letters_of_tickets())
    async with Desk(shop_log, ADA) as desk:
        await desk.drop(await chosen_letters(shop_log, Choice("tickets")))
    assert await _reinsert(shop_log) == 0
    assert await _of(shop_log, TICKET_COMMANDS.name) == []
    [mark] = await _of(shop_log, LETTERS_SETTLED.name)
    assert Envelope.from_headers(mark.headers).type == "noizylab.letter.settled.v1"


async def test_takes_only_the_letters_that_are_asked_for(shop_log: Cluster, publisher: KafkaPublisher) -> None:
    await publisher.publish(await letters_of_tickets())
    [letter] = await read_letters(shop_log)
    for choice in (
        Choice("tickets", reason="schema_invalid"),
        Choice("pricing"),
        Choice("tickets", since=START + timedelta(days=1)),
        Choice("tickets", names=frozenset({"tickets/0/99"})),
    ):
        assert await chosen_letters(shop_log, choice) == []
    for choice in (
        Choice(),
        Choice("tickets", reason="no_such_ticket"),
        Choice("tickets", since=START),
        Choice("tickets", names=frozenset({letter.name})),
    ):
        assert [one.name for one in await chosen_letters(shop_log, choice)] == [letter.name]


async def test_believes_what_the_stage_wrote_and_not_what_the_record_says_of_itself() -> None:
    driver = Driver(lambda app: wire(app, Policy(), vault_in(NO_PLACE)), "tickets")
    lying = [("dlq_topic", b"quotes.commands.v1"), ("dlq_partition", b"9"), ("dlq_attempt", b"many")]
    await driver.feed(Fetched(TICKET_COMMANDS.name, 0, 9, 0, b"k", b"no json", lying))
    [record] = driver.log.of(dead_letters("tickets"))
    letter = Letter("tickets/0/0", record.headers, b"k", record.value)
    assert (letter.header("dlq_topic"), letter.header("dlq_partition"), letter.attempt) == (
        TICKET_COMMANDS.name,
        "0",
        1,
    )


async def test_refuses_to_put_back_what_does_not_say_where_it_came_from(
    shop_log: Cluster, publisher: KafkaPublisher
) -> None:
    await publisher.publish([Outgoing(dead_letters("tickets").name, b"k", b"v", [])])
    with pytest.raises(Permanent, match="does not say where it came from"):
        await _reinsert(shop_log)


# --- one by one


@asynccontextmanager
async def _processor(cluster: Cluster, publisher: KafkaPublisher) -> AsyncIterator[None]:
    app = App("tickets", cluster, publisher)
    wire(app, Policy(), vault_in(NO_PLACE))
    await app.start()
    try:
        yield
    finally:
        await app.stop()


async def test_stops_at_the_first_letter_that_dies_again_and_counts_its_tries(
    shop_log: Cluster, publisher: KafkaPublisher
) -> None:
    [never] = await letters_of_tickets()
    mended = replace(never, key=TICKET.encode(), value=triage(TICKET).to_json(), partition=0)
    mended = replace(mended, headers=[(n, TICKET.encode() if n == "ce_subject" else v) for n, v in mended.headers])
    await publisher.publish([mended, replace(never, partition=1), replace(never, partition=2)])
    driver = Driver(lambda app: wire(app, Policy(), vault_in(NO_PLACE)), "tickets")
    await driver.pipe(intake(TICKET), correlation_id=TICKET)
    # The ticket is opened where the letters say that they came from.
    await publisher.publish([replace(one, partition=0) for one in driver.log.records if "views" in one.topic])
    said: list[str] = []
    async with _processor(shop_log, publisher), Desk(shop_log, ADA) as desk:
        letters = sorted(await chosen_letters(shop_log, Choice("tickets")), key=lambda one: one.name)
        died = await desk.one_by_one(letters, 30, said.append)
        assert died == letters[1]
        assert said == [f"{letters[0].name}: handled", f"{letters[1].name}: died again"]
        open_ones = {one.name: one.attempt for one in await chosen_letters(shop_log, Choice("tickets"))}
    assert letters[2].name in open_ones
    assert sorted(open_ones.values()) == [1, 2]


async def test_says_that_the_processor_does_not_run(shop_log: Cluster, publisher: KafkaPublisher) -> None:
    await publisher.publish(await letters_of_tickets())
    async with Desk(shop_log, ADA) as desk:
        with pytest.raises(Transient, match="is it running"):
            await desk.one_by_one(await chosen_letters(shop_log, Choice("tickets")), 0.3, lambda _: None)
