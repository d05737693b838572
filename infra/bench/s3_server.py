"""A real S3 server for benchmarks and live tests: the Versity S3 Gateway over a folder, built once with Go."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from connectors.errors import Misconfigured
from infra.bench.fetch import CACHE, arriving, need
from infra.bench.nodes import Node
from infra.supervise import free_ports

VERSION = "v1.8.0"
ACCESS_KEY, SECRET_KEY = "live-tests", "live-tests-secret"


def versitygw() -> Path:
    """Return the program, building it from its sources the first time (some minutes).

    Raises:
        Missing: it is not there, and no Go to build it.
        Misconfigured: the download or the build failed.
    """
    return go_program("versitygw", "github.com/versity/versitygw/cmd/versitygw", VERSION)


def go_program(name: str, package: str, version: str) -> Path:
    """Return a program of Go, building it from its sources the first time.

    Raises:
        Missing: it is not there, and no Go to build it.
        Misconfigured: the download or the build failed.
    """
    home = CACHE / f"{name}-{version}"
    if not home.exists():
        need("go", "Go")
        wanted = f"{package}@{version}"
        with arriving(home) as folder:
            try:
                subprocess.run(["env", f"GOBIN={folder}", "go", "install", wanted], check=True, stdout=sys.stderr)  # noqa: S603, S607 - fixed words
            except subprocess.CalledProcessError as error:
                raise Misconfigured(
                    f"Go could not build {wanted} (exit status {error.returncode}); what it said stands above"
                ) from error
    return home / name


@contextmanager
def s3_server(program: Path, home: Path) -> Iterator[str]:
    """Run a server with its data in ``home``; yields its address as ``host:port``.

    Raises:
        Transient: it does not come up; the message holds its last words.
    """
    [port] = free_ports(1)
    data, attributes = home / "objects", home / "attributes"
    for folder in (data, attributes):
        folder.mkdir(parents=True)
    # The sidecar folder spares the file system extended attributes, which not every temporary folder has.
    command = [str(program), "--port", f"127.0.0.1:{port}", "--quiet", "posix", "--sidecar", str(attributes), str(data)]
    node = Node("s3", home, command, {"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY})
    node.start()
    try:
        node.await_ready("S3 server", lambda: speaks_http(port))
        yield f"127.0.0.1:{port}"
    finally:
        node.stop()


def speaks_http(port: int, path: str = "/") -> bool:
    """Whether something on a port of this machine answers HTTP requests, and not with an error of its own."""
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 500
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
