"""What a check needs to know of a repair, and of those before it: folded out of four view topics. Pure.

Of a ticket that has ended nothing is held but what became of its repair.
"""

from typing import Any

import orjson

from processors.qc.outcomes import Outcomes
from schemas.core.ids import DEFAULT_WORKSPACE, TicketId
from schemas.core.message import Message
from schemas.diagnoses import DiagnosisView, FaultDiagnosed
from schemas.inspections import BoardInspected, Finding, InspectionView
from schemas.qc import QcView, RepairToCheck
from schemas.qc_plans import History
from schemas.tickets import TERMINAL_STATES, MoveEvidence, TicketView
from topics.diagnoses import DIAGNOSIS_VIEWS
from topics.inspections import INSPECTION_VIEWS
from topics.qc import QC_VIEWS
from topics.registry import topic_named
from topics.tickets import TICKET_VIEWS

FOLDED = (TICKET_VIEWS, DIAGNOSIS_VIEWS, INSPECTION_VIEWS, QC_VIEWS)
MEMBER = "user:"
"""How the name of a person who is logged in begins, where events name whoever did something."""


class Directory:
    """Open tickets, the faults found, what was seen at hand-in, and the outcomes of repairs."""

    def __init__(self) -> None:
        self._tickets: dict[TicketId, TicketView] = {}
        self._faults: dict[TicketId, str] = {}
        self._seen: dict[TicketId, tuple[Finding, ...]] = {}
        self._ended: set[TicketId] = set()
        self._outcomes = Outcomes()
        self.unreadable = 0

    def take(self, topic: str, key: bytes | None, value: bytes | None) -> None:
        """Take one record of a view topic; one that cannot be read is counted and left out."""
        if key is None:
            return
        ticket_id = key.decode("utf-8", "replace")
        if value is None:
            self._forget(topic, ticket_id)
            return
        try:
            [kind] = topic_named(topic).carries
            self._take(ticket_id, kind.model_validate(orjson.loads(value)["state"]))
        except (ValueError, KeyError, TypeError):
            self.unreadable += 1

    def _take(self, ticket_id: TicketId, view: Message) -> None:
        match view:
            case QcView():
                self._outcomes.take(view)
            case TicketView():
                self._take_ticket(view)
            case _ if ticket_id in self._ended:
                pass
            case DiagnosisView(diagnosed=FaultDiagnosed() as found):
                self._faults[ticket_id] = found.plan.fault_family
            case InspectionView(inspected=BoardInspected(compared=True) as seen):
                self._seen[ticket_id] = seen.findings

    def _take_ticket(self, view: TicketView) -> None:
        if view.state not in TERMINAL_STATES:
            self._tickets[view.ticket_id] = view
            return
        # The topics are read side by side: what is still to come of this ticket is left out as well.
        self._ended.add(view.ticket_id)
        for held in (self._tickets, self._faults, self._seen):
            held.pop(view.ticket_id, None)

    def _forget(self, topic: str, ticket_id: TicketId) -> None:
        held: dict[str, Any] = {
            TICKET_VIEWS.name: self._tickets, DIAGNOSIS_VIEWS.name: self._faults, INSPECTION_VIEWS.name: self._seen,
        }  # fmt: skip
        if topic == QC_VIEWS.name:
            self._outcomes.forget(ticket_id)
        else:
            held[topic].pop(ticket_id, None)

    def repair(self, ticket_id: TicketId, actor: str, evidence: MoveEvidence) -> RepairToCheck:
        """Return what is known of a repair that ``actor`` moved to its check with ``evidence``.

        Whoever is logged in and moved it is taken for one of those who repaired it.
        """
        ticket = self._tickets.get(ticket_id)
        people = [
            ticket.technician if ticket else None,
            evidence.repaired_by,
            actor if actor.startswith(MEMBER) else None,
        ]
        value = evidence.value_cents
        if value is None and ticket is not None:
            value = ticket.quote_total_cents
        return RepairToCheck(
            workspace_id=ticket.workspace_id if ticket else DEFAULT_WORKSPACE,
            category=ticket.device.category if ticket else "other",
            board_model=ticket.device.board_model if ticket else None,
            fault_family=self._faults.get(ticket_id),
            value_cents=value,
            repaired_by=tuple(dict.fromkeys(name for name in people if name)),
            before=self._seen.get(ticket_id),
        )

    def history(self, repair: RepairToCheck) -> History:
        """Return what became of the repairs like this one."""
        technician = repair.repaired_by[0] if repair.repaired_by else None
        return self._outcomes.history(repair.workspace_id, repair.fault_family, technician)
