"""What stops a move whatever the table says: a hold, a device that is elsewhere, devices that are not finished."""

from processors.tickets.devices import open_devices
from schemas.tickets import TicketState, TicketView

WORK: tuple[TicketState, ...] = ("triage", "diagnosing", "repairing", "outsourced", "rework")
"""Where work on the device begins or goes on. A ticket on hold goes nowhere of these; a check that is due, a quote,
a customer's no and the way out of the shop stay open, because waiting is no reason to keep those from anybody."""
LEAVING: tuple[TicketState, ...] = ("collected", "disposed", "cancelled")
"""A legal hold keeps the device in the shop as well."""
NEEDS_THE_DEVICE: tuple[TicketState, ...] = ("diagnosing", "repairing", "outsourced", "qc", "rework")


def standing_refusal(ticket: TicketView, target: TicketState) -> tuple[str, str] | None:
    """Return the guard and what to do when the ticket's facets keep it from ``target``; None when nothing does."""
    if ticket.hold == "legal" and target in LEAVING:
        return "legal_hold", "The ticket is on legal hold; nothing leaves the shop until the hold is released."
    if ticket.hold != "none" and target in WORK:
        return "on_hold", f"The ticket is on hold ({ticket.hold}); release the hold before work goes on."
    if ticket.custody in ("customer", "courier") and target in NEEDS_THE_DEVICE:
        return "device_here", f"The device is with the {ticket.custody}; take it in again (custody shop) first."
    if (ticket.state, target) == ("qc", "ready"):
        busy = [one.number for one in open_devices(ticket) if one.stage not in ("done", "unrepairable")]
        if ticket.devices and busy:
            numbers = ", ".join(map(str, busy))
            return "devices_finished", f"Device {numbers} is not finished; bring each to done or unrepairable first."
    return None
