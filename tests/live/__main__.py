"""``make test-live``: bring real servers, start them, run the tests marked ``live`` against them, stop them.

``python -m tests.live --minio`` brings MinIO as well, whose first build takes some ten minutes.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from infra.bench.fetch import Missing, kafka_jars
from infra.bench.kafka_nodes import kafka_cluster
from infra.bench.s3_server import ACCESS_KEY, SECRET_KEY, s3_server, versitygw
from tests.live.fetch import clickhouse_go, kafka_tools
from tests.live.minio import minio, minio_server

ROOT = Path(__file__).parents[2]
MINIO = "--minio"
PLACES = ["tests/connectors", "tests/contract", "tests/live"]
"""Where tests of real servers are; arguments of the program take its place."""


def main() -> int:
    """Return the exit status of the tests; 0 when the machine has the tools for no server at all."""
    signal.signal(signal.SIGTERM, _leave)
    # A shell ignores interrupts on behalf of what it runs in the background, and the tests would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NOIZYLAB_")}
    with ExitStack() as running:
        home = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="noizylab-live-")))
        servers = _kafka(running, home) | _kafka_tools() | _s3(running, home) | _clickhouse_go()
        if MINIO in sys.argv:
            servers |= _minio(running, home)
        if not servers:
            return 0
        _say("the tests")
        return _pytest(environment | servers)


def _pytest(environment: dict[str, str]) -> int:
    # One process: the tests share a broker, and leave the cores to the servers.
    command = [sys.executable, "-m", "pytest", "-n", "0", "-m", "live", "-rs", "--durations=5"]
    command += [word for word in sys.argv[1:] if word != MINIO] or PLACES
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        return process.wait()
    except KeyboardInterrupt:
        return process.wait()  # the terminal has told it too
    except SystemExit:
        # An interrupt lets the tests stop what they started; a termination would not.
        process.send_signal(signal.SIGINT)
        process.wait()
        raise


def _kafka(running: ExitStack, home: Path) -> dict[str, str]:
    try:
        jars = kafka_jars()
    except Missing as missing:
        _say(f"no tests on Apache Kafka: {missing}")
        return {}
    _say("Apache Kafka")
    cluster = running.enter_context(kafka_cluster(jars, home))
    return {"NOIZYLAB_TEST_KAFKA": cluster.bootstrap, "NOIZYLAB_TEST_KAFKA_JARS": str(jars)}


def _kafka_tools() -> dict[str, str]:
    try:
        return {"NOIZYLAB_TEST_KAFKA_TOOLS": str(kafka_tools())}
    except Missing as missing:
        _say(f"no tests of Kafka's own tools: {missing}")
        return {}


def _clickhouse_go() -> dict[str, str]:
    try:
        return {"NOIZYLAB_TEST_CLICKHOUSE_GO": str(clickhouse_go())}
    except Missing as missing:
        _say(f"no tests of Grafana's driver: {missing}")
        return {}


def _s3(running: ExitStack, home: Path) -> dict[str, str]:
    try:
        program = versitygw()
    except Missing as missing:
        _say(f"no tests on an S3 server: {missing}")
        return {}
    _say("an S3 server")
    address = running.enter_context(s3_server(program, home))
    return {"NOIZYLAB_TEST_S3": f"{address},{ACCESS_KEY},{SECRET_KEY}"}


def _minio(running: ExitStack, home: Path) -> dict[str, str]:
    _say("MinIO")
    address = running.enter_context(minio_server(minio(), home))
    return {"NOIZYLAB_TEST_MINIO": f"{address},{ACCESS_KEY},{SECRET_KEY}"}


def _say(what: str) -> None:
    print(f"live {time.monotonic() - _STARTED:4.0f} s: {what}", flush=True)  # noqa: T201 - the verb's own output


def _leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


_STARTED = time.monotonic()

if __name__ == "__main__":
    sys.exit(main())
