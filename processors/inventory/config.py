"""What a shop may set about its stock."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """``unknown_lead_time_days`` is named for a missing part without a known lead time; None says "not known"."""

    unknown_lead_time_days: int | None = None
