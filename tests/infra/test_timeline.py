from dataclasses import replace

from connectors.bus.cluster import Cluster
from connectors.bus.publisher import KafkaPublisher
from infra.timeline import entry_of, follow_events, is_ticket, read_ticket, short
from tests.infra.tickets import OTHER, TICKET, intake, two_tickets
from tests.support.driver import as_fetched
from topics.tickets import TICKET_EVENTS


async def test_tells_a_ticket_in_the_order_of_its_events(shop_log: Cluster, publisher: KafkaPublisher) -> None:
    driver = await two_tickets()
    await publisher.publish(list(reversed(driver.log.records)))
    story = await read_ticket(shop_log, TICKET)
    assert story is not None
    assert story.facts["ticket"] == TICKET
    assert story.facts["device"] == "Lumen laptop"
    sentences = [line.partition("tickets")[2].strip() for line in story.lines]
    assert sentences[0].startswith("Took in Lumen")
    assert len(sentences) == 2
    assert "triage" in sentences[1]


async def test_tells_an_event_once_when_it_was_written_twice(shop_log: Cluster, publisher: KafkaPublisher) -> None:
    records = (await two_tickets()).log.records
    await publisher.publish([*records, *records])
    story = await read_ticket(shop_log, TICKET)
    assert story is not None
    assert len(story.lines) == 2


async def test_has_no_story_for_a_ticket_that_is_not_on_the_log(shop_log: Cluster) -> None:
    assert await read_ticket(shop_log, TICKET) is None


async def test_follows_events_as_they_are_written_each_once(shop_log: Cluster, publisher: KafkaPublisher) -> None:
    driver = await two_tickets()
    following = follow_events(shop_log, from_start=True)
    await publisher.publish([*driver.log.records, *driver.log.records])
    seen = [await anext(following) for _ in range(3)]
    assert sorted(entry.ticket_id for entry in seen) == [TICKET, TICKET, OTHER]
    before = len(driver.log.records)
    await driver.pipe(intake("T-1003"), correlation_id="T-1003")
    await publisher.publish(driver.log.records[before:])
    assert (await anext(following)).ticket_id == "T-1003"
    await following.aclose()  # type: ignore[attr-defined]  # it is a generator


async def test_is_no_entry_when_a_record_is_no_event_of_a_ticket() -> None:
    record = (await two_tickets()).log.of(TICKET_EVENTS)[0]
    assert entry_of(record) is not None
    for other in (
        replace(record, headers=[]),
        replace(record, value=b"{"),
        replace(record, value=None),
        replace(record, value=b"[]"),
        replace(record, value=b'{"ticket_id": 7}'),
    ):
        assert entry_of(other) is None


async def test_names_an_event_that_this_version_does_not_know() -> None:
    record = (await two_tickets()).log.of(TICKET_EVENTS)[0]
    entry = entry_of(replace(record, headers=[*record.headers, ("ce_type", b"noizylab.ticket.juggled.v1")]))
    assert entry is not None
    assert (entry.summary.lower(), entry.writer) == ("ticket juggled.", "tickets")


async def test_writes_one_line_with_local_time_ticket_and_writer() -> None:
    driver = await two_tickets()
    entry = entry_of(as_fetched(driver.log.records[0]))
    assert entry is not None
    at = entry.at.astimezone()
    assert entry.line() == f"{at:%H:%M:%S}.000  T-T-1001 tickets      {entry.summary}"
    assert entry.line(with_ticket=False) == f"{at:%H:%M:%S}.000  tickets      {entry.summary}"


def test_finds_a_ticket_by_its_id_or_by_its_short_form() -> None:
    whole = "T-01a20a73-5583-7b98-8534-58e336e30ccf"
    assert short(whole) == "T-e30ccf"
    assert is_ticket(whole, whole)
    assert is_ticket(whole, "T-e30ccf")
    assert not is_ticket(whole, "T-e30cc")
