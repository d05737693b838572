"""Brings what only the live tests use into the cache folder, once, with the build tools of the machine."""

import hashlib
import subprocess
import sys
from pathlib import Path

from connectors.errors import Misconfigured
from infra.bench.fetch import CACHE, arriving, maven_jars, need

TOOLS_POM = Path(__file__).parent / "kafka" / "tools" / "pom.xml"
GO_ASKER = Path(__file__).parent / "clickhouse" / "go"


def kafka_tools() -> Path:
    """Return the folder with the jars of Kafka's command line tools, which have a version of their own.

    Raises:
        Missing: no Java, or one too old, or no Maven.
        Misconfigured: the download failed.
    """
    return maven_jars(TOOLS_POM, "kafka-tools")


def clickhouse_go() -> Path:
    """Return the program that asks ClickHouse through ``clickhouse-go``, built once from the sources beside this file.

    Raises:
        Missing: it is not there, and no Go to build it.
        Misconfigured: the download or the build failed.
    """
    sources = sorted(GO_ASKER.glob("*.*"))
    known = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:8]
    home = CACHE / f"clickhouse-go-{known}"
    if not home.exists():
        need("go", "Go")
        with arriving(home) as folder:
            try:
                subprocess.run(["go", "build", "-o", folder / "ask", "."], cwd=GO_ASKER, check=True, stdout=sys.stderr)
            except subprocess.CalledProcessError as error:
                raise Misconfigured(
                    f"Go could not build {GO_ASKER.name} (exit status {error.returncode}); what it said stands above"
                ) from error
    return home / "ask"
