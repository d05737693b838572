"""``Idempotency-Key``: a write that is sent again is done once and answered alike, byte for byte, by every replica.

A request with a key first claims it in the log (``answers.py`` says who wins). The winner does what is asked, writes
the answer, sealed, and only then sends it. Whoever finds an answer repeats it. Commands get ids made of the key, so
that also what was cut off half-way is done once when it is sent again. A claim is short, so that the key of a replica
that died is soon free, and renewed while its request is at work, however long that takes.
"""

import asyncio
import hashlib
import logging
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Header, Request, Response
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.bus.records import Publisher
from connectors.clock.clock import Clock, new_id
from connectors.errors import ConnectorError
from processors.gateway.answers import Verdict
from processors.gateway.commands import WISH, Caller, Wish, publish_soon
from processors.gateway.config import Policy
from processors.gateway.edge.problems import RETRY_AFTER_S, Fault, Problem, away, invalid
from processors.gateway.edge.sealing import Answer, Seal, SealBroken
from processors.gateway.views import ReadModel
from schemas.edge import RequestAnswered, RequestClaimed

log = logging.getLogger(__name__)

WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
KEY_HEADER: Final = "Idempotency-Key"
REPEATED_HEADER: Final = "Idempotency-Replayed"
ONCE_S: Final = 60.0
_NOT_FINAL = frozenset({202, 404})
"""Open, or of something that this replica has perhaps only not read of yet: a repetition is to look again."""
_KEY = re.compile(r"[\x20-\x7e]{1,200}")
_KEPT_HEADERS = frozenset({"content-type", "location", "etag", "link", "content-disposition", "content-language"})

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias=KEY_HEADER,
        min_length=1,
        max_length=200,
        description="Any printable text of yours. Sent again within 24 hours, the request is done once and answered "
        "alike.",
    ),
]


class Replay(Exception):
    """Ends a request with the answer that it had before."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("answered before")
        self.answer = answer


@dataclass(slots=True)
class Claim:
    """One request's hold on its key."""

    id: UUID
    seal: Seal
    verdict: Verdict
    fingerprint: str | None
    keep: bool = True
    renewing: asyncio.Task[None] | None = None


class Claims:
    """Claims keys in the log and writes what was answered."""

    def __init__(self, publisher: Publisher, views: ReadModel, clock: Clock, policy: Policy, secret: bytes) -> None:
        self._publisher = publisher
        self._views = views
        self._clock = clock
        self._policy = policy
        self._secret = secret

    async def claim(self, caller: Caller, key: str) -> Claim:
        """Return the claim of a key: its own, or one that another has answered before.

        Raises:
            Problem: 409 while another is at work, 503 when the log does not show who was first.
            Transient: the log is away.
        """
        claim = await self._claim(Seal.of(self._secret, caller.kind, caller.id, key), self._policy.claim_s)
        if claim.verdict.won:
            claim.renewing = asyncio.create_task(self._renew(claim))
        return claim

    async def _claim(self, seal: Seal, held_s: float) -> Claim:
        claim_id, answers = new_id(), self._views.answers
        answers.expect(claim_id)
        try:
            await self._hold(seal, claim_id, held_s)
        except BaseException:
            answers.forget(claim_id)
            raise
        verdict = await answers.verdict(claim_id, self._policy.outcome_wait_s)
        if verdict is None:
            await self.close(Claim(claim_id, seal, Verdict(False), None), None)
            raise away("the log does not show yet whether this request was answered before; repeating it is safe")
        if not verdict.won and verdict.sealed is None:
            detail = f"a request with this {KEY_HEADER} is at work; ask again when it has answered"
            raise Problem(409, "idempotency_key_in_use", detail, headers={"Retry-After": str(RETRY_AFTER_S)})
        return Claim(claim_id, seal, verdict, verdict.fingerprint)

    async def _hold(self, seal: Seal, claim_id: UUID, held_s: float) -> None:
        now = self._clock.now()
        until = now + timedelta(seconds=held_s)
        await self._tell(RequestClaimed(request_key=seal.name, claim_id=claim_id, claimed_at=now, held_until=until))

    async def _renew(self, claim: Claim) -> None:
        """Hold a claim until :meth:`close`. Where the log takes nothing, nobody else can claim the key either."""
        while True:
            await asyncio.sleep(self._policy.claim_s / 3)
            try:
                await self._hold(claim.seal, claim.id, self._policy.claim_s)
            except ConnectorError as error:
                log.warning("the claim of a request that is at work could not be renewed: %s", error)

    async def once(self, *name: str) -> bool:
        """Return True for the first who asks for a name, over all replicas, and False for others for ``ONCE_S``.

        Raises:
            Problem: 503.
            Transient: the log is away.
        """
        try:
            await self._claim(Seal.of(self._secret, "once", *name), ONCE_S)
        except Problem as problem:
            if problem.status_code != 409:
                raise
            return False
        return True

    async def close(self, claim: Claim, answer: Answer | None) -> None:
        """Write the answer that repetitions get; None lets the key be claimed again.

        Where the log does not take it, the claim runs out by itself: the caller still gets its answer.
        """
        if claim.renewing is not None:
            claim.renewing.cancel()
        sealed = None if answer is None else claim.seal.close(answer)
        done = RequestAnswered(
            request_key=claim.seal.name,
            claim_id=claim.id,
            answered_at=self._clock.now(),
            fingerprint=claim.fingerprint,
            sealed=sealed,
        )
        try:
            await self._tell(done)
        except ConnectorError as error:
            log.warning("an answer could not be kept for a repetition: %s", error)

    async def _tell(self, message: RequestClaimed | RequestAnswered) -> None:
        await publish_soon(self._publisher, message, self._clock, self._policy, correlation_id=str(message.claim_id))


