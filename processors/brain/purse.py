"""Pays for requests to language models out of the budgets of the repair and of the day, by way of the log."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from connectors.clock.clock import Clock, new_id
from connectors.errors import Transient
from connectors.llm.port import Estimate, OverBudget, Usage
from connectors.llm.prices import PRICES_DATE
from processors.brain.spending import Spending
from schemas.models import ModelAsked, ModelOutcome, ModelReserved

_MICROS_A_CENT = 10_000
_OPERATOR = "raise NOIZYLAB_CLAUDE_{}_CENTS"


@dataclass(frozen=True, slots=True)
class Budget:
    """US cents that language models may cost, for a repair in all and for a day (UTC)."""

    repair_cents: float = 100.0
    day_cents: float = 2_000.0


class Ledger:
    """The book: written before and after each request, read before one is allowed.

    ``write`` returns when the entry is in the log; ``catch_up`` returns when ``spending`` holds all that was there.
    """

    def __init__(
        self,
        write: Callable[[ModelReserved | ModelAsked], Awaitable[None]],
        catch_up: Callable[[], Awaitable[None]],
        spending: Spending,
        budget: Budget,
        clock: Clock,
    ) -> None:
        self.spending, self.budget, self.clock = spending, budget, clock
        self.write, self.catch_up = write, catch_up

    def purse(self, repair_id: str, purpose: str = "diagnosis") -> "LedgerPurse":
        """Return what pays for the requests of one repair."""
        return LedgerPurse(self, repair_id, purpose)


class LedgerPurse:
    """A ``Purse``. One request at a time."""

    def __init__(self, ledger: Ledger, repair_id: str, purpose: str) -> None:
        self._ledger, self._repair_id, self._purpose = ledger, repair_id, purpose
        self._held: ModelReserved | None = None

    async def hold(self, estimate: Estimate) -> None:
        """Set money aside in the log, then see whether it fits behind what lies before it.

        Raises:
            OverBudget: it does not fit, and the reservation is taken back; or the log does not answer.
        """
        now = self._ledger.clock.now()
        held = ModelReserved(
            day=now.date().isoformat(),
            ask_id=new_id(),
            repair_id=self._repair_id,
            purpose=self._purpose,
            model=estimate.model,
            input_tokens=estimate.input_tokens,
            reserved_usd_micros=_micros(estimate.most_cents),
            reserved_at=now,
        )
        try:
            await self._ledger.write(held)
            self._held = held
            await self._ledger.catch_up()
        except Transient as error:
            raise OverBudget(f"the book of language models cannot be kept, so none is asked: {error}") from error
        problem = self._problem(held.ask_id, held.reserved_usd_micros)
        if problem is not None:
            nothing = Usage(model=estimate.model, turns=1, input_tokens=0, output_tokens=0, cost_cents=0)
            await self.settle(nothing, "over_budget")
            raise OverBudget(problem)

    async def settle(self, usage: Usage, outcome: ModelOutcome) -> None:
        """Put what was used in the place of what was set aside; of unknown prices, all that was set aside."""
        held, self._held = self._held, None
        assert held is not None, "a request is held before it is settled"
        cost = held.reserved_usd_micros if usage.cost_cents is None else _micros(usage.cost_cents)
        await self._ledger.write(
            ModelAsked(
                day=held.day,
                ask_id=held.ask_id,
                repair_id=held.repair_id,
                purpose=held.purpose,
                model=usage.model,
                outcome=outcome,
                request_id=usage.request_id,
                input_tokens=usage.input_tokens,
                output_tokens=usage.output_tokens,
                cache_read_tokens=usage.cache_read_tokens,
                cache_write_tokens=usage.cache_write_tokens,
                spent_usd_micros=cost,
                estimated=usage.estimated or usage.cost_cents is None,
                prices_of=PRICES_DATE,
                asked_at=self._ledger.clock.now(),
            )
        )

    def _problem(self, ask_id: UUID, wanted: int) -> str | None:
        ahead, budget = self._ledger.spending.ahead(ask_id), self._ledger.budget
        for name, spent, cents in (
            ("repair", ahead.of_repair, budget.repair_cents),
            ("day", ahead.of_day, budget.day_cents),
        ):
            if spent + wanted > _micros(cents):
                return (
                    f"the {name}'s budget for language models is {_usd(_micros(cents))}; {_usd(spent)} of it is spent "
                    f"or set aside and {_usd(wanted)} may be needed; {_OPERATOR.format(name.upper())}"
                    + (", or wait for the next day (UTC)" if name == "day" else "")
                )
        return None


def _micros(cents: float) -> int:
    return round(cents * _MICROS_A_CENT)


def _usd(micros: int) -> str:
    return f"{micros / 1_000_000:.2f} USD"
