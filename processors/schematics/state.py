"""What is known of a board, folded from our own events. Pure."""

from schemas.core.message import Event
from schemas.schematics import DesignAnalysed, DesignAnswered, DesignRefused, DesignRemoved, DesignView


def evolve(state: DesignView | None, event: Event) -> DesignView:
    """Return the view after one more event. A refusal leaves what was known; an answer changes nothing.

    Raises:
        TypeError: an event that is not one of ours.
    """
    match event:
        case DesignAnalysed():
            return DesignView(**_whose(event), analysed=event)
        case DesignRefused():
            return DesignView(**_whose(event), analysed=state.analysed if state is not None else None, refused=event)
        case DesignRemoved():
            return DesignView(**_whose(event), removed=event)
        case DesignAnswered():
            return state if state is not None else DesignView(**_whose(event))
        case _:
            raise TypeError(f"{type(event).__name__} is no event of a design")


def _whose(event: DesignAnalysed | DesignRefused | DesignAnswered | DesignRemoved) -> dict[str, str]:
    return {"design_id": event.design_id, "workspace_id": event.workspace_id, "board_model": event.board_model}
