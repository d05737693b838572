"""Ties the brain to its topics."""

from connectors.bus.aggregate import Aggregate
from connectors.bus.app import App
from connectors.vault.port import Vault
from processors.brain.decide import decide
from processors.brain.diagnostician import Diagnostician
from processors.brain.state import evolve
from schemas.core.envelope import Envelope
from schemas.core.message import Message
from schemas.core.outcome import Drop, Outcome, Reject
from schemas.diagnoses import DiagnoseFault, DiagnosisView
from topics.diagnoses import DIAGNOSIS_COMMANDS, DIAGNOSIS_EVENTS, DIAGNOSIS_VIEWS

DIAGNOSES = Aggregate(view=DIAGNOSIS_VIEWS, evolve=evolve)


def wire(app: App, diagnostician: Diagnostician, vault: Vault) -> None:
    """Diagnose faults. Importing this module registers nothing. ``vault`` opens the complaint, which lies sealed."""

    @app.agent(DIAGNOSIS_COMMANDS, emits=(DIAGNOSIS_EVENTS,), state=DIAGNOSES)
    async def diagnose(command: Message, envelope: Envelope, known: DiagnosisView | None) -> Outcome:
        if not isinstance(command, DiagnoseFault):
            return Reject("not_a_diagnosis_command", type(command).__name__)
        complaint = await vault.open_text(command.complaint)
        if complaint is None:
            return Drop("complaint_erased")
        question = command.model_copy(update={"complaint": complaint})
        return decide(question, await diagnostician.diagnose(question), envelope.time)