async def begin(request: Request, claims: Claims, caller: Caller) -> None:
    """Claim the key of a write, if it has one. A body of several parts is judged later, see :func:`same_wish`.

    Raises:
        Problem: 409, 422 or 503.
        Replay: it was answered before.
    """
    key = request.headers.get(KEY_HEADER)
    if request.method not in WRITES or key is None:
        return
    if not _KEY.fullmatch(key):
        raise invalid([Fault(KEY_HEADER, "idempotency_key", "send 1 to 200 printable ASCII characters")])
    whole = not request.headers.get("content-type", "").lower().startswith("multipart/")
    digest = _digest(request, await request.body()) if whole else None
    request.state.claim = await claims.claim(caller, key)
    WISH.set(Wish(caller, f"{request.method} {request.url.path}", key))
    if digest is not None:
        _compare(request.state.claim, digest, {})


def same_wish(request: Request, *parts: bytes, **about: Any) -> None:
    """Say what a request with several parts asks for; ``about`` is added to the problem of another wish.

    Raises:
        Problem: 422, the key was used for something else.
        Replay: it was answered before.
    """
    claim = getattr(request.state, "claim", None)
    if isinstance(claim, Claim):
        _compare(claim, _digest(request, *parts), about)


def _compare(claim: Claim, digest: bytes, about: dict[str, Any]) -> None:
    fingerprint = claim.seal.fingerprint(digest)
    if claim.verdict.fingerprint not in (None, fingerprint):
        claim.keep = False
        detail = f"this {KEY_HEADER} was used for another request; use a new one for each thing you want done"
        raise Problem(422, "idempotency_key_reused", detail, **about)
    claim.fingerprint = fingerprint
    if claim.verdict.sealed is not None:
        try:
            raise Replay(claim.seal.open(claim.verdict.sealed))
        except SealBroken as error:
            raise away(str(error)) from error


def _digest(request: Request, *parts: bytes) -> bytes:
    digest = hashlib.sha256(f"{request.method}\n{request.url.path}?{request.url.query}\n".encode())
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


class KeptAnswers:
    """Keeps the answer of a claimed request before it is sent, and sends the one that was kept."""

    def __init__(self, app: ASGIApp, claims: Claims, policy: Policy) -> None:
        self._app = app
        self._claims = claims
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] not in WRITES:
            await self._app(scope, receive, send)
            return
        WISH.set(None)
        holding = _Holding(scope, send, self._claims, self._policy.answer_max_bytes)
        try:
            await self._app(scope, receive, holding.send)
        except Replay as replay:
            headers = dict(replay.answer.headers) | {REPEATED_HEADER: "true"}
            await Response(replay.answer.body, replay.answer.status, headers)(scope, receive, send)
        finally:
            # Whatever ended the request before its answer was whole: somebody may try again at once.
            await holding.release()


class _Holding:
    """Holds an answer back until it is whole and kept."""

    def __init__(self, scope: Scope, send: Send, claims: Claims, most: int) -> None:
        self._scope = scope
        self._send = send
        self._claims = claims
        self._most = most
        self._held: list[Message] = []
        self._size = 0
        self._open: Claim | None = None
        self._looked = False

    async def send(self, message: Message) -> None:
        """Take one message of the answer."""
        if not self._looked:
            self._looked, self._open = True, self._claim()
        if self._open is None:
            await self._send(message)
            return
        self._held.append(message)
        self._size += len(message.get("body", b""))
        if not self._may_keep():
            await self.release()
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            claim, self._open = self._open, None
            await self._claims.close(claim, self._answer())
        if self._open is None:
            held, self._held = self._held, []
            for one in held:
                await self._send(one)

    async def release(self) -> None:
        """Give an unanswered claim back."""
        claim, self._open = self._claim() if not self._looked else self._open, None
        self._looked = True
        if claim is not None:
            await self._claims.close(claim, None)

    def _claim(self) -> Claim | None:
        claim = self._scope.get("state", {}).get("claim")
        return claim if isinstance(claim, Claim) and claim.verdict.won else None

    def _may_keep(self) -> bool:
        status = self._held[0]["status"]
        assert self._open is not None
        return self._open.keep and status < 500 and status not in _NOT_FINAL and self._size <= self._most

    def _answer(self) -> Answer:
        start = self._held[0]
        headers = Headers(raw=start["headers"]).items()
        kept = tuple((name, value) for name, value in headers if name in _KEPT_HEADERS)
        return Answer(start["status"], kept, b"".join(one.get("body", b"") for one in self._held[1:]))
