"""The engine behind the brain: the shop's own ranking, and a language model's opinion where there is one."""

import asyncio
import hashlib
from dataclasses import replace
from importlib import resources
from io import BytesIO

import numpy as np

from connectors.llm.port import LanguageModel
from processors.brain.assess import Diagnosis, assess
from processors.brain.config import Policy
from processors.brain.consult import Around, Consultant, NotHeard
from processors.brain.faultmodel import FaultModel
from processors.brain.observations import observations, test_of
from processors.brain.pool import advice, opinion_of, pooled
from processors.brain.rank import Ranking, rank
from processors.brain.success import SuccessModel
from schemas.diagnoses import DiagnoseFault, ModelOpinion

_LONG_COMPLAINT = 600
"""Characters from which a ranking can take more than 5 ms and moves to a thread, off the event loop."""


def engine_name(artefact: bytes) -> str:
    """Return the name under which the shop's own engine answers with the weights of a ``faults.npz``."""
    return f"offline/{hashlib.sha256(artefact).hexdigest()[:8]}"


class Diagnostician:
    """Answers diagnosis commands. Without a ``language_model`` nothing leaves the machine."""

    def __init__(
        self,
        model: FaultModel,
        success: SuccessModel,
        engine: str,
        policy: Policy | None = None,
        language_model: LanguageModel | None = None,
        around: Around | None = None,
    ) -> None:
        self._model = model
        self._success = success
        self._engine = engine
        self._policy = policy or Policy()
        self._consultant = (
            Consultant(language_model, self._policy.vendor_deadline_s, around) if language_model is not None else None
        )

    @classmethod
    def shipped(
        cls,
        policy: Policy | None = None,
        language_model: LanguageModel | None = None,
        around: Around | None = None,
    ) -> "Diagnostician":
        """Return one with the artefacts that come with the program.

        Raises:
            ValueError: the artefact was trained for another version of this code.
        """
        folder = resources.files("processors.brain") / "model"
        stored = (folder / "faults.npz").read_bytes()
        with np.load(BytesIO(stored), allow_pickle=False) as arrays:
            model = FaultModel.from_arrays({name: arrays[name] for name in arrays.files})
        with np.load(BytesIO((folder / "success.npz").read_bytes()), allow_pickle=False) as arrays:
            success = SuccessModel.from_arrays({name: arrays[name] for name in arrays.files})
        return cls(model, success, engine_name(stored), policy, language_model, around)

    @property
    def engine(self) -> str:
        """The name of the shop's own engine: it holds the hash of the weights."""
        return self._engine

    def offline(self, question: DiagnoseFault) -> Diagnosis:
        """Return the answer of the shop's own engine alone."""
        return self._assessed(question, self._ranked(question))

    async def diagnose(self, question: DiagnoseFault) -> Diagnosis:
        """Return the answer. A language model that fails, or takes longer than the policy allows, is left out and
        the answer says so (``degraded``)."""
        if len(question.complaint) > _LONG_COMPLAINT:
            ranking = await asyncio.to_thread(self._ranked, question)
        else:
            ranking = self._ranked(question)
        if self._consultant is None:
            return self._assessed(question, ranking)
        heard = await self._consultant.ask(question, ranking)
        if isinstance(heard, NotHeard):
            return self._assessed(question, ranking, degraded=heard.reason)
        return self._pooled(question, ranking, opinion_of(heard, self._consultant.name))

    def with_opinion(self, question: DiagnoseFault, opinion: ModelOpinion) -> Diagnosis:
        """Return the answer with a language model's recorded opinion: what :meth:`diagnose` said when it heard it."""
        return self._pooled(question, self._ranked(question), opinion)

    def _pooled(self, question: DiagnoseFault, ranking: Ranking, opinion: ModelOpinion) -> Diagnosis:
        mixed = pooled(ranking, opinion, self._policy.vendor_weight)
        answer = assess(
            question.complaint,
            question.device,
            mixed,
            self._success,
            self._policy,
            f"{self._engine}+{opinion.model}",
            advice(opinion, mixed.faults[0]),
            done=_done(question),
            board=question.board_measurement,
        )
        return replace(answer, opinion=opinion)

    def _ranked(self, question: DiagnoseFault) -> Ranking:
        policy = self._policy
        return rank(
            self._model,
            question.complaint,
            question.device,
            question.findings,
            policy.shown_faults,
            policy.shown_evidence,
            observations(question),
        )

    def _assessed(self, question: DiagnoseFault, ranking: Ranking, degraded: str = "") -> Diagnosis:
        return assess(
            question.complaint,
            question.device,
            ranking,
            self._success,
            self._policy,
            self._engine,
            degraded=degraded,
            done=_done(question),
            board=question.board_measurement,
        )


def _done(question: DiagnoseFault) -> frozenset[str]:
    """Return the words of the bench tests that were done already."""
    return frozenset(test.what for test in map(test_of, question.readings) if test is not None)
