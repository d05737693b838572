"""What a good caller's request still has to pass before its route is run."""

from fastapi import Request

from processors.gateway.commands import Caller
from processors.gateway.edge.deps import Edge
from processors.gateway.edge.flight import flight_of
from processors.gateway.edge.idempotency import begin


async def admit(request: Request, edge: Edge, caller: Caller) -> None:
    """Let a request of a caller with the right scope in: not too many at once, and a write with a key only once.

    Raises:
        Problem: 409, 422 or 503.
        Replay: it was answered before.
    """
    flight_of(request).hold(str(caller))
    await begin(request, edge.claims, caller)
