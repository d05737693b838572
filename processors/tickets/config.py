"""What a shop may set about its tickets."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """``min_photos`` at intake; repairs worth more than ``second_person_above_cents`` are checked by another person."""

    min_photos: int = 2
    second_person_above_cents: int = 30_000
