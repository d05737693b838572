"""A real MinIO for the contract suite of the object store: its build takes minutes, so it comes only when asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.bench.nodes import Node
from infra.bench.s3_server import ACCESS_KEY, SECRET_KEY, go_program, speaks_http
from infra.supervise import free_ports

VERSION = "v0.0.0-20260212201848-7aac2a2c5b7c"
"""The newest commit that the sources were published at; MinIO names its releases in another way."""


def minio() -> Path:
    """Return the program, building it from its sources the first time (some ten minutes).

    Raises:
        Missing: it is not there, and no Go to build it.
        Misconfigured: the download or the build failed.
    """
    return go_program("minio", "github.com/minio/minio", VERSION)


@contextmanager
def minio_server(program: Path, home: Path) -> Iterator[str]:
    """Run a server with its data in ``home``; yields its address as ``host:port``.

    Raises:
        Transient: it does not come up; the message holds its last words.
    """
    port, console = free_ports(2)
    data = home / "minio"
    data.mkdir(parents=True)
    words = ["server", "--quiet", "--address", f"127.0.0.1:{port}", "--console-address", f"127.0.0.1:{console}"]
    # MINIO_CI_CD: the folder lies on the disk of the system, which it refuses otherwise.
    own = {"MINIO_ROOT_USER": ACCESS_KEY, "MINIO_ROOT_PASSWORD": SECRET_KEY, "MINIO_CI_CD": "1", "MINIO_UPDATE": "off"}
    node = Node("minio", home, [str(program), *words, str(data)], own)
    node.start()
    try:
        node.await_ready("MinIO", lambda: speaks_http(port, "/minio/health/ready"))
        yield f"127.0.0.1:{port}"
    finally:
        node.stop()
