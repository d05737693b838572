"""The history of one device: what it answers to a visit or a flag, and how its events add up. Pure and total."""

from datetime import datetime
from typing import Any

from schemas.core.message import Event, Message
from schemas.core.outcome import Drop, Emit, Outcome, Reject
from schemas.device_history import (
    DeviceFlag,
    DeviceFlagged,
    DeviceHistoryView,
    DeviceVisitForgotten,
    DeviceVisitRecorded,
    FlagDevice,
    ForgetDeviceVisit,
    RecordDeviceVisit,
)
from schemas.devices import Device

VISITS_KEPT = 200
"""The oldest go first; a device with more visits is a tester's."""


def decide_device(command: Message, history: DeviceHistoryView | None, now: datetime) -> Outcome:
    """Answer a command about one device; ``history`` is None while nothing is known of it."""
    match command:
        case RecordDeviceVisit():
            if history is not None and history.device == command.device and command.visit in history.visits:
                return Drop("duplicate")
            return Emit.of(DeviceVisitRecorded(**dict(command), recorded_at=now))
        case ForgetDeviceVisit():
            if history is None or all(one.ticket_id != command.ticket_id for one in history.visits):
                return Drop("already_so")
            return Emit.of(DeviceVisitForgotten(**dict(command), forgotten_at=now))
        case FlagDevice():
            return _flag(command, history, now)
        case _:
            return Reject("unknown_command", f"the history of devices does not handle {command.TYPE}")


def _flag(command: FlagDevice, history: DeviceHistoryView | None, now: datetime) -> Outcome:
    if history is None:
        return Reject("no_such_device", f"no ticket ever had device {command.device_id}, so nothing can be flagged")
    known = next((flag for flag in history.flags if flag.kind == command.kind), None)
    same = known is not None and known.note == command.note if command.on else known is None
    return Drop("already_so") if same else Emit.of(DeviceFlagged(**dict(command), flagged_at=now))


def evolve_device(history: DeviceHistoryView | None, event: Event) -> DeviceHistoryView:
    """Return the history after an event.

    Raises:
        ValueError: the first event of a device is not a visit; the log is not complete.
    """
    if isinstance(event, DeviceVisitRecorded):
        return _recorded(history, event)
    if history is None:
        raise ValueError(f"{event.TYPE} comes before the first visit of the device; read its events from the start")
    match event:
        case DeviceVisitForgotten():
            left = tuple(one for one in history.visits if one.ticket_id != event.ticket_id)
            return history.model_copy(update={"visits": left, "device": _named(history, bool(left))})
        case DeviceFlagged():
            return history.model_copy(update={"flags": _flags(history, event)})
        case _:
            return history


def _recorded(history: DeviceHistoryView | None, event: DeviceVisitRecorded) -> DeviceHistoryView:
    others = () if history is None else history.visits
    visits = [one for one in others if one.ticket_id != event.visit.ticket_id]
    visits = sorted([*visits, event.visit], key=lambda one: (one.opened_at, one.ticket_id))[-VISITS_KEPT:]
    changes: dict[str, Any] = {"device": event.device, "visits": tuple(visits)}
    if history is not None:
        return history.model_copy(update=changes)
    return DeviceHistoryView(device_id=event.device_id, workspace_id=event.workspace_id, **changes)


def _flags(history: DeviceHistoryView, event: DeviceFlagged) -> tuple[DeviceFlag, ...]:
    others = tuple(flag for flag in history.flags if flag.kind != event.kind)
    if not event.on:
        return others
    return (*others, DeviceFlag(kind=event.kind, note=event.note, by=event.actor, flagged_at=event.flagged_at))


def _named(history: DeviceHistoryView, visited: bool) -> Device:
    """A device that no ticket remembers keeps its flags, under its id, and loses what identifies it in clear."""
    device = history.device
    return device if visited else device.model_copy(update={"serial": None, "imei": None})
