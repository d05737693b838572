"""Ties the brain to its topics."""

from collections.abc import Awaitable, Callable

from connectors.boards.port import Boards
from connectors.bus.aggregate import Aggregate
from connectors.bus.app import App
from connectors.bus.records import command_record
from connectors.clock.clock import new_id
from connectors.vault.port import Vault
from processors.brain.consult import Around
from processors.brain.decide import decide
from processors.brain.diagnostician import Diagnostician
from processors.brain.history import History
from processors.brain.photos import Photos
from processors.brain.progress import Reporter
from processors.brain.purse import Budget, Ledger
from processors.brain.spending import Spending
from processors.brain.state import evolve
from schemas.core.envelope import Envelope
from schemas.core.message import Message
from schemas.core.outcome import Drop, Outcome, Reject
from schemas.diagnoses import DiagnoseFault, DiagnosisView
from schemas.models import ModelAsked, ModelReserved
from schemas.progress import DiagnosisProgressed
from topics.devices import DEVICE_VIEWS
from topics.diagnoses import DIAGNOSIS_COMMANDS, DIAGNOSIS_EVENTS, DIAGNOSIS_VIEWS
from topics.models import MODEL_EVENTS
from topics.progress import DIAGNOSIS_PROGRESS
from topics.schematics import DESIGN_VIEWS

DIAGNOSES = Aggregate(view=DIAGNOSIS_VIEWS, evolve=evolve)


def wire(app: App, diagnostician: Diagnostician, vault: Vault, history: History | None = None) -> None:
    """Diagnose faults. Importing this module registers nothing. ``vault`` opens the complaint, which lies sealed.

    ``history`` knows what was repaired on a device before; what it says is told in the event, so that the answer can be
    made again.

    Where a language model is asked, each of its requests stands in ``models.events.v1``, which is read before the next
    one is allowed, and what it has said so far is told in passing; see :func:`around`.
    """
    app.follow(MODEL_EVENTS, DEVICE_VIEWS, DESIGN_VIEWS)
    app.tells.extend((MODEL_EVENTS, DIAGNOSIS_PROGRESS))

    @app.agent(DIAGNOSIS_COMMANDS, emits=(DIAGNOSIS_EVENTS,), state=DIAGNOSES)
    async def diagnose(command: Message, envelope: Envelope, known: DiagnosisView | None) -> Outcome:
        if not isinstance(command, DiagnoseFault):
            return Reject("not_a_diagnosis_command", type(command).__name__)
        complaint = await vault.open_text(command.complaint)
        if complaint is None:
            return Drop("complaint_erased")
        earlier = command.earlier if history is None else await history.before(command, envelope.time)
        question = command.model_copy(update={"complaint": complaint, "earlier": earlier})
        return decide(question, await diagnostician.diagnose(question), envelope.time)


def around(
    app: App,
    catch_up: Callable[[], Awaitable[None]],
    spending: Spending,
    budget: Budget,
    engine: str,
    photos: Photos,
    boards: Boards,
) -> Around:
    """Return what a consultation of the language model ``engine`` has beside it, as this app's part of the log.

    ``catch_up`` reads what is new of ``models.events.v1`` into ``spending``.
    """

    async def write(entry: ModelReserved | ModelAsked) -> None:
        await publish(entry, entry.repair_id)

    async def tell(progress: DiagnosisProgressed) -> None:
        await publish(progress, progress.ticket_id)

    async def publish(message: Message, correlation_id: str) -> None:
        now = app.wall_clock.now()
        record = command_record(
            message, source=app.processor, now=now, correlation_id=correlation_id, message_id=new_id()
        )
        await app.publish([record])

    ledger = Ledger(write, catch_up, spending, budget, app.wall_clock)
    return Around(ledger.purse, photos, boards, Reporter(tell, engine, app.wall_clock).tell)
