"""The newest diagnosis of a ticket."""

from schemas.core.message import Event
from schemas.diagnoses import DiagnosisAbstained, DiagnosisView, FaultDiagnosed


def evolve(state: DiagnosisView | None, event: Event) -> DiagnosisView:
    """Return the view after one of the brain's events; a newer answer takes the place of the older.

    Raises:
        TypeError: an event that the brain does not write, with nothing known before.
    """
    if isinstance(event, FaultDiagnosed):
        return DiagnosisView(ticket_id=event.ticket_id, diagnosed=event)
    if isinstance(event, DiagnosisAbstained):
        return DiagnosisView(ticket_id=event.ticket_id, abstained=event)
    if state is None:
        raise TypeError(f"{type(event).__name__} is not an event of the brain; nothing can be said of this ticket")
    return state
