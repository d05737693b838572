"""What the devices' own histories are told when a ticket changes. Pure."""

from collections.abc import Sequence

from processors.tickets.devices import devices_of
from processors.tickets.state import evolve
from schemas.core.message import Event, Message
from schemas.device_history import DeviceVisit, ForgetDeviceVisit, RecordDeviceVisit, device_id
from schemas.tickets import TERMINAL_STATES, TicketView


def visits_of(before: TicketView | None, messages: Sequence[Message]) -> tuple[Message, ...]:
    """Return the commands that bring the histories of a ticket's devices up to date with new events of the ticket.

    Only devices that can be told apart (IMEI or serial) have a history. What a ticket would tell is compared before
    and after: a corrected serial, a device that went elsewhere and an erased ticket all come out of that.
    """
    after = before
    for message in messages:
        if isinstance(message, Event):
            after = evolve(after, message)
    if after is None or after is before:
        return ()
    told, tells = _told(before), _told(after)
    forgotten = [ForgetDeviceVisit(device_id=name, ticket_id=after.ticket_id) for name in told if name not in tells]
    return (*forgotten, *(visit for name, visit in tells.items() if told.get(name) != visit))


def _told(ticket: TicketView | None) -> dict[str, RecordDeviceVisit]:
    if ticket is None:
        return {}
    found = {}
    for one in devices_of(ticket):
        name = device_id(ticket.workspace_id, one.device)
        if name is not None and one.stage not in ("removed", "split_off"):
            found[name] = RecordDeviceVisit(
                device_id=name,
                workspace_id=ticket.workspace_id,
                device=one.device,
                visit=_visit(ticket, unrepairable=one.stage == "unrepairable"),
            )
    return found


def _visit(ticket: TicketView, *, unrepairable: bool) -> DeviceVisit:
    if ticket.state not in TERMINAL_STATES:
        return DeviceVisit(ticket_id=ticket.ticket_id, opened_at=ticket.opened_at)
    return DeviceVisit(
        ticket_id=ticket.ticket_id,
        opened_at=ticket.opened_at,
        ended_as=ticket.state,
        outcome="unrepairable" if unrepairable else ticket.outcome,
        closed_at=ticket.moved_at,
        warranty_began_at=ticket.warranty_began_at,
        fault_family=ticket.fault_family,
    )
