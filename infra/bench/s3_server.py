"""A real S3 server for benchmarks and live tests: the Versity S3 Gateway over a folder, built once with Go.

::

    Exception
    └── Missing   a tool that the machine does not have; names it
"""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from infra.supervise import free_ports

CACHE = Path(__file__).parents[2] / ".live-cache"
VERSION = "v1.8.0"
ACCESS_KEY, SECRET_KEY = "live-tests", "live-tests-secret"
_READY_WITHIN_S = 60.0
_STOP_WITHIN_S = 15.0


class Missing(Exception):
    """A tool that the machine does not have. The message names it."""


def versitygw() -> Path:
    """Return the program, building it from its sources the first time (some minutes).

    Raises:
        Missing: it is not there, and no Go to build it.
        subprocess.CalledProcessError: the download or the build failed.
    """
    home = CACHE / f"versitygw-{VERSION}"
    if not home.exists():
        if shutil.which("go") is None:
            raise Missing("Go is not installed (go is not on the PATH)")
        CACHE.mkdir(exist_ok=True)
        # The folder takes its name only when it is complete: a build that was cut off is not taken for a whole one.
        folder = Path(tempfile.mkdtemp(prefix="arriving-", dir=CACHE))
        try:
            package = f"github.com/versity/versitygw/cmd/versitygw@{VERSION}"
            subprocess.run(["env", f"GOBIN={folder}", "go", "install", package], check=True)  # noqa: S603, S607 - fixed
            folder.rename(home)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return home / "versitygw"


@contextmanager
def s3_server(program: Path, home: Path) -> Iterator[str]:
    """Run a server with its data in ``home``; yields its address as ``host:port``.

    Raises:
        RuntimeError: it does not come up; the message holds its last words.
    """
    [port] = free_ports(1)
    data, attributes = home / "objects", home / "attributes"
    for folder in (data, attributes):
        folder.mkdir(parents=True)
    # The sidecar folder spares the file system extended attributes, which not every temporary folder has.
    command = [str(program), "--access", ACCESS_KEY, "--secret", SECRET_KEY, "--port", f"127.0.0.1:{port}", "--quiet"]
    command += ["posix", "--sidecar", str(attributes), str(data)]
    said = home / "s3.log"
    with said.open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)  # noqa: S603 - as above
    try:
        _await_ready(process, port, said)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_ready(process: "subprocess.Popen[bytes]", port: int, said: Path) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    while not _speaks_http(port):
        if process.poll() is not None or time.monotonic() > deadline:
            words = said.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"the S3 server did not come up on port {port}; it said: {words or 'nothing'}")
        time.sleep(0.05)


def _speaks_http(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/")
        return bool(connection.getresponse().status)
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
