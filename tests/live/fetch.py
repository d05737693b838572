"""Brings the servers of the live tests into a cache folder, once, with the build tools of the machine."""

import os
import subprocess
from pathlib import Path

from infra.bench.fetch import CACHE, Missing, arriving, kafka_jars, need

__all__ = ["Missing", "kafka_jars", "versitygw"]
VERSITYGW = "v1.8.0"


def versitygw() -> Path:
    """Return the program of an S3 server, built from its sources.

    Raises:
        Missing: no Go.
        subprocess.CalledProcessError: the download or the build failed.
    """
    home = CACHE / f"versitygw-{VERSITYGW}"
    if not home.exists():
        need("go", "Go")
        with arriving(home) as folder:
            package = f"github.com/versity/versitygw/cmd/versitygw@{VERSITYGW}"
            subprocess.run(["go", "install", package], check=True, env={**os.environ, "GOBIN": str(folder)})
    return home / "versitygw"
