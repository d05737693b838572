"""What the embedded broker tells of itself."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from infra.broker import Broker
from infra.broker.counts import error_codes
from infra.broker.metrics import METRICS, BrokerCollector, ailments
from infra.http_probe import http_probe
from infra.supervise import free_ports
from tests.infra.broker.support import WireClient, create_topic, fetch_values, make_batch, produce_values

PRODUCE, FETCH, HEARTBEAT = 0, 1, 12
Samples = dict[tuple[str, ...], float]


def get(port: int | None, path: str) -> tuple[int, str]:
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture
async def port(broker: Broker) -> AsyncIterator[int | None]:
    with http_probe(BrokerCollector(broker, 1.0), lambda: ailments(broker), 0, "") as port:
        yield port


@pytest.fixture
def scrape(port: int | None) -> Callable[[], Samples]:
    """Read all samples, by name and the values of their labels."""

    def read() -> Samples:
        status, text = get(port, "/metrics")
        assert status == 200
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    return read


async def test_requests_errors_bytes_and_commits_are_counted(client: WireClient, scrape: Callable[[], Samples]) -> None:
    await create_topic(client, "t")
    before = await asyncio.to_thread(scrape)
    batch = make_batch(b"x" * 1000, b"y")
    await client.call(PRODUCE, 8, **produce_values("t", 0, batch))
    await client.call(PRODUCE, 8, **produce_values("none", 0, batch))
    await client.call(FETCH, 11, **fetch_values("t", 0))
    await client.call(FETCH, 11, **fetch_values("t", 99))
    await client.call(HEARTBEAT, 0, group_id="g", generation_id=1, member_id="m")
    found = await asyncio.to_thread(scrape)

    assert found["noizylab_broker_requests_total", "Produce"] == 2
    assert found["noizylab_broker_requests_total", "Fetch"] == 2
    assert {name[1:]: value for name, value in found.items() if name[0] == "noizylab_broker_errors_total"} == {
        ("Produce", "UNKNOWN_TOPIC_OR_PARTITION"): 1,
        ("Fetch", "OFFSET_OUT_OF_RANGE"): 1,
        ("Heartbeat", "UNKNOWN_MEMBER_ID"): 1,
    }
    grown = {name[0]: found[name] - before[name] for name in before}
    assert grown["noizylab_broker_bytes_in_total"] > 2 * len(batch)
    assert grown["noizylab_broker_bytes_out_total"] > len(batch)
    assert grown["noizylab_broker_commit_seconds_count"] >= 1
    assert grown["noizylab_broker_committed_writes_total"] >= 2
    assert found["noizylab_broker_connections",] == 1
    assert found["noizylab_broker_log_file_bytes",] + found["noizylab_broker_wal_file_bytes",] > 1000
    assert found["noizylab_broker_log_end_offset", "0", "t"] == 2


async def test_every_metric_of_the_table_is_there(port: int | None) -> None:
    _, text = await asyncio.to_thread(get, port, "/metrics")
    assert {family.name for family in text_string_to_metric_families(text)} == {metric.name for metric in METRICS}


async def test_a_connection_that_the_broker_ends_is_counted_with_the_reason(
    client: WireClient, scrape: Callable[[], Samples]
) -> None:
    client.writer.write(b"GET / HTTP/1.1\r\n\r\n")
    assert await client.closed_by_broker()
    found = await asyncio.to_thread(scrape)
    assert found["noizylab_broker_connections_closed_total", "malformed"] == 1
    assert found["noizylab_broker_connections",] == 0


async def test_keys_that_clients_make_up_share_one_label(client: WireClient, scrape: Callable[[], Samples]) -> None:
    for key in (900, 901):
        client.send_raw(key.to_bytes(2, "big") + b"\0\0" + b"\0\0\0\1" + b"\xff\xff")
        await client.receive_raw()
    found = await asyncio.to_thread(scrape)
    assert found["noizylab_broker_requests_total", "unknown"] == 2
    assert found["noizylab_broker_errors_total", "unknown", "UNSUPPORTED_VERSION"] == 2


async def test_is_well_until_it_takes_no_writes_or_its_event_loop_is_blocked(
    broker: Broker, port: int | None, scrape: Callable[[], Samples]
) -> None:
    assert await asyncio.to_thread(get, port, "/healthz") == (200, '{"status": "ok", "reasons": []}')
    broker.context.store._floor_bytes = 2**62  # no disk has so much room
    assert broker.context.store.refusal() is None or broker.context.store.refuses
    broker.context.store._check_room_at = 0.0
    assert broker.context.store.refusal() is not None
    broker.beat_s -= 100
    status, health = await asyncio.to_thread(get, port, "/healthz")
    assert status == 503
    assert "the disk is full" in health
    assert "blocked for" in health
    assert (await asyncio.to_thread(scrape))["noizylab_broker_refuses_writes",] == 1


def test_error_codes_are_found_on_every_level() -> None:
    parts = [{"partition_index": 0, "error_code": 3}, {"partition_index": 1, "error_code": 0}]
    assert error_codes({"error_code": 7, "topics": [{"name": "t", "partitions": parts}], "ids": [1, 2]}) == [7, 3, 0]


async def test_a_broker_process_answers_on_the_port_it_was_given(tmp_path: Path) -> None:
    [port] = free_ports(1)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "infra.broker", "--path", str(tmp_path / "bus.db"), "--port", "0",
        "--metrics-port", str(port), "--lifeline", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    await asyncio.wait_for(process.stdout.readline(), 20)
    async with asyncio.timeout(10):
        while True:
            try:
                status, text = await asyncio.to_thread(get, port, "/metrics")
                break
            except OSError:
                await asyncio.sleep(0.05)  # it listens for clients first
    assert (status, "noizylab_broker_start_time_seconds" in text) == (200, True)
    process.stdin.close()
    assert await asyncio.wait_for(process.wait(), 10) == 0
