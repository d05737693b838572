"""The keys that objects are sealed with: one for each workspace, derived from the shop's master keys.

The first master key is the one that the vault has too. ``new_master_key`` adds another, which seals from then on; the
former ones stay and open what they sealed, until ``noizylab blobs rekey`` has sealed everything anew.
"""

from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from connectors.blobs.seal import key_name
from connectors.errors import Misconfigured
from connectors.vault.master_key import KEY_BYTES, MasterKey, load_or_create_master_key

_FIRST = "vault.key"
_LATER = "blobs-*.key"


class BlobKeys:
    """The shop keys of one workspace, read from ``folder``. A key that another process added is found when needed."""

    def __init__(self, folder: Path, workspace: str = "shop") -> None:
        self._folder = folder
        self._workspace = workspace
        self._known: dict[bytes, bytes] = {}
        self._newest = b""

    def newest(self) -> tuple[bytes, bytes]:
        """Return the key that seals, and its name."""
        if not self._known:
            self._read()
        return self._known[self._newest], self._newest

    def named(self, key_id: bytes) -> bytes:
        """Return the key with this name.

        Raises:
            Misconfigured: there is none.
        """
        if key_id not in self._known:
            self._read()
        try:
            return self._known[key_id]
        except KeyError:
            raise Misconfigured(
                f"an object was sealed under key {key_id.hex()}, which no file in {self._folder} holds; put the "
                f"{_FIRST} or {_LATER} of that time back"
            ) from None

    def new_master_key(self) -> Path:
        """Add a master key, which seals from now on, in this process and in those that start later."""
        self._read()
        later = sorted(self._folder.glob(_LATER))
        number = int(later[-1].stem.removeprefix("blobs-")) + 1 if later else 1
        path = self._folder / f"blobs-{number:04}.key"
        load_or_create_master_key(path)
        self._read()
        return path

    def _read(self) -> None:
        masters = [load_or_create_master_key(self._folder / _FIRST)]
        masters += [load_or_create_master_key(path) for path in sorted(self._folder.glob(_LATER))]
        keys = [self._derived(master) for master in masters]
        self._known = {key_name(key): key for key in keys}
        self._newest = key_name(keys[-1])

    def _derived(self, master: MasterKey) -> bytes:
        info = b"noizylab blobs\0" + self._workspace.encode()
        return HKDF(SHA256(), KEY_BYTES, None, info).derive(master.secret)
