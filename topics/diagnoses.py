"""Topics of diagnosis."""

from datetime import timedelta

from schemas.diagnoses import DiagnoseFault, DiagnosisAbstained, DiagnosisView, FaultDiagnosed
from topics.topic import Compact, Delete, Topic

DIAGNOSIS_COMMANDS = Topic(
    name="diagnoses.commands.v1",
    owner="brain",
    summary="Wishes to diagnose a fault.",
    carries=(DiagnoseFault,),
    key="ticket_id",
    personal_data=True,
)
DIAGNOSIS_EVENTS = Topic(
    name="diagnoses.events.v1",
    owner="brain",
    summary="Ranked faults with evidence, or an abstention.",
    carries=(FaultDiagnosed, DiagnosisAbstained),
    key="ticket_id",
    personal_data=True,
    cleanup=Delete(timedelta(days=365)),
)
DIAGNOSIS_VIEWS = Topic(
    name="diagnoses.views.v1",
    owner="brain",
    summary="The newest diagnosis of each ticket.",
    carries=(DiagnosisView,),
    key="ticket_id",
    personal_data=True,
    cleanup=Compact(),
)
