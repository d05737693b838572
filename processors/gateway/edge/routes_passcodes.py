"""The passcode of a device: given once, opened for a task and a time, every access in a ledger.

The owner states an access before the vault is opened, so no code leaves it unseen. The code is in the answer of two
requests and nowhere else; they take no ``Idempotency-Key``, because a kept answer would be a second place for it.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, TypeVar

import orjson
from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from connectors.vault.passcodes import Passcode, SealedPasscodes
from processors.gateway.commands import stable_id
from processors.gateway.edge.auth import Needs, Principal
from processors.gateway.edge.deps import Edge, edge_of
from processors.gateway.edge.idempotency import IdempotencyKey
from processors.gateway.edge.ledger import passcodes_of
from processors.gateway.edge.problems import Fault, Problem, away, invalid
from processors.gateway.edge.routes_tickets import Reader, TicketPath, existing_ticket
from processors.gateway.edge.ticket_requests import seal
from schemas.core.message import Command, Event
from schemas.core.text import ShortText
from schemas.passcodes import (
    PASSCODE_TASKS,
    PasscodePurged,
    PasscodeReadAgain,
    PasscodeRefused,
    PasscodeStored,
    PasscodesView,
    PasscodeTask,
    PasscodeUnlocked,
    PurgePasscode,
    ReadPasscode,
    StorePasscode,
    UnlockPasscode,
)
from schemas.tickets import TERMINAL_STATES
from topics.passcodes import PASSCODE_VIEWS

router = APIRouter(prefix="/v1/tickets/{ticket_id}/passcode", tags=["passcodes"])

E = TypeVar("E", bound=Event)
Writer = Annotated[Principal, Depends(Needs("tickets:write"))]
Technician = Annotated[Principal, Depends(Needs("workflows:manage"))]
"""Whoever completes tasks may open a passcode for one. A kiosk or a counter can only take it in."""

_HOUR = timedelta(hours=1)
_STATUS = {"too_many_unlocks": 429, "no_passcode": 404, "not_yours": 404, "expired": 410, "task_not_agreed": 409}


class GivenPasscode(BaseModel):
    """A passcode, and the tasks for which the customer gave it. Ask for it only if one of them needs it."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    passcode: Passcode
    tasks: tuple[PasscodeTask, ...] = Field(min_length=1, max_length=len(PASSCODE_TASKS))
    stored_by: ShortText = Field(min_length=1)


class Unlocking(BaseModel):
    """Who needs the passcode, for which task and why. The customer can read all three."""

    model_config = ConfigDict(extra="forbid")

    task: PasscodeTask
    reason: ShortText = Field(min_length=3)
    unlocked_by: ShortText = Field(min_length=1)


@router.get("")
async def get_ledger(request: Request, ticket_id: TicketPath, _: Reader) -> Response:
    """Return every passcode that was given and every access, without any code, and the customer's page of it."""
    edge = edge_of(request)
    existing_ticket(edge, ticket_id)
    view = passcodes_of(edge, ticket_id)
    page = edge.deps.signer.ledger_url(ticket_id) if view.passcodes else None
    return _json(view.model_dump(mode="json") | {"customer_page": page})


@router.put("")
async def store(
    request: Request, ticket_id: TicketPath, given: GivenPasscode, principal: Writer, key: IdempotencyKey = None
) -> Response:
    """Keep a passcode, sealed; an earlier one is destroyed. 409 when the ticket has ended."""
    edge = edge_of(request)
    vault = _vault(edge)
    if existing_ticket(edge, ticket_id).state in TERMINAL_STATES:
        raise Problem(409, "ticket_ended", "this ticket has ended, nothing needs a passcode any more; keep none")
    command = StorePasscode(
        ticket_id=ticket_id,
        kind=given.passcode.kind,
        tasks=given.tasks,
        stored_by=await seal(edge, ticket_id, given.stored_by),
        caller=principal.actor,
    )
    stored = await _ask(edge, principal, command, PasscodeStored, key)
    # The ledger knows it before the vault holds it: what nobody knows of, nobody would destroy.
    await vault.keep(ticket_id, stored.passcode, given.passcode)
    if _is_purged(passcodes_of(edge, ticket_id), stored.passcode):
        await vault.forget(ticket_id, stored.passcode)
    return Response(stored.to_json(), media_type="application/json")


@router.post("/unlock")
async def unlock(request: Request, ticket_id: TicketPath, unlocking: Unlocking, principal: Technician) -> Response:
    """Return the passcode for a task, and until when it can be read again. The customer sees who, when and why."""
    edge = edge_of(request)
    vault = _vault(edge)
    _no_key(request)
    existing_ticket(edge, ticket_id)
    caller = principal.actor
    _not_too_often(edge, caller)
    command = UnlockPasscode(
        ticket_id=ticket_id,
        task=unlocking.task,
        reason=await seal(edge, ticket_id, unlocking.reason),
        unlocked_by=await seal(edge, ticket_id, unlocking.unlocked_by),
        caller=caller,
    )
    opened = await _ask(edge, principal, command, PasscodeUnlocked)
    told = {"unlock": opened.unlock, "task": opened.task, "open_until": opened.open_until.isoformat()}
    return _json({**told, **await _code(vault, ticket_id, opened.passcode)})


