from base64 import b64decode
from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.analytics import rows
from processors.analytics.rows import EARLIEST, LATEST, Record, Refusal, Row, event_row, row_of
from schemas.core.envelope import RARE
from tests.support.facts import fact
from tests.support.lines import read_line

AT = datetime(2026, 3, 31, 23, 59, 59, 999_999, tzinfo=UTC)
RECORD = fact("ticket.opened", AT, offset=7)
COLUMN_OF = {"ce_source": "source", "ce_subject": "subject", "ce_correlationid": "correlation_id"}


def _with_header(name: str, value: bytes | None) -> Record:
    headers = [(key, content) for key, content in RECORD.headers if key != name]
    if value is not None:
        headers.append((name, value))
    return Record(RECORD.topic, RECORD.partition, RECORD.offset, headers, RECORD.value)


def test_row_carries_envelope_position_and_raw_value() -> None:
    row = event_row(RECORD)
    assert isinstance(row, Row)
    assert row.month == 202603
    line = read_line(row)
    assert line.pop("event_id")
    assert line == {
        "event_type": "noizylab.ticket.opened.v1",
        "source": "/test",
        "subject": "T-0001",
        "correlation_id": "T-0001",
        "causation_id": None,
        "event_ts": "2026-03-31T23:59:59.999999Z",
        "recorded_ts": "2026-03-31T23:59:59.999999Z",
        "k_topic": "tickets.events.v1",
        "k_partition": "0",
        "k_offset": "7",
        "payload": '{"ticket_id":"T-0001"}',
    }


def test_month_is_that_of_utc_when_the_header_has_another_zone() -> None:
    row = event_row(_with_header("ce_time", b"2026-04-01T00:30:00+02:00"))
    assert isinstance(row, Row)
    assert row.month == 202603
    assert read_line(row)["event_ts"] == "2026-03-31T22:30:00.000000Z"


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_any_text_survives_in_one_line(text: str) -> None:
    row = event_row(Record(RECORD.topic, 0, 1, RECORD.headers, text.encode()))
    assert isinstance(row, Row)
    assert b"\n" not in row.line
    assert b"\r" not in row.line
    assert read_line(row)["payload"] == text


@given(
    st.sampled_from(["ce_source", "ce_subject", "ce_correlationid"]), st.text(st.characters(codec="utf-8"), min_size=1)
)
def test_any_text_survives_in_an_attribute(name: str, text: str) -> None:
    row = event_row(_with_header(name, text.encode()))
    assert isinstance(row, Row)
    assert row.line.count(b"\n") == 0
    assert read_line(row)[COLUMN_OF[name]] == text


@given(st.sampled_from([name for name, _ in RECORD.headers] + sorted(RARE)), st.binary(max_size=40))
def test_plain_reading_never_takes_what_the_careful_one_refuses(name: str, value: bytes) -> None:
    record = _with_header(name, value)
    plain = event_row(record)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "_plain_attributes", lambda _: None)
        careful = event_row(record)
    assert type(plain) is type(careful)
    if isinstance(plain, Row) and isinstance(careful, Row):
        assert (plain.month, read_line(plain)) == (careful.month, read_line(careful))


@pytest.mark.parametrize(
    "time",
    ["2026-02-28T23:59:59Z", "2028-02-29T00:00:00.5Z", "2099-12-31T23:59:59.999999Z", "2020-01-01T00:00:00.000000Z",
     "2026-02-30T00:00:00Z", "2026-04-31T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z",
     "2026-01-01T00:60:00Z", "2019-12-31T23:59:59Z", "2100-01-01T00:00:00Z", "2026-01-01T00:00:00.1234567Z"],
)  # fmt: skip
def test_plain_reading_of_a_time_is_that_of_the_calendar(time: str) -> None:
    record = _with_header("ce_time", time.encode())
    plain = event_row(record)
    try:
        at = datetime.fromisoformat(time)
    except ValueError:
        assert isinstance(plain, Refusal)
        assert plain.reason == "bad_envelope"
        return
    assert isinstance(plain, Row) == (EARLIEST <= at < LATEST)
    if isinstance(plain, Row):
        assert datetime.fromisoformat(read_line(plain)["event_ts"] or "") == at


@given(st.datetimes(EARLIEST.replace(tzinfo=None), LATEST.replace(tzinfo=None) - timedelta(days=1)),
       st.integers(-14 * 60, 14 * 60))  # fmt: skip
def test_month_and_time_agree_at_any_moment_in_any_zone(local: datetime, offset_minutes: int) -> None:
    at = local.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))
    row = event_row(_with_header("ce_time", at.isoformat().encode()))
    if isinstance(row, Refusal):
        assert at < EARLIEST
        return
    said = datetime.fromisoformat(read_line(row)["event_ts"] or "")
    assert said == at.astimezone(UTC)
    assert row.month == said.year * 100 + said.month


@pytest.mark.parametrize(
    ("record", "reason", "detail"),
    [
        (_with_header("ce_id", None), "bad_envelope", "ce_id is missing"),
        (_with_header("ce_id", b"17"), "bad_envelope", "ce_id is not a UUID"),
        (_with_header("ce_type", b"\xff"), "bad_envelope", "ce_type is not UTF-8"),
        (_with_header("ce_time", b"2026-03-31T10:00:00"), "bad_envelope", "no time zone"),
        (_with_header("ce_correlationid", b""), "bad_envelope", "ce_correlationid is missing"),
        (_with_header("ce_time", b"1970-01-01T00:00:00Z"), "implausible_time", "check that machine's clock"),
        (_with_header("ce_recordedtime", b"2100-01-01T00:00:00Z"), "implausible_time", "ce_recordedtime"),
        (Record("t", 0, 7, RECORD.headers, b""), "no_data", "the value is empty"),
        (Record("t", 0, 7, RECORD.headers, b'{"a":"\xff"}'), "not_utf8", "at byte 6"),
    ],
)
def test_record_is_refused_with_its_reason_and_kept_whole(record: Record, reason: str, detail: str) -> None:
    refusal = event_row(record)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == reason
    assert detail in refusal.detail
    line = orjson.loads(refusal.line)
    assert (line["k_topic"], line["k_partition"], line["k_offset"]) == (record.topic, record.partition, 7)
    assert b64decode(line["value_base64"]) == record.value
    assert [(name, b64decode(value)) for name, value in orjson.loads(line["headers"])] == list(record.headers)


def test_view_of_a_ticket_becomes_a_snapshot_and_its_tombstone_nothing() -> None:
    view = Record("tickets.views.v1", 3, 9, RECORD.headers, b'{"version":2,"causes":[],"state":{}}')
    row = row_of(view)
    assert isinstance(row, Row)
    assert (row.table, row.month) == ("ticket_snapshots", 0)
    assert read_line(row) == {"snapshot": view.value.decode(), "k_partition": "3", "k_offset": "9"}
    assert row_of(Record("tickets.views.v1", 3, 10, RECORD.headers, b"")) is None
    broken = row_of(Record("tickets.views.v1", 3, 11, RECORD.headers, b"\xff"))
    assert isinstance(broken, Refusal)
    assert broken.reason == "not_utf8"


@given(st.lists(st.tuples(st.text(st.characters(codec="utf-8")), st.binary())), st.binary())
def test_no_record_at_all_breaks_it(headers: list[tuple[str, bytes]], value: bytes) -> None:
    assert b"\n" not in event_row(Record("t", 0, 0, headers, value)).line
