"""Brings the environment of the peers, once, with uv, into the cache folder."""

import hashlib
import subprocess
import sys
from pathlib import Path

from connectors.errors import Misconfigured
from infra.bench.fetch import CACHE, arriving

HERE = Path(__file__).parent
LOCK = HERE / "requirements.lock"
"""Made from ``requirements.in`` as ``make lock`` makes ours; every file is hashed."""


def interpreter() -> Path:
    """Return the Python of the peers' environment.

    Raises:
        Misconfigured: uv is missing, or the packages cannot be brought.
    """
    home = CACHE / f"peers-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:8]}"
    if not home.exists():
        try:
            with arriving(home) as folder:
                _uv("venv", "--quiet", "--relocatable", "--allow-existing", "--python", sys.executable, str(folder))
                python = str(folder / "bin" / "python")
                _uv(
                    "pip",
                    "install",
                    "--quiet",
                    "--system-certs",
                    "--python",
                    python,
                    "--require-hashes",
                    "-r",
                    str(LOCK),
                )
        except (OSError, subprocess.CalledProcessError) as error:
            raise Misconfigured(
                f"the peers' environment cannot be made ({error}): `make setup` brings uv, which needs a package index"
            ) from error
    return home / "bin" / "python"


def _uv(*words: str) -> None:
    subprocess.run([str(Path(sys.executable).parent / "uv"), *words], check=True, stdout=sys.stderr)  # noqa: S603 - fixed words