@router.post("/unlocks/{number}/read")
async def read_again(
    request: Request, ticket_id: TicketPath, number: Annotated[int, Path(ge=1)], principal: Technician
) -> Response:
    """Return the passcode of one's own open unlock again. This is in the ledger too."""
    edge = edge_of(request)
    vault = _vault(edge)
    _no_key(request)
    existing_ticket(edge, ticket_id)
    command = ReadPasscode(ticket_id=ticket_id, unlock=number, caller=principal.actor)
    seen = await _ask(edge, principal, command, PasscodeReadAgain)
    opened = next((one for one in passcodes_of(edge, ticket_id).unlocks if one.unlock == number), None)
    if opened is None:
        raise away("the ledger is not up to date here yet; ask again")
    told = {"unlock": number, "task": opened.task, "open_until": opened.open_until.isoformat(), "read": seen.read}
    return _json({**told, **await _code(vault, ticket_id, opened.passcode)})


@router.delete("", status_code=204)
async def purge(request: Request, ticket_id: TicketPath, principal: Writer, key: IdempotencyKey = None) -> Response:
    """Destroy the passcode now. The ledger stays."""
    edge = edge_of(request)
    existing_ticket(edge, ticket_id)
    await _ask(edge, principal, PurgePasscode(ticket_id=ticket_id), PasscodePurged, key)
    return Response(status_code=204)


async def _ask(edge: Edge, principal: Principal, command: Command, wanted: type[E], key: str | None = None) -> E:
    """Return what the owner says.

    Raises:
        Problem: it refuses; or 503, it does not answer in time, so nothing may be given out.
    """
    ticket_id: str = command.ticket_id  # type: ignore[attr-defined]  # every command here has one
    outcome = await edge.commands.ask(
        command,
        correlation_id=ticket_id,
        caller=principal.caller,
        answers=(wanted, PasscodeRefused),
        id=stable_id(principal.caller, "passcode", command.TYPE, ticket_id, key) if key else None,
    )
    if outcome is None:
        raise away("the ledger of passcodes does not answer now, so nothing was given out or kept; try again shortly")
    event, command_id = outcome.event, outcome.envelope.causation_id
    if isinstance(event, PasscodeRefused):
        status = _STATUS.get(event.reason, 409)
        headers = _again_in(edge, ticket_id) if status == 429 else None
        raise Problem(
            status, "passcode_refused", event.detail, headers=headers, reason=event.reason, ticket_id=ticket_id
        )
    assert isinstance(event, wanted)
    if command_id is not None:
        await edge.deps.views.settled(PASSCODE_VIEWS, ticket_id, command_id, edge.deps.policy.outcome_wait_s)
    return event


def _vault(edge: Edge) -> SealedPasscodes:
    if edge.deps.passcodes is None:
        raise away("this gateway keeps no passcodes; ask one that does")
    return edge.deps.passcodes


async def _code(vault: SealedPasscodes, ticket_id: str, number: int) -> dict[str, str]:
    found = await vault.open(ticket_id, number)
    if found is None:
        detail = "the passcode never arrived in the vault, or was destroyed just now; ask the customer and store it"
        raise Problem(410, "passcode_gone", detail)
    return {"kind": found.kind, "code": found.code}


def _not_too_often(edge: Edge, caller: str) -> None:
    """Refuse a caller who opens passcodes of ticket after ticket; counted in the ledgers, so by all gateways alike."""
    now, most = edge.deps.clock.now(), edge.deps.policy.unlocks_per_hour
    since = now - _HOUR
    times = sorted(
        one.unlocked_at
        for view in edge.deps.views.views(PASSCODE_VIEWS, PasscodesView)
        for one in view.unlocks
        if one.caller == caller and one.unlocked_at > since
    )
    if len(times) >= most:
        wait_s = int((times[-most] - since).total_seconds()) + 1
        detail = f"you opened {len(times)} passcodes within an hour, {most} are allowed; try again in {wait_s} s"
        raise Problem(429, "too_many_unlocks", detail, headers={"Retry-After": str(wait_s)})


def _again_in(edge: Edge, ticket_id: str) -> dict[str, str]:
    """Return when the owner opens this ticket's passcode again: an hour after the first of those it counts."""
    since = edge.deps.clock.now() - _HOUR
    counted = [one.unlocked_at for one in passcodes_of(edge, ticket_id).unlocks if one.unlocked_at > since]
    wait = min(counted) - since if counted else _HOUR  # this gateway may not have read them yet
    return {"Retry-After": str(int(wait.total_seconds()) + 1)}


def _no_key(request: Request) -> None:
    if "idempotency-key" in request.headers:
        detail = "an answer with a passcode is not kept; send no key: a second request is a second entry in the ledger"
        raise invalid([Fault("Idempotency-Key", "not_taken", detail)])


def _is_purged(view: PasscodesView, number: int) -> bool:
    return any(one.passcode == number and one.purged_at is not None for one in view.passcodes)


def _json(body: Mapping[str, object]) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")
