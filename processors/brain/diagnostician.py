"""The engine behind the brain: the shop's own ranking, and a language model's opinion where there is one."""

import asyncio
import hashlib
import logging
import re
from importlib import resources
from io import BytesIO

import numpy as np

from connectors.errors import ConnectorError
from connectors.llm.port import DiagnosisRequest, DiagnosisSuggestion, FamilyHint, LanguageModel
from processors.brain.assess import Diagnosis, assess
from processors.brain.config import Policy
from processors.brain.faultmodel import FaultModel
from processors.brain.observations import observations, test_of
from processors.brain.pool import advice, pooled
from processors.brain.rank import Ranking, rank
from processors.brain.success import SuccessModel
from schemas.diagnoses import DiagnoseFault

_LOG = logging.getLogger(__name__)
_PERSONAL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+|\+?\d(?:[ ./-]?\d){6,}")
_LONG_COMPLAINT = 600
"""Characters from which a ranking can take more than 5 ms and moves to a thread, off the event loop."""


class Diagnostician:
    """Answers diagnosis commands. Without a ``language_model`` nothing leaves the machine."""

    def __init__(
        self,
        model: FaultModel,
        success: SuccessModel,
        engine: str,
        policy: Policy | None = None,
        language_model: LanguageModel | None = None,
    ) -> None:
        self._model = model
        self._success = success
        self._engine = engine
        self._policy = policy or Policy()
        self._language_model = language_model

    @classmethod
    def shipped(cls, policy: Policy | None = None, language_model: LanguageModel | None = None) -> "Diagnostician":
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
        engine = f"offline/{hashlib.sha256(stored).hexdigest()[:8]}"
        return cls(model, success, engine, policy, language_model)

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
        if self._language_model is None:
            return self._assessed(question, ranking)
        try:
            async with asyncio.timeout(self._policy.vendor_deadline_s):
                answer = await self._language_model.suggest(_request(question, ranking))
        except (ConnectorError, TimeoutError) as error:
            said = str(error) or f"no answer within {self._policy.vendor_deadline_s:.0f} s"
            _LOG.warning("language model left out", extra={"ticket_id": question.ticket_id, "reason": said})
            return self._assessed(question, ranking, degraded=f"{type(error).__name__}: {said[:300]}")
        return self._pooled(question, ranking, answer, self._language_model.name)

    def _pooled(self, question: DiagnoseFault, ranking: Ranking, answer: DiagnosisSuggestion, name: str) -> Diagnosis:
        usage = answer.usage
        _LOG.info(
            "language model answered",
            extra={"ticket_id": question.ticket_id, "request_id": usage.request_id, "cost_cents": usage.cost_cents},
        )
        return assess(
            question.complaint,
            question.device,
            pooled(ranking, answer.suggestion, self._policy.vendor_weight),
            self._success,
            self._policy,
            f"{self._engine}+{name}",
            advice(answer.suggestion),
            done=_done(question),
        )

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
        )


def _done(question: DiagnoseFault) -> frozenset[str]:
    """Return the words of the bench tests that were done already."""
    return frozenset(test.what for test in map(test_of, question.readings) if test is not None)


def _request(question: DiagnoseFault, ranking: Ranking) -> DiagnosisRequest:
    """Return what the language model may know: serial number, IMEI, ticket id stay here, and so do addresses of mail
    and long numbers in the complaint."""
    device = question.device
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
        opaque_user=hashlib.sha256(question.ticket_id.encode()).hexdigest()[:32],
    )
