"""Devices over their whole life: every visit, and flags."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from connectors.clock.clock import new_id
from processors.gateway.commands import stable_id
from processors.gateway.edge.auth import Needs, Principal
from processors.gateway.edge.deps import edge_of
from processors.gateway.edge.idempotency import IdempotencyKey
from processors.gateway.edge.problems import Fault, Problem, invalid
from processors.gateway.present import shown
from processors.gateway.warnings import history_of
from schemas.core.text import ShortText
from schemas.device_history import DeviceFlagged, DeviceHistoryView, DeviceId, FlagDevice, FlagKind
from schemas.devices import Device
from topics.devices import DEVICE_VIEWS

router = APIRouter(prefix="/v1/devices", tags=["devices"])

Reader = Annotated[Principal, Depends(Needs("tickets:read"))]
Writer = Annotated[Principal, Depends(Needs("tickets:write"))]
DevicePath = Annotated[DeviceId, Path()]


class Flag(BaseModel):
    """Whether the flag is on, and what is to be known about it."""

    model_config = ConfigDict(extra="forbid")

    on: bool = True
    note: ShortText = ""


@router.get("")
async def find_device(
    request: Request,
    principal: Reader,
    imei: Annotated[str | None, Query(pattern=r"^[0-9]{15}$")] = None,
    serial: Annotated[ShortText | None, Query()] = None,
    brand: Annotated[ShortText, Query()] = "",
) -> Response:
    """Return the device with an IMEI, or with a serial number of a maker."""
    if (imei is None) == (serial is None):
        raise invalid([Fault("imei", "one_of", "give either imei, or serial with the brand")])
    wanted = Device(category="other", brand=brand, imei=imei, serial=serial)
    history = history_of(edge_of(request).deps.views, principal.workspace_id, wanted)
    found = [] if history is None else [shown(history, principal.scopes)]
    return Response(orjson.dumps({"devices": found}), media_type="application/json")


@router.get("/{device_id}")
async def get_device(request: Request, device_id: DevicePath, principal: Reader) -> Response:
    """Return all that is known of a device, the oldest visit first."""
    history = _own_device(request, principal, device_id)
    return Response(orjson.dumps(shown(history, principal.scopes)), media_type="application/json")


@router.put("/{device_id}/flags/{kind}")
async def flag(
    request: Request,
    device_id: DevicePath,
    kind: FlagKind,
    body: Flag,
    principal: Writer,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Set or lift a flag: 200 with the event, 202 when the answer takes too long."""
    history = _own_device(request, principal, device_id)
    known = next((one for one in history.flags if one.kind == kind), None)
    if (known is not None and known.note == body.note) if body.on else known is None:
        unchanged = {"device_id": device_id, "status": "unchanged"}
        return Response(orjson.dumps(unchanged), media_type="application/json")
    command = FlagDevice(device_id=device_id, kind=kind, on=body.on, note=body.note, actor=principal.actor)
    key = idempotency_key
    outcome = await edge_of(request).commands.ask(
        command,
        correlation_id=device_id,
        caller=principal.caller,
        answers=(DeviceFlagged,),
        id=stable_id(principal.caller, "flag", device_id, kind, key) if key else new_id(),
    )
    if outcome is None:
        waiting = {"device_id": device_id, "status": "accepted"}
        return Response(orjson.dumps(waiting), 202, {"Location": f"/v1/devices/{device_id}"}, "application/json")
    return Response(outcome.event.to_json(), media_type="application/json")


def _own_device(request: Request, principal: Principal, device_id: str) -> DeviceHistoryView:
    history = edge_of(request).deps.views.view(DEVICE_VIEWS, device_id, DeviceHistoryView)
    if history is None or history.workspace_id != principal.workspace_id:
        raise Problem(404, "not_found", f"there is no device {device_id}; find it by imei or serial")
    return history
