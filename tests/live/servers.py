"""Real servers as processes of a test: Apache Kafka nodes and an S3 server, each stopped by its own process id."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from infra.bench.kafka_nodes import KafkaCluster, forget, kafka_cluster, known_topics
from infra.bench.nodes import Node
from infra.supervise import free_ports

__all__ = ["S3_KEY", "S3_SECRET", "KafkaCluster", "forget", "kafka_cluster", "known_topics", "s3_server"]
S3_KEY, S3_SECRET = "live-tests", "live-tests-secret"


@contextmanager
def s3_server(program: Path, home: Path) -> Iterator[str]:
    """Run an S3 server with its data in ``home``; yields its address as ``host:port``."""
    [port] = free_ports(1)
    data, attributes = home / "objects", home / "attributes"
    for folder in (data, attributes):
        folder.mkdir(parents=True)
    # The sidecar folder spares the file system extended attributes, which not every temporary folder has.
    command = [str(program), "--port", f"127.0.0.1:{port}", "--quiet", "posix", "--sidecar", str(attributes), str(data)]
    node = Node("s3", home, command, {"ROOT_ACCESS_KEY": S3_KEY, "ROOT_SECRET_KEY": S3_SECRET})
    node.start()
    try:
        node.await_ready("S3 server", lambda: _speaks_http(port))
        yield f"127.0.0.1:{port}"
    finally:
        node.stop()


def _speaks_http(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/")
        return bool(connection.getresponse().status)
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
