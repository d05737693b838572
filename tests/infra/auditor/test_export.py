"""Exports hold every record that was asked for, and their manifest says when they were touched."""

import base64
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from connectors.bus.cluster import Cluster
from connectors.bus.publisher import KafkaPublisher
from connectors.bus.records import Fetched, Outgoing
from connectors.errors import Permanent
from infra.auditor.export import (
    Exported,
    Selection,
    appearing,
    check_export,
    export_lines,
    line_of,
    manifest_file,
    write_manifest,
)
from infra.auditor.keys import PublicKeys
from infra.auditor.parquet import to_parquet
from schemas.core.envelope import Envelope
from tests.infra.auditor.sealed import KEY, OTHER_KEY, PUBLIC
from tests.infra.tickets import OTHER, TICKET, two_tickets
from topics.registry import AUDITED, topic_named
from topics.tickets import TICKET_EVENTS

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NO_EVENT = Outgoing("dlq.tickets.v1", b"\xff", b"\x00raw", [("dlq_reason", b"schema_invalid")])


async def lines(cluster: Cluster, **selection: object) -> tuple[list[dict[str, object]], Exported]:
    file = io.BytesIO()
    chosen = Selection(**({"topics": AUDITED} | selection))  # type: ignore[arg-type]  # typed for more than is given here
    done = await export_lines(cluster, chosen, file, lambda _: None)
    return [json.loads(line) for line in file.getvalue().splitlines()], done


@pytest.fixture
async def filled(shop_log: Cluster, publisher: KafkaPublisher) -> Cluster:
    await publisher.publish([*(await two_tickets()).log.records, NO_EVENT])
    return shop_log


async def test_holds_every_record_as_a_cloud_event_with_its_place(filled: Cluster) -> None:
    found, done = await lines(filled)
    assert done.records == {TICKET_EVENTS.name: 3, "dlq.tickets.v1": 1}
    events = [one for one in found if one["kafkatopic"] == TICKET_EVENTS.name]
    assert {one["type"] for one in events} == {"noizylab.ticket.opened.v1", "noizylab.ticket.moved.v1"}
    for one in events:
        assert one["specversion"] == "1.0"
        assert one["subject"] in (TICKET, OTHER)
        assert isinstance(one["data"], dict)
        assert {"kafkapartition", "kafkaoffset", "kafkatimestamp"} <= set(one)


async def test_leaves_raw_and_counts_what_is_no_event(filled: Cluster) -> None:
    found, done = await lines(filled, topics=[topic_named("dlq.tickets.v1")])
    assert done.raw == 1
    [one] = found
    assert base64.b64decode(str(one["data_base64"])) == NO_EVENT.value
    assert base64.b64decode(str(one["kafkakey"])) == NO_EVENT.key
    headers = [(name, base64.b64decode(value)) for name, value in json.loads(str(one["kafkaheaders"]))]
    assert headers == NO_EVENT.headers


async def test_takes_the_whole_history_of_one_aggregate_in_the_order_of_time(filled: Cluster) -> None:
    found, _ = await lines(filled, aggregate=TICKET)
    assert [one["type"] for one in found] == ["noizylab.ticket.opened.v1", "noizylab.ticket.moved.v1"]
    assert {one["correlationid"] for one in found} == {TICKET}


async def test_reads_only_the_time_asked_for(filled: Cluster) -> None:
    now = datetime.now(UTC)
    assert len((await lines(filled, since=now - timedelta(hours=1)))[0]) == 4
    assert (await lines(filled, since=now + timedelta(hours=1)))[0] == []
    assert (await lines(filled, until=now - timedelta(hours=1)))[0] == []


@pytest.mark.parametrize("value", [None, b"", b"{\n}", b"no json", b'{"a": 1}', b"[1,2]"])
def test_a_value_comes_back_byte_for_byte(value: bytes | None) -> None:
    envelope = Envelope(
        id=UUID(int=1), source="/x", type="noizylab.a.b.v1", subject="s", time=NOW,
        recorded_time=NOW, correlation_id="c", traceparent="00-1", auth_type="key", auth_id="7",
    )  # fmt: skip
    line, raw = line_of(Fetched("t", 1, 2, 3, None, value, envelope.to_headers()))
    assert b"\n" not in line
    found = json.loads(line)
    if value is not None and not raw:
        assert b'"data":' + value + b"}" in line
    else:
        assert found["data_base64"] == (None if value is None else base64.b64encode(value).decode())
    assert (found["authid"], found["traceparent"], found["kafkakey"]) == ("7", "00-1", None)


def _signed(path: Path) -> Path:
    path.write_bytes(b'{"a":1}\n{"a":2}\n')
    done = Exported()
    done.records["tickets.events.v1"] = 2
    return write_manifest(path, Selection([TICKET_EVENTS]), done, [], KEY, NOW)


def test_a_signed_export_is_as_it_was_made(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    assert _signed(path) == manifest_file(path)
    assert check_export(path, PUBLIC) == []


def test_says_when_the_file_was_touched(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    _signed(path)
    path.write_bytes(b'{"a":1}\n')
    file, count = check_export(path, PUBLIC)
    assert "has 8 bytes" in file
    assert "has 1 records" in count


def test_says_when_the_manifest_was_touched_or_signed_by_another(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    manifest = _signed(path)
    assert "not among" in check_export(path, PublicKeys([OTHER_KEY.public_pem]))[0]
    manifest.write_text(manifest.read_text().replace('"raw": 0', '"raw": 1'))
    assert "does not hold" in check_export(path, PUBLIC)[0]


def test_says_that_there_is_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="`audit export --sign` makes both"):
        check_export(tmp_path / "nothing.jsonl", PUBLIC)


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with pytest.raises(TypeError), appearing(path) as partial:
        partial.write_bytes("no bytes")  # type: ignore[arg-type]  # typed for more than is given here
    assert list(tmp_path.iterdir()) == []
    with appearing(path) as partial:
        partial.write_bytes(b"whole")
    assert path.read_bytes() == b"whole"
    with pytest.raises(Permanent, match="name a new file"), appearing(path):
        raise AssertionError("not reached")


def test_a_parquet_table_holds_the_same_records_with_types(tmp_path: Path) -> None:
    source, target = tmp_path / "it's lines.jsonl", tmp_path / "out.parquet"
    records = [Fetched("tickets.events.v1", 0, n, 1_772_442_000_123, b"k", b'{"n":%d}' % n, []) for n in range(3)]
    source.write_bytes(b"".join(line_of(one)[0] + b"\n" for one in records))
    to_parquet(source, target)
    data = target.read_bytes()
    assert data[:4] == data[-4:] == b"PAR1"
    with pytest.raises(Permanent, match="cannot be written"):
        to_parquet(tmp_path / "missing.jsonl", tmp_path / "other.parquet")
