"""Packs become the same lines as their records one by one, whatever the records are."""

from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.bus.packs import Pack
from processors.analytics import strips
from processors.analytics.rows import Record
from processors.analytics.strips import Stretch, as_record, records_of, stretch_of
from schemas.core.envelope import RARE, Envelope, caused_headers
from tests.support.facts import fact

AT = datetime(2026, 3, 31, 23, 59, 59, 999_999, tzinfo=UTC)
NEXT = datetime(2026, 4, 1, tzinfo=UTC)
TOPIC = "tickets.events.v1"
HEADERS = fact("ticket.moved", AT, 0).headers
CAUSED = caused_headers(
    "/test", "noizylab.ticket.moved.v1", HEADERS[1][1].decode(), b"T-1", b"2026-03-31T23:59:59.000000Z",
    Envelope.from_headers(HEADERS), "00-" + "a" * 32 + "-" + "b" * 16 + "-01",
)  # fmt: skip


def pack_of(*records: tuple[Any, Any], topic: str = TOPIC, first: int = 40) -> Pack:
    """Return a pack of headers and values, behind other bytes, as a producer of the client writes it."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 24)
    for offset, (headers, value) in enumerate(records):
        assert builder.append(offset, 1_700_000_000_000, b"key", value, list(headers)) is not None
    batch = bytearray(builder.build())
    batch[:8] = first.to_bytes(8, "big")
    return Pack(topic, 3, b"before" + bytes(batch) + b"behind", len(b"before"))


def same(pack: Pack) -> Stretch:
    """Return what the pack becomes, once that is what its records become."""
    made, careful = stretch_of([pack]), stretch_of(records_of([pack]))
    said = [
        [(one.table, one.month, *line) for one in each.strips for line in zip(one.offsets, one.lines, strict=True)]
        for each in (made, careful)
    ]
    assert said[0] == said[1]
    assert [one.line for one in made.refused] == [one.line for one in careful.refused]
    return made


@pytest.fixture
def careful(monkeypatch: pytest.MonkeyPatch) -> list[Record]:
    """The records that went the careful way."""
    seen: list[Record] = []
    row_of = strips.row_of

    def counted(record: Record) -> Any:
        seen.append(record)
        return row_of(record)

    monkeypatch.setattr(strips, "row_of", counted)
    return seen


def test_what_our_publishers_write_needs_no_care(careful: list[Record]) -> None:
    long = fact("ticket.moved", AT, 1, ticket="T-" + "x" * 300)
    bodies = (b"{}", b'{"note":"\\n \xc3\xa9"}', b'{"big":"' + b"x" * 70_000 + b'"}', b"[\t\r\n]")
    made = stretch_of([pack_of(*((headers, body) for headers in (HEADERS, CAUSED, long.headers) for body in bodies))])
    assert (careful, made.rows, made.refused) == ([], 12, [])


def test_every_other_record_goes_the_careful_way_and_the_order_stays() -> None:
    other = fact("ticket.moved", NEXT, 1).headers
    offset_zone = [(name, b"2026-04-01T01:00:00+02:00" if name == "ce_time" else value) for name, value in HEADERS]
    made = same(
        pack_of((HEADERS, b"{}"), ([], b"{}"), (offset_zone, b"{}"), (other, b"{}"), (HEADERS, None),
                (HEADERS, b"\xff"), (CAUSED, b"{}"))
    )  # fmt: skip
    assert [(one.month, one.offsets) for one in made.strips] == [(202603, [40, 42]), (202604, [43]), (202603, [46])]
    assert [(one.record.offset, one.reason) for one in made.refused] == [
        (41, "bad_envelope"), (44, "no_data"), (45, "not_utf8")
    ]  # fmt: skip


def test_people_s_words_stay_out_of_packs_too() -> None:
    pack = pack_of((fact("ticket.opened", AT, 0).headers, b'{"ticket_id":"T-1","complaint":"secret"}'))
    [strip] = same(pack).strips
    assert strip.lines[0].endswith(b'\t40\t{"ticket_id":"T-1"}')


def test_a_line_finds_its_record() -> None:
    pack = pack_of((HEADERS, b'{"n":1}'), (HEADERS, b'{"n":2}'))
    [strip] = stretch_of([pack]).strips
    assert strip.record(41) == as_record(pack.records()[1])
    assert strip.record(41).value == b'{"n":2}'


def test_views_of_tickets_become_snapshots_and_tombstones_nothing() -> None:
    view = '{"version":2,"state":{"name":"Zoë"}}'.encode()
    made = same(pack_of(([], b'{"version":1}'), ([], None), ([], view), ([], b"\xff"), topic="tickets.views.v1"))
    assert [(one.table, one.month, one.offsets) for one in made.strips] == [("ticket_snapshots", 0, [40, 42])]
    assert [one.reason for one in made.refused] == ["not_utf8"]


@given(
    st.lists(
        st.tuples(st.sampled_from([name for name, _ in CAUSED] + sorted(RARE)), st.none() | st.binary(max_size=90))
        | st.tuples(st.sampled_from(["ce_source", "ce_subject", "ce_dataschema", "ce_correlationid"]),
                    st.text(st.characters(min_codepoint=1, max_codepoint=0x7F)).map(str.encode)),
        max_size=3,
    ),
    st.booleans(),
    st.binary(max_size=40),
)  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_a_pack_of_any_headers_becomes_what_its_records_become(
    changes: list[tuple[str, bytes | None]], twice: bool, value: bytes
) -> None:
    headers = dict(CAUSED)
    for name, content in changes:
        if content is None:
            headers.pop(name, None)
        else:
            headers[name] = content
    listed = [*headers.items(), *(list(headers.items())[-1:] if twice else [])]
    same(pack_of((listed, value), (CAUSED, b"{}")))


@given(st.text(st.sampled_from("\x04\x0e\x12\x14ce_typesubject 0aA/"), min_size=1, max_size=70))
def test_a_text_that_looks_like_headers_is_no_header(text: str) -> None:
    for name in ("ce_source", "ce_type", "ce_subject", "ce_dataschema", "ce_correlationid"):
        same(pack_of(([(one, text.encode() if one == name else value) for one, value in CAUSED], b"{}")))
