"""Who may answer a request that carries an idempotency key, and what was answered: a fold of ``edge.answers.v1``.

All replicas read the same partition of a key in the same order, so they agree which claim came first; and whoever
has read its own claim has read every answer that was given before it. Written again, a claim is held for longer.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from schemas.edge import RequestAnswered, RequestClaimed


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a claim: ``won``, or another holds the key; then ``sealed`` is its answer, None while at work.

    ``fingerprint`` is of what was asked for under this key before, as far as that is known.
    """

    won: bool
    fingerprint: str | None = None
    sealed: str | None = None


@dataclass(slots=True)
class _Key:
    claim_id: UUID
    since: datetime
    until: datetime | None
    """End of the claim; None once it is answered or given up."""
    fingerprint: str | None = None
    sealed: str | None = None


class Answers:
    """The keys of the last ``kept_for``, at most ``keys_max`` of them and ``sealed_max`` characters of answers."""

    def __init__(self, *, kept_for: timedelta, keys_max: int, sealed_max: int) -> None:
        self._kept_for = kept_for
        self._keys_max = keys_max
        self._sealed_max = sealed_max
        self._sealed = 0
        self._keys: OrderedDict[str, _Key] = OrderedDict()
        self._waiting: dict[UUID, asyncio.Future[Verdict]] = {}

    def __len__(self) -> int:
        return len(self._keys)

    async def verdict(self, claim_id: UUID, timeout_s: float) -> Verdict | None:
        """Return what became of a claim that was announced with :meth:`expect`; None when it did not come in time."""
        try:
            return await asyncio.wait_for(self._waiting[claim_id], timeout_s)
        except TimeoutError:
            return None
        finally:
            self._waiting.pop(claim_id, None)

    def expect(self, claim_id: UUID) -> None:
        """Announce a claim before it is written, so that it cannot come unseen; :meth:`verdict` ends this."""
        self._waiting[claim_id] = asyncio.get_running_loop().create_future()

    def forget(self, claim_id: UUID) -> None:
        """Take an announcement back: the claim could not be written."""
        self._waiting.pop(claim_id, None)

    def apply(self, message: RequestClaimed | RequestAnswered) -> None:
        """Take one record, in the order of its partition."""
        if isinstance(message, RequestClaimed):
            self._claimed(message)
        else:
            self._answered(message)

    def _claimed(self, claim: RequestClaimed) -> None:
        self._drop_old(claim.claimed_at)
        held = self._keys.get(claim.request_key)
        if held is not None and held.claim_id == claim.claim_id:
            if held.until is not None:  # else it came after the answer
                held.until = claim.held_until
            return
        if held is not None and held.sealed is not None:
            verdict = Verdict(False, held.fingerprint, held.sealed)
        elif held is not None and held.until is not None and claim.claimed_at < held.until:
            verdict = Verdict(False)
        else:
            verdict = Verdict(True, None if held is None else held.fingerprint)
            self._keys[claim.request_key] = _Key(
                claim.claim_id, claim.claimed_at, claim.held_until, verdict.fingerprint
            )
            self._keys.move_to_end(claim.request_key)
            self._drop_surplus()
        waiting = self._waiting.get(claim.claim_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(verdict)

    def _answered(self, answer: RequestAnswered) -> None:
        held = self._keys.get(answer.request_key)
        # Whose claim ran out and was taken by another has answered too late to count.
        if held is None or held.until is None or held.claim_id != answer.claim_id:
            return
        held.until, held.since = None, answer.answered_at
        held.fingerprint = answer.fingerprint or held.fingerprint
        held.sealed = answer.sealed
        self._sealed += len(answer.sealed or "")
        self._keys.move_to_end(answer.request_key)
        self._drop_surplus()

    def _drop_surplus(self) -> None:
        while len(self._keys) > self._keys_max or self._sealed > self._sealed_max:
            self._drop_first()

    def _drop_old(self, now: datetime) -> None:
        while self._keys and next(iter(self._keys.values())).since + self._kept_for <= now:
            self._drop_first()

    def _drop_first(self) -> None:
        _, dropped = self._keys.popitem(last=False)
        self._sealed -= len(dropped.sealed or "")
