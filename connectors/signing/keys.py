"""The keys of services: one private file each in a folder that both sides read."""

from pathlib import Path

from connectors.signing.canonical import KEY_ID


class KeyFiles:
    """Keys by service, read when they are asked for: a service that is new, or gone, is so at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key_id: str) -> bytes | None:
        """Return a service's key; None when it has none."""
        if not KEY_ID.fullmatch(key_id):
            return None
        try:
            return (self._folder / key_id).read_bytes().strip() or None
        except FileNotFoundError:
            return None
