"""What is made of one secret of the shop: ids of users, refresh tokens, links, hashes of recovery codes. Pure.

A token says what it is for and carries HMAC-SHA-256 over that: it cannot be guessed or made up, and the log needs to
know only the number, or the id, that is good now. Every use has a key of its own, derived from the secret.
"""

import base64
import hashlib
import hmac
import re
import unicodedata

from schemas.core.ids import Sha256, UserId, WorkspaceId

_REFRESH = re.compile(r"nzr_([0-9a-f]{32})_([0-9a-f]{32})_(0|[1-9][0-9]{0,8})_([0-9A-Za-z_-]{43})")
_LINK = re.compile(r"nzi_([0-9a-f]{32})_([0-9a-f]{32})_([0-9A-Za-z_-]{43})")


class Seals:
    """Makes and reads tokens. Whoever has the secret can make every one, so it lies with the other secrets."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < 16:
            raise ValueError("the secret of access needs at least 16 bytes; make a random one")
        self._secret = secret

    def user_id(self, workspace_id: WorkspaceId, mail: str) -> UserId:
        """Return the id of whoever has this address in this workspace; case and form of the letters do not count.

        So one address is one user by construction, and nobody learns an address, or of a second shop, from an id.
        """
        plain = unicodedata.normalize("NFKC", mail).strip().casefold()
        return f"U-{self._mac('user', workspace_id, plain)[:16].hex()}"

    def recovery(self, user_id: UserId, code: str) -> Sha256:
        """Return what is kept of a recovery code; blanks, dashes and case do not count."""
        plain = "".join(one for one in code.lower() if one.isalnum())
        return self._mac("recovery", user_id, plain).hex()

    def refresh_token(self, user_id: UserId, session_id: str, number: int) -> str:
        """Return refresh token ``number`` of a session. The same every time: a lost answer can be given again."""
        mac = _text(self._mac("refresh", user_id, session_id, str(number)))
        return f"nzr_{user_id[2:]}_{session_id}_{number}_{mac}"

    def read_refresh_token(self, token: str) -> tuple[UserId, str, int] | None:
        """Return user, session and number of a token that was made here; None for any other text."""
        found = _REFRESH.fullmatch(token)
        if found is None:
            return None
        user_id, session_id, number = f"U-{found[1]}", found[2], int(found[3])
        good = hmac.compare_digest(token, self.refresh_token(user_id, session_id, number))
        return (user_id, session_id, number) if good else None

    def link_token(self, user_id: UserId, link_id: str) -> str:
        """Return the token of a link to choose a password."""
        return f"nzi_{user_id[2:]}_{link_id}_{_text(self._mac('link', user_id, link_id))}"

    def read_link_token(self, token: str) -> tuple[UserId, str] | None:
        """Return user and link of a token that was made here; None for any other text."""
        found = _LINK.fullmatch(token)
        if found is None:
            return None
        user_id, link_id = f"U-{found[1]}", found[2]
        return (user_id, link_id) if hmac.compare_digest(token, self.link_token(user_id, link_id)) else None

    def _mac(self, use: str, *parts: str) -> bytes:
        key = hmac.digest(self._secret, f"noizylab access {use} v1".encode(), hashlib.sha256)
        return hmac.digest(key, "\0".join(parts).encode(), hashlib.sha256)


def _text(mac: bytes) -> str:
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")
