"""Tries the language model: is the key good, is the model there, does it answer as it must, and what does that cost?"""

from collections.abc import Callable
from datetime import date
from typing import Any

from connectors.llm.claude import Claude, ClaudeSettings, Listed
from connectors.llm.models import advice
from connectors.llm.port import Desk, DiagnosisRequest, Estimate, FamilyHint, FreePurse, PartialSuggestion
from processors.brain.lookups import lookups
from processors.brain.pack import board_pack

TRIAL = DiagnosisRequest(
    category="laptop",
    complaint="The battery is empty after an hour.",
    families=(
        FamilyHint(family="battery", title="Battery worn out or defective", probability=0.8),
        FamilyHint(family="power", title="Power supply or power path", probability=0.15),
    ),
    pack=board_pack(None),
)
Say = Callable[[str], None]


class _NotingPurse(FreePurse):
    """Remembers the largest prompt that was to be sent as well."""

    def __init__(self) -> None:
        super().__init__()
        self.prompt_tokens = 0

    async def hold(self, estimate: Estimate) -> None:
        """Agree, and remember."""
        self.prompt_tokens = max(self.prompt_tokens, estimate.input_tokens)


async def check_model(settings: ClaudeSettings, today: date, say: Say) -> dict[str, Any]:
    """Say step by step what works; return it all. ``ok`` is false when the model should not be used as it is set.

    Raises:
        Transient, Misconfigured, Permanent: a step failed; the message says what to do.
    """
    wanted = advice(settings.model, today)
    if wanted is not None:
        say(f"settings  {wanted}")
    claude = Claude(settings)
    try:
        listed = await claude.listed()
        is_listed = _say_listed(settings.model, listed, say)
        found = await _try(claude, say)
    finally:
        await claude.close()
    return {"ok": is_listed and wanted is None, "model": settings.model, "advice": wanted, "listed": is_listed} | found


def _say_listed(model: str, listed: tuple[Listed, ...], say: Say) -> bool:
    own = next((one for one in listed if one.id == model), None)
    if own is None:
        say(
            f"models    {model} is not among the {len(listed)} that this key may use: {', '.join(m.id for m in listed)}"
        )
        return False
    ends = f", ends on {own.retires_at:%Y-%m-%d}" if own.retires_at else ""
    say(f"models    {model} is {own.lifecycle}{ends}; the key may use {len(listed)}")
    return own.lifecycle == "active"


async def _try(claude: Claude, say: Say) -> dict[str, Any]:
    purse = _NotingPurse()
    told: list[PartialSuggestion] = []
    answer = await claude.suggest(TRIAL, Desk(lookups(None, TRIAL.category), told.append, purse))
    usage = answer.usage
    say(f"tokens    {purse.prompt_tokens} counted before sending")
    looked = [partial.looking_up for partial in told if partial.looking_up]
    if looked:
        say(f"look-ups  {', '.join(looked)}")
    say(f"stream    {len(told)} partial answers told on the way")
    faults = ", ".join(f"{fault.family} {fault.probability:.0%}" for fault in answer.suggestion.faults)
    say(f"answer    {faults}: {answer.suggestion.summary}")
    cost = "of unknown price" if usage.cost_cents is None else f"{usage.cost_cents:.3f} US cents"
    say(
        f"cost      {cost} for {usage.turns} turns: {usage.input_tokens} tokens read, {usage.cache_read_tokens} from "
        f"the cache, {usage.cache_write_tokens} into it, {usage.output_tokens} written; request {usage.request_id}"
    )
    return {
        "prompt_tokens": purse.prompt_tokens,
        "look_ups": looked,
        "partials": len(told),
        "usage": usage.model_dump(mode="json"),
        "suggestion": answer.suggestion.model_dump(mode="json"),
    }
