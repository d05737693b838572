"""Sealed texts: what people wrote, unreadable without a key that can be destroyed. Pure; the vault keeps the keys.

AES-SIV (RFC 5297) with a 512-bit key by HKDF-SHA-256 from the owner's data key. It needs no nonce and is
deterministic: the same words of the same owner are the same sealed text, so a repeated intake is still known as one.
What that gives away is exactly this: that two texts of one ticket are equal. The owner is bound in as associated data.
"""

import base64
import binascii

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from schemas.core.text import SEAL


def seal(data_key: bytes, owner: str, text: str) -> str:
    """Return ``text`` sealed, with its owner's name in front."""
    sealed = _cipher(data_key).encrypt(text.encode(), [_bound(owner)])
    return f"{SEAL}{owner}.{base64.urlsafe_b64encode(sealed).decode().rstrip('=')}"


def owner_of(sealed: str) -> str | None:
    """Return whose key opens a text; None: it is plain."""
    return sealed.split(".", 2)[1] if sealed.startswith(SEAL) and sealed.count(".") == 2 else None


def unseal(data_key: bytes, sealed: str) -> str:
    """Return the words.

    Raises:
        ValueError: it was changed, belongs to another owner, or is no sealed text.
    """
    owner, _, body = sealed.removeprefix(SEAL).partition(".")
    try:
        data = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
        return _cipher(data_key).decrypt(data, [_bound(owner)]).decode()
    except (InvalidTag, binascii.Error, UnicodeDecodeError) as error:
        raise ValueError(f"the sealed text of {owner} does not open: {type(error).__name__}") from error


def _cipher(data_key: bytes) -> AESSIV:
    return AESSIV(HKDF(SHA256(), 64, salt=None, info=b"noizylab texts 1").derive(data_key))


def _bound(owner: str) -> bytes:
    return SEAL.encode() + owner.encode()
