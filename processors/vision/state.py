"""The newest inspection of a ticket, folded from vision's own events. Pure."""

from schemas.core.message import Event
from schemas.images import ImageJudged
from schemas.inspections import BoardInspected, BoardInspectionRefused, InspectionView


def evolve(state: InspectionView | None, event: Event) -> InspectionView:
    """Return the view after one more event. The photo at position 0 begins a new inspection.

    Raises:
        TypeError: an event that vision does not write, before any that it does.
    """
    match event:
        case ImageJudged():
            return _judged(state, event)
        case BoardInspected():
            images = state.images if state else ()
            return InspectionView(ticket_id=event.ticket_id, status="inspected", images=images, inspected=event)
        case BoardInspectionRefused():
            images = state.images if state else ()
            return InspectionView(ticket_id=event.ticket_id, status="refused", images=images, refused=event)
        case _ if state is not None:
            return state
        case _:
            raise TypeError(f"{type(event).__name__} is no event of an inspection")


def _judged(state: InspectionView | None, event: ImageJudged) -> InspectionView:
    kept = [image for image in state.images if image.position < event.position] if state else []
    return InspectionView(ticket_id=event.ticket_id, status="judged", images=(*kept, event))
