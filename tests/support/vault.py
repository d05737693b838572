"""A vault in a directory, under a key that everybody knows."""

from pathlib import Path

from connectors.blobs.local import LocalBlobs
from connectors.vault.master_key import MasterKey
from connectors.vault.sealed import SealedVault

NO_PLACE = Path("no-such-place")
"""For tests that wire a vault and never use it; nothing is made there."""


def vault_in(path: Path) -> SealedVault:
    return SealedVault(LocalBlobs(path), MasterKey(b"m" * 32))
