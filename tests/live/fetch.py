"""Brings the servers of the live tests into a cache folder, once, with the build tools of the machine."""

import hashlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CACHE = Path(__file__).parents[2] / ".live-cache"
POM = Path(__file__).parent / "kafka" / "pom.xml"
MAVEN_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
OLDEST_JAVA = 17
"""What the brokers of Apache Kafka 4 ask for."""


class Missing(Exception):
    """A tool that the machine does not have. The message names it."""


def kafka_jars() -> Path:
    """Return the folder with the jars of an Apache Kafka server; ``pom.xml`` beside this file says which version.

    Raises:
        Missing: no Java, or one too old, or no Maven.
        subprocess.CalledProcessError: the download failed.
    """
    _need_java()
    jars = CACHE / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:8]}"
    if not jars.exists():
        _need("mvn", "Maven")
        with _arriving(jars) as folder:
            command = ["mvn", "-B", "-q", "-f", str(POM), MAVEN_COPY]
            subprocess.run([*command, "-DincludeScope=runtime", f"-DoutputDirectory={folder}"], check=True)
    return jars


@contextmanager
def _arriving(target: Path) -> Iterator[Path]:
    """Yield a folder that takes its name only when it is complete: a cut-off download is not taken for a whole one."""
    CACHE.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="arriving-", dir=CACHE))
    try:
        yield folder
        folder.rename(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _need(program: str, name: str) -> None:
    if shutil.which(program) is None:
        raise Missing(f"{name} is not installed ({program} is not on the PATH)")


def _need_java() -> None:
    _need("java", f"Java {OLDEST_JAVA} or newer")
    said = subprocess.run(["java", "-version"], check=True, capture_output=True, text=True).stderr
    found = re.search(r'version "(\d+)', said)
    if found is None or int(found[1]) < OLDEST_JAVA:
        version = found[1] if found else "of an unknown version"
        raise Missing(f"Java {OLDEST_JAVA} or newer is not installed (java is {version})")
