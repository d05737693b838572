"""Files that appear complete or not at all."""

import contextlib
import os
import secrets
from pathlib import Path


def write_once(path: Path, data: bytes) -> None:
    """Write a private file and wait for the disk, unless ``path`` is there already; its first content stays.

    The complete file gets its name by a hard link, the one call that fails when the name is taken, so two writers
    end with one of their files and no reader sees half of one.

    Raises:
        OSError: the directory cannot be made or written to.
    """
    if path.exists():
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.parent / f".{secrets.token_hex(8)}.tmp"
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(temporary)
        sync_directory(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def sync_directory(path: Path) -> None:
    """Make a rename survive a power cut: on POSIX the new name is part of the directory, not of the file."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
