"""That a signed call is not an old one sent again: each nonce is good once, for as long as the time of its call is.

Counted where rates are, ``NOIZYLAB_LIMITS_URL``, so over all replicas when that is shared. By default, and while the
storage is away, each process knows only what it has seen itself: what a service may change is safe to repeat, as every
command with an id is.
"""

import logging
from collections import OrderedDict
from datetime import datetime
from typing import Final

from limits.errors import StorageError

from connectors.signing.verify import NONCE_KEPT_S
from processors.gateway.edge.limits import IN_MEMORY, open_storage

log = logging.getLogger(__name__)

_NAME: Final = "noizylab/nonce"


class Nonces:
    """Remembers nonces of good calls. How many there are is bounded by the rates of the services that sign them."""

    def __init__(self, storage_url: str = IN_MEMORY) -> None:
        # The library's own memory looks at all it holds with every hit, which thousands of nonces would make dear.
        self._storage = None if storage_url == IN_MEMORY else open_storage(storage_url)
        self._seen: OrderedDict[str, float] = OrderedDict()

    async def first(self, service_id: str, nonce: str, now: datetime) -> bool:
        """Remember a nonce; False when it came before."""
        name = f"{_NAME}/{service_id}/{nonce}"
        if not self._first_here(name, now.timestamp()):
            return False
        if self._storage is None:
            return True
        try:
            return await self._storage.incr(name, NONCE_KEPT_S) == 1
        except StorageError as error:
            log.warning("nonces are known to this process alone, their storage is away: %s", error.storage_error)
            return True

    def _first_here(self, name: str, seconds: float) -> bool:
        while self._seen and next(iter(self._seen.values())) < seconds - NONCE_KEPT_S:
            self._seen.popitem(last=False)
        if name in self._seen:
            return False
        self._seen[name] = seconds
        return True
