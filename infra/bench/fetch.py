"""Brings what the benchmarks and live tests compare with into a cache folder, once, with the tools of the machine."""

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.errors import Misconfigured

CACHE = Path(__file__).parents[2] / ".live-cache"
POM = Path(__file__).parent / "kafka" / "pom.xml"
MAVEN_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
OLDEST_JAVA = 17
"""What the brokers of Apache Kafka 4 ask for."""


class Missing(Misconfigured):
    """A tool that the machine does not have. The message names it."""


def kafka_jars() -> Path:
    """Return the folder with the jars of an Apache Kafka server; ``pom.xml`` beside this file says which version.

    Raises:
        Missing: no Java, or one too old, or no Maven.
        Misconfigured: the download failed.
    """
    return maven_jars(POM, "kafka")


def maven_jars(pom: Path, name: str) -> Path:
    """Return the folder with the jars that a pom asks for; it is made anew when the pom changes.

    Raises:
        Missing: no Java, or one too old, or no Maven.
        Misconfigured: the download failed.
    """
    _need_java()
    jars = CACHE / f"{name}-{hashlib.sha256(pom.read_bytes()).hexdigest()[:8]}"
    if not jars.exists():
        need("mvn", "Maven")
        words = ["mvn", "-B", "-q", "-f", str(pom), MAVEN_COPY, "-DincludeScope=runtime"]
        with arriving(jars) as folder:
            try:
                subprocess.run([*words, f"-DoutputDirectory={folder}"], check=True, stdout=sys.stderr)  # noqa: S603 - fixed words
            except subprocess.CalledProcessError as error:
                raise Misconfigured(
                    f"Maven could not download {name} (exit status {error.returncode}); what it said stands above"
                ) from error
    return jars


@contextmanager
def arriving(target: Path) -> Iterator[Path]:
    """Yield a folder that takes its name only when it is complete: a cut-off download is not taken for a whole one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="arriving-", dir=target.parent))
    try:
        yield folder
        folder.rename(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def need(program: str, name: str) -> None:
    """Look for a program on the PATH.

    Raises:
        Missing: it is not there.
    """
    if shutil.which(program) is None:
        raise Missing(f"{name} is not installed ({program} is not on the PATH)")


def _need_java() -> None:
    need("java", f"Java {OLDEST_JAVA} or newer")
    said = subprocess.run(["java", "-version"], check=True, capture_output=True, text=True).stderr  # noqa: S607 - found on the PATH
    found = re.search(r'version "(\d+)', said)
    if found is None or int(found[1]) < OLDEST_JAVA:
        version = found[1] if found else "of an unknown version"
        raise Missing(f"Java {OLDEST_JAVA} or newer is not installed (java is {version})")
