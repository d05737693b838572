"""What is said about a ticket's fault. The engine has answered already; this states it as a fact."""

from datetime import datetime

from processors.brain.assess import Diagnosis
from schemas.core.outcome import Emit, Outcome
from schemas.diagnoses import DiagnoseFault, DiagnosisAbstained, FaultDiagnosed


def decide(command: DiagnoseFault, diagnosis: Diagnosis, now: datetime) -> Outcome:
    """Return the diagnosis, or the abstention, as an event. ``now`` is the command's time."""
    if diagnosis.plan is None or diagnosis.abstained is not None:
        reason, detail = diagnosis.abstained or ("low_confidence", diagnosis.summary)
        return Emit.of(
            DiagnosisAbstained(
                ticket_id=command.ticket_id,
                reason=reason,
                detail=detail,
                faults=diagnosis.faults,
                next_measurement=diagnosis.next_measurement,
                hazards=diagnosis.hazards,
                language=diagnosis.language,
                engine=diagnosis.engine,
                degraded=diagnosis.degraded,
                opinion=diagnosis.opinion,
                why=diagnosis.why,
                readings=command.readings,
                earlier=command.earlier,
                abstained_at=now,
            )
        )
    return Emit.of(
        FaultDiagnosed(
            ticket_id=command.ticket_id,
            summary=diagnosis.summary,
            faults=diagnosis.faults,
            confidence=diagnosis.confidence,
            raise_confidence=diagnosis.raise_confidence,
            next_measurement=diagnosis.next_measurement,
            hazards=diagnosis.hazards,
            plan=diagnosis.plan,
            language=diagnosis.language,
            engine=diagnosis.engine,
            degraded=diagnosis.degraded,
            opinion=diagnosis.opinion,
            why=diagnosis.why,
            readings=command.readings,
            earlier=command.earlier,
            diagnosed_at=now,
        )
    )
