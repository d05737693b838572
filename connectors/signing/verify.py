"""The called side: whose call this is."""

import hmac
from collections.abc import Callable
from datetime import datetime

from connectors.errors import Permanent
from connectors.signing.canonical import Call, Credentials, read_header, signed

SKEW_S = 300
NONCE_KEPT_S = 2 * SKEW_S
"""A call may be dated ahead by the skew, and is good until the skew after that."""
_NO_KEY = bytes(32)


class CallRefused(Permanent):
    """The call is not shown to be a service's. ``reason`` is for our log alone."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}; compare the key and the clock of the two services")
        self.reason = reason


class CallVerifier:
    """Verifies what a call's header says.

    Two things are left to whoever asks: that the body has the digest ``Credentials.body``, and that the nonce did not
    come before within ``NONCE_KEPT_S``.
    """

    def __init__(self, key_of: Callable[[str], bytes | None]) -> None:
        self._key_of = key_of

    def verify(self, call: Call, authorization: str, now: datetime) -> Credentials:
        """Return what a good header says. Takes the same time for an unknown key as for a wrong signature.

        Raises:
            CallRefused: anything about it is not as it should be.
        """
        said = read_header(authorization)
        if said is None:
            raise CallRefused("malformed")
        key = self._key_of(said.key_id)
        expected = signed(key or _NO_KEY, call, said.key_id, said.time, said.nonce, said.body).signature
        if not hmac.compare_digest(expected.encode(), said.signature.encode()) or key is None:
            raise CallRefused("signature_wrong" if key else "key_unknown")
        if abs(now.timestamp() - said.time) > SKEW_S:
            raise CallRefused("time_out_of_tolerance")
        return said
