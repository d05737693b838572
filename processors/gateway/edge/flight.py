"""Requests in hand: bounded for each caller and in all, and refused at once beyond, because a queue only adds delay."""

from collections import Counter
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from processors.gateway.config import Policy
from processors.gateway.edge.problems import RETRY_AFTER_S, Problem, problem_response

ALWAYS = frozenset({"/healthz", "/readyz"})
"""Asked by whoever decides whether this process lives; never refused for being busy."""


class Flights:
    """Counts the requests in hand."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.count = 0
        self.callers: Counter[str] = Counter()

    def enter(self) -> "Flight":
        """Begin a request.

        Raises:
            Problem: 503, as many as allowed are in hand.
        """
        if self.count >= self._policy.in_flight_max:
            raise _busy("this server has as many requests in hand as it takes")
        self.count += 1
        return Flight(self, self._policy.in_flight_per_caller_max)


@dataclass(slots=True)
class Flight:
    """One request in hand."""

    _all: Flights
    _caller_max: int
    _caller: str | None = None
    _over: bool = field(default=False)

    def hold(self, caller: str) -> None:
        """Count the request for its caller.

        Raises:
            Problem: 503, the caller has as many in hand as it may.
        """
        if self._all.callers[caller] >= self._caller_max:
            raise _busy(f"you have {self._caller_max} requests in hand; wait for their answers")
        self._caller = caller
        self._all.callers[caller] += 1

    def end(self) -> None:
        """Count the request no more; a second time nothing happens."""
        if self._over:
            return
        self._over = True
        self._all.count -= 1
        if self._caller is not None:
            self._all.callers[self._caller] -= 1
            if not self._all.callers[self._caller]:
                del self._all.callers[self._caller]


class InFlight:
    """Refuses requests beyond the bound."""

    def __init__(self, app: ASGIApp, flights: Flights) -> None:
        self._app = app
        self._flights = flights

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] in ALWAYS:
            await self._app(scope, receive, send)
            return
        try:
            flight = self._flights.enter()
        except Problem as problem:
            await problem_response(problem, scope["path"])(scope, receive, send)
            return
        scope.setdefault("state", {})["flight"] = flight
        try:
            await self._app(scope, receive, send)
        finally:
            flight.end()


def flight_of(connection: HTTPConnection) -> Flight | None:
    """Return the request's place among those in hand; None where it has none, as a socket."""
    flight = getattr(connection.state, "flight", None)
    return flight if isinstance(flight, Flight) else None


def _busy(what: str) -> Problem:
    return Problem(503, "busy", f"{what}; try again", headers={"Retry-After": str(RETRY_AFTER_S)})
