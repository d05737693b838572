"""Requests in hand: bounded for each caller and in all, and refused at once beyond, because a queue only adds delay."""

from collections import Counter
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from processors.gateway.edge.problems import RETRY_AFTER_S, Problem, problem_response

ALWAYS = frozenset({"/healthz", "/readyz"})
"""Asked by whoever decides whether this process lives; never refused for being busy."""


class Flights:
    """Counts what is in hand: ``most`` in all, ``per_caller`` of one caller."""

    def __init__(self, what: str, most: int, per_caller: int) -> None:
        self.what = what
        self.most = most
        self.per_caller = per_caller
        self.count = 0
        self.callers: Counter[str] = Counter()

    def enter(self) -> "Flight":
        """Begin one.

        Raises:
            Problem: 503, as many as allowed are in hand.
        """
        if self.count >= self.most:
            raise _busy(f"this server has as many {self.what} in hand as it takes")
        self.count += 1
        return Flight(self)


@dataclass(slots=True)
class Flight:
    """One request or stream in hand."""

    _all: Flights
    _caller: str | None = None
    _over: bool = field(default=False)

    def hold(self, caller: str) -> None:
        """Count it for its caller.

        Raises:
            Problem: 503, the caller has as many in hand as it may.
        """
        if self._all.callers[caller] >= self._all.per_caller:
            raise _busy(f"you have {self._all.per_caller} {self._all.what} in hand; end one of them")
        self._caller = caller
        self._all.callers[caller] += 1

    def become(self, others: Flights) -> None:
        """Count it among ``others`` from now on: a request has become a stream, which lasts.

        Raises:
            Problem: 503, there are as many of those as allowed.
        """
        other = others.enter()
        try:
            if self._caller is not None:
                other.hold(self._caller)
        except Problem:
            other.end()
            raise
        self._leave()
        self._all = others

    def end(self) -> None:
        """Count it no more; a second time nothing happens."""
        if not self._over:
            self._over = True
            self._leave()

    def _leave(self) -> None:
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


def flight_of(request: HTTPConnection) -> Flight:
    """Return a request's place among those in hand."""
    flight: Flight = request.state.flight
    return flight


def _busy(what: str) -> Problem:
    return Problem(503, "busy", f"{what}; try again", headers={"Retry-After": str(RETRY_AFTER_S)})
