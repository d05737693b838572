"""Several devices on one ticket.

The ticket's state is that of the order: quote, money, consent, collection. Beside it each device has a stage of work
of its own. Three rules tie the two: a device is only worked on while the ticket is at work, no device begins while
the ticket is on hold, and the ticket leaves its check only when every device is done or unrepairable.
"""

from processors.tickets.asked import ALREADY_SO, DUPLICATE, Answer, Asked
from processors.tickets.imei import imei_fault
from processors.tickets.lifecycle import Refusal
from schemas.ticket_devices import AddDevice, DeviceAdded, DeviceMoved, DeviceRemoved, MoveDevice, RemoveDevice
from schemas.ticket_parts import DeviceStage, TicketDevice
from schemas.tickets import TicketState, TicketView

STAGES: dict[DeviceStage, tuple[DeviceStage, ...]] = {
    "waiting": ("diagnosing", "repairing", "unrepairable", "returned"),
    "diagnosing": ("waiting", "repairing", "unrepairable"),
    "repairing": ("waiting", "diagnosing", "done", "unrepairable"),
    "done": ("repairing", "returned"),
    "unrepairable": ("diagnosing", "returned"),
    "returned": (),
    "removed": (),
    "split_off": (),
}
"""Where a device can go from each stage. ``removed`` and ``split_off`` are reached by wishes of their own."""
GONE: tuple[DeviceStage, ...] = ("returned", "removed", "split_off")
AT_WORK: dict[DeviceStage, tuple[TicketState, ...]] = {
    "diagnosing": ("triage", "diagnosing", "repairing", "rework"),
    "repairing": ("repairing", "rework"),
}
"""The states of the ticket in which a device may come to a stage; any state for the others."""
DEVICES_MAX = 50


def devices_of(ticket: TicketView) -> tuple[TicketDevice, ...]:
    """Return all devices that were ever on a ticket; one that only has one keeps it in ``device``."""
    return ticket.devices or (TicketDevice(number=1, device=ticket.device),)


def open_devices(ticket: TicketView) -> tuple[TicketDevice, ...]:
    """Return the devices that are still on a ticket."""
    return tuple(one for one in devices_of(ticket) if one.stage not in GONE)


def find_device(ticket: TicketView, number: int) -> TicketDevice | None:
    """Return the device with a number, if it was ever on the ticket."""
    return next((one for one in devices_of(ticket) if one.number == number), None)


def add_device(asked: Asked, wish: AddDevice) -> Answer:
    """Answer a wish to put one more device on a ticket."""
    known = find_device(asked.ticket, wish.number)
    if known is not None and known.device == wish.device:
        return DUPLICATE
    if asked.closed:
        return _closed(asked)
    free = max(one.number for one in devices_of(asked.ticket)) + 1
    if wish.number != free:
        return Refusal("number_free", f"The next free number is {free}, not {wish.number}; read the ticket again.")
    if wish.device.imei is not None and (fault := imei_fault(wish.device.imei)) is not None:
        return Refusal("identity_ok", fault)
    return (asked.fact(DeviceAdded, number=wish.number, device=wish.device),)


def remove_device(asked: Asked, wish: RemoveDevice) -> Answer:
    """Answer a wish to take a device off a ticket."""
    known = find_device(asked.ticket, wish.number)
    if known is None:
        return _unknown(wish.number)
    if known.stage == "removed":
        return ALREADY_SO
    if asked.closed:
        return _closed(asked)
    if known.stage in GONE:
        return Refusal("still_here", f"Device {wish.number} is {known.stage}, so it cannot be removed.")
    if known.stage in ("diagnosing", "repairing"):
        return Refusal("off_the_bench", f"Device {wish.number} is {known.stage}; bring it to waiting first.")
    if len(open_devices(asked.ticket)) == 1:
        return Refusal("last_device", "It is the only device left; cancel the ticket instead.")
    return (asked.fact(DeviceRemoved, reason=wish.reason, number=wish.number),)


def move_device(asked: Asked, wish: MoveDevice) -> Answer:
    """Answer a wish to bring one device to another stage."""
    ticket, known = asked.ticket, find_device(asked.ticket, wish.number)
    if known is None:
        return _unknown(wish.number)
    if known.stage == wish.to:
        return ALREADY_SO
    if asked.closed:
        return _closed(asked)
    if wish.to not in STAGES[known.stage]:
        ways = ", ".join(STAGES[known.stage]) or "nowhere: this is final"
        return Refusal("no_transition", f"Device {wish.number} is {known.stage}; from there it can go to {ways}.")
    if wish.to in AT_WORK and ticket.hold != "none":
        return Refusal("on_hold", f"The ticket is on hold ({ticket.hold}); release the hold before work goes on.")
    if wish.to in AT_WORK and ticket.state not in AT_WORK[wish.to]:
        wanted = " or ".join(AT_WORK[wish.to])
        return Refusal("ticket_at_work", f"The ticket is {ticket.state}; move it to {wanted} first.")
    if wish.to == "returned" and ticket.hold == "legal":
        return Refusal("legal_hold", "The ticket is on legal hold; nothing leaves the shop until it is released.")
    if wish.to == "returned" and len(open_devices(ticket)) == 1:
        return Refusal("last_device", "It is the last device here; hand it over by moving the ticket to collected.")
    return (asked.fact(DeviceMoved, reason=wish.reason, number=wish.number, before=known.stage, to=wish.to),)


def _unknown(number: int) -> Refusal:
    return Refusal("no_such_device", f"The ticket has no device {number}; read it to see its devices.")


def _closed(asked: Asked) -> Refusal:
    return Refusal("closed", f"The ticket is {asked.ticket.state}; open a new one for another device.")
