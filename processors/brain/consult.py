"""Asks a language model: with what it may see, what it may look up and what it may cost, and only while it is well."""

import asyncio
import hashlib
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from connectors.boards.memory import MemoryBoards
from connectors.boards.port import BoardFacts, Boards
from connectors.errors import ConnectorError, Misconfigured, Transient
from connectors.llm.port import (
    Desk,
    DiagnosisRequest,
    FamilyHint,
    FreePurse,
    LanguageModel,
    OverBudget,
    PartialSuggestion,
    Photo,
    Purse,
)
from processors.brain.breaker import Breaker
from processors.brain.lookups import lookups
from processors.brain.names import Checked, checked
from processors.brain.pack import board_pack
from processors.brain.photos import Photos
from processors.brain.rank import Ranking
from schemas.diagnoses import DiagnoseFault

_LOG = logging.getLogger(__name__)
_PERSONAL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+|\+?\d(?:[ ./-]?\d){6,}")
_REASONS = 12


def _nobody(ticket_id: str, partial: PartialSuggestion) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class Around:
    """What a consultation has beside the model. By default: no photographs, no design files, nobody who counts."""

    purse: Callable[[str], Purse] = lambda _: FreePurse()
    photos: Photos | None = None
    boards: Boards = field(default_factory=MemoryBoards)
    tell: Callable[[str, PartialSuggestion], None] = _nobody
    breaker: Breaker = field(default_factory=Breaker)


@dataclass(frozen=True, slots=True)
class NotHeard:
    """Why there is no answer of the model's, for the reader of the diagnosis."""

    reason: str


class Consultant:
    """Asks one language model. Never raises for what can happen to it: the diagnosis goes on without."""

    def __init__(self, model: LanguageModel, deadline_s: float, around: Around | None = None) -> None:
        self._model, self._deadline_s = model, deadline_s
        self._around = around or Around()

    @property
    def name(self) -> str:
        """Return the model's name."""
        return self._model.name

    async def ask(self, question: DiagnoseFault, ranking: Ranking) -> Checked | NotHeard:
        """Return the model's opinion, checked against the board, or why there is none."""
        loop, breaker = asyncio.get_running_loop(), self._around.breaker
        pause_s = breaker.refuses_for(loop.time(), self._deadline_s)
        if pause_s:
            return NotHeard(f"it failed too often and is asked again in {pause_s:.0f} s")
        try:
            async with asyncio.timeout(self._deadline_s):
                heard = await self._ask(question, ranking)
        except (Transient, Misconfigured, TimeoutError) as error:
            breaker.failed(loop.time())
            return self._left_out(question, error)
        except OverBudget as error:
            return self._left_out(question, error)
        except ConnectorError as error:
            breaker.worked()
            return self._left_out(question, error)
        breaker.worked()
        return heard

    async def _ask(self, question: DiagnoseFault, ranking: Ranking) -> Checked:
        around, ticket_id = self._around, question.ticket_id
        facts = await self._facts(question)
        photos = await around.photos.of(question.photos, question.findings) if around.photos is not None else ()
        desk = Desk(
            lookups(facts, question.device.category),
            lambda partial: around.tell(ticket_id, partial),
            around.purse(ticket_id),
        )
        answer = await self._model.suggest(request(question, ranking, photos, facts), desk)
        _LOG.info(
            "language model answered",
            extra={
                "ticket_id": ticket_id,
                "request_id": answer.usage.request_id,
                "turns": answer.usage.turns,
                "cost_cents": answer.usage.cost_cents,
            },
        )
        return checked(answer.suggestion, facts)

    async def _facts(self, question: DiagnoseFault) -> BoardFacts | None:
        """Return the board's design file; a store that does not answer costs the names, not the opinion.

        A board is its workspace's: where nobody said whose ticket this is, no design file is looked into.
        """
        board_model, workspace_id = question.device.board_model, question.workspace_id
        if board_model is None or workspace_id is None:
            return None
        try:
            return await self._around.boards.of(workspace_id, board_model)
        except ConnectorError as error:
            _LOG.warning("design file left out", extra={"board_model": board_model, "reason": str(error)})
            return None

    def _left_out(self, question: DiagnoseFault, error: Exception) -> NotHeard:
        said = str(error) or f"no answer within {self._deadline_s:.0f} s"
        _LOG.warning("language model left out", extra={"ticket_id": question.ticket_id, "reason": said})
        return NotHeard(f"{type(error).__name__}: {said[:300]}")


def request(
    question: DiagnoseFault, ranking: Ranking, photos: tuple[Photo, ...] = (), facts: BoardFacts | None = None
) -> DiagnosisRequest:
    """Return what the language model may know: serial number, IMEI, ticket id stay here, and so do addresses of mail
    and long numbers in the complaint."""
    device = question.device
    reasons = [f"{fault.family}: {one.text}" for fault in ranking.faults for one in fault.evidence]
    return DiagnosisRequest(
        category=device.category,
        brand=device.brand,
        model=device.model,
        age_years=device.age_years,
        complaint=_PERSONAL.sub("[removed]", question.complaint),
        findings=question.findings,
        families=tuple(
            FamilyHint(family=one.family, title=one.title, probability=round(one.probability, 4))
            for one in ranking.faults
        ),
        reasons=tuple(_PERSONAL.sub("[removed]", reason) for reason in reasons[:_REASONS]),
        photos=photos,
        pack=board_pack(facts),
        opaque_user=hashlib.sha256(question.ticket_id.encode()).hexdigest()[:32],
    )
