"""Brings what only the live tests use into the cache folder, once, with the build tools of the machine."""

from pathlib import Path

from infra.bench.fetch import maven_jars

TOOLS_POM = Path(__file__).parent / "kafka" / "tools" / "pom.xml"


def kafka_tools() -> Path:
    """Return the folder with the jars of Kafka's command line tools, which have a version of their own.

    Raises:
        Missing: no Java, or one too old, or no Maven.
        Misconfigured: the download failed.
    """
    return maven_jars(TOOLS_POM, "kafka-tools")
