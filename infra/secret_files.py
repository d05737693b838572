"""The shop's own secrets: made at first start, one private file each."""

import secrets
from pathlib import Path

from connectors.errors import Misconfigured
from connectors.files import write_once


def load_or_create_secret(home: Path, name: str) -> str:
    """Return the secret ``name`` of the shop at ``home``; the first process to ask makes it.

    Raises:
        Misconfigured: the file cannot be written or is empty.
    """
    path = home / "secrets" / name
    try:
        write_once(path, secrets.token_urlsafe(32).encode() + b"\n")
        found = path.read_text().strip()
    except OSError as error:
        raise Misconfigured(f"secret {path}: {error}; choose a NOIZYLAB_HOME this user owns") from error
    if not found:
        raise Misconfigured(f"secret {path} is empty; restore it from a backup, or remove it to make a new one")
    return found
