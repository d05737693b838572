"""Which of our own services calls, by the signature of its request."""

import logging
from dataclasses import dataclass

from fastapi import Request

from connectors.signing.canonical import SCHEME, Call
from connectors.signing.verify import CallRefused
from processors.gateway.commands import Caller
from processors.gateway.edge.deps import edge_of
from processors.gateway.edge.problems import Problem

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServiceCaller:
    """A service whose signature is good."""

    id: str

    @property
    def caller(self) -> Caller:
        """Return the caller as commands name it."""
        return Caller("service", self.id)


async def service_principal(request: Request) -> ServiceCaller | None:
    """Return the service that signed a request; None for a request that says it is somebody else's.

    Raises:
        Problem: 401, it says that a service signed it, and that is not shown.
    """
    authorization = request.headers.get("authorization", "")
    if authorization.partition(" ")[0] != SCHEME:
        return None
    edge = edge_of(request)
    raw_path = request.scope.get("raw_path") or request.scope["path"].encode()
    call = Call(request.method, raw_path, request.scope["query_string"], await request.body())
    try:
        return ServiceCaller(edge.service_calls.verify(call, authorization, edge.deps.clock.now()))
    except CallRefused as error:
        log.warning("a signed call is refused: %s", error.reason)
        await edge.limits.stranger(request.client.host if request.client else "")
        detail = "the signature of this call is not good; compare the key and the clock of the two services"
        raise Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": SCHEME}) from error
