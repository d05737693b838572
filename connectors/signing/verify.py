"""The called side: whose call this is, and that it is not an old one."""

import hmac
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime

from connectors.errors import Permanent
from connectors.signing.canonical import Call, read_header, signature

SKEW_S = 300
MOST_NONCES = 100_000
_NO_KEY = bytes(32)


class CallRefused(Permanent):
    """The call is not shown to be a service's. ``reason`` is for our log alone."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}; compare the key and the clock of the two services")
        self.reason = reason


class CallVerifier:
    """Verifies calls and remembers the nonces of those that were good, for as long as their time is.

    The memory is this process's. Another replica does not know a nonce, so what a service may change must be safe to
    repeat, as every command with an id is.
    """

    def __init__(self, key_of: Callable[[str], bytes | None], *, most_nonces: int = MOST_NONCES) -> None:
        self._key_of, self._most_nonces = key_of, most_nonces
        self._nonces: OrderedDict[tuple[str, str], float] = OrderedDict()

    def verify(self, call: Call, authorization: str, now: datetime) -> str:
        """Return the id of the service's key. Takes the same time for an unknown key as for a wrong signature.

        Raises:
            CallRefused: anything about it is not as it should be.
        """
        said = read_header(authorization)
        if said is None:
            raise CallRefused("malformed")
        key = self._key_of(said.key_id)
        expected = signature(key or _NO_KEY, call, said.key_id, said.time, said.nonce)
        if not hmac.compare_digest(expected.encode(), said.signature.encode()) or key is None:
            raise CallRefused("signature_wrong" if key else "key_unknown")
        seconds = now.timestamp()
        if abs(seconds - said.time) > SKEW_S:
            raise CallRefused("time_out_of_tolerance")
        self._remember((said.key_id, said.nonce), seconds)
        return said.key_id

    def _remember(self, nonce: tuple[str, str], seconds: float) -> None:
        while self._nonces and next(iter(self._nonces.values())) < seconds - 2 * SKEW_S:
            self._nonces.popitem(last=False)
        if nonce in self._nonces:
            raise CallRefused("nonce_repeated")
        if len(self._nonces) >= self._most_nonces:
            raise CallRefused("too_many_calls")  # to forget one that is still good would let it in again
        self._nonces[nonce] = seconds
