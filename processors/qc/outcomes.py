"""What became of repairs: the history that sampling learns from, and the honest estimate. Folded from views of checks.

A repair *bounced* when its first check failed, or when it came back after it was ready. Known are the repairs that were
checked to the end and those that came back; one that was spared and came back counts against its group, one that did
not counts nowhere, so a group that is seldom checked looks rather worse than it is, and is checked again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from processors.qc.people import plain
from processors.qc.sampling import Rate, estimated
from schemas.core.ids import TicketId, WorkspaceId
from schemas.qc import QcView
from schemas.qc_plans import History, Tally

NOBODY = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One repair whose end is known. ``chance`` None: it was not checked, so it is no part of the sample."""

    workspace_id: WorkspaceId
    fault: str | None
    technician: str
    bounced: bool
    chance: float | None


def outcome_of(view: QcView) -> Outcome | None:
    """Return what became of a repair, by its first check; None while that is not known."""
    first = view.rounds[0]
    checked = first.status in ("passed", "failed")
    bounced = first.status == "failed" or view.bounced is not None
    if not checked and not bounced:
        return None
    return Outcome(
        workspace_id=view.workspace_id,
        fault=first.repair.fault_family,
        technician=plain(first.repair.repaired_by[0]) if first.repair.repaired_by else NOBODY,
        bounced=bounced,
        chance=first.sampling.chance if checked else None,
    )


class Outcomes:
    """The known outcomes, one a ticket; a newer view of a ticket takes the place of the older one."""

    def __init__(self, views: Iterable[QcView] = ()) -> None:
        self._known: dict[TicketId, Outcome] = {}
        for view in views:
            self.take(view)

    def take(self, view: QcView) -> None:
        """Take the newest view of a ticket's checks."""
        outcome = outcome_of(view)
        if outcome is not None:
            self._known[view.ticket_id] = outcome

    def forget(self, ticket_id: TicketId) -> None:
        """Take a ticket out."""
        self._known.pop(ticket_id, None)

    def history(self, workspace_id: WorkspaceId, fault: str | None, technician: str | None) -> History:
        """Return what became of the repairs of a workspace, with this fault, by this technician on it."""
        own = [one for one in self._known.values() if one.workspace_id == workspace_id]
        same = [one for one in own if one.fault == fault]
        name = plain(technician) if technician is not None else NOBODY
        pair = [one for one in same if one.technician == name]
        return History(everything=_tally(own), fault=_tally(same), pair=_tally(pair))

    def rate(self, workspace_id: WorkspaceId) -> Rate:
        """Return the estimated share of all repairs of a workspace that bounce."""
        return estimated(self._observed(workspace_id))

    def rates_by_fault(self, workspace_id: WorkspaceId) -> dict[str, Rate]:
        """Return the same for each fault, by name; repairs without a diagnosis are under ``unknown``."""
        found: dict[str, list[tuple[bool, float]]] = {}
        for one in self._known.values():
            if one.workspace_id == workspace_id and one.chance is not None:
                found.setdefault(one.fault or "unknown", []).append((one.bounced, one.chance))
        return {fault: estimated(observed) for fault, observed in sorted(found.items())}

    def _observed(self, workspace_id: WorkspaceId) -> Iterator[tuple[bool, float]]:
        for one in self._known.values():
            if one.workspace_id == workspace_id and one.chance is not None:
                yield one.bounced, one.chance


def _tally(outcomes: list[Outcome]) -> Tally:
    return Tally(bounced=sum(one.bounced for one in outcomes), repairs=len(outcomes))


def bounce_rates(views: Iterable[QcView], workspace_id: WorkspaceId) -> dict[str, Any]:
    """Return the estimates of a workspace as JSON: of all its repairs, and of each fault."""
    outcomes = Outcomes(views)
    by_fault = outcomes.rates_by_fault(workspace_id)
    return {
        "all": asdict(outcomes.rate(workspace_id)),
        "by_fault": {fault: asdict(rate) for fault, rate in by_fault.items()},
    }
