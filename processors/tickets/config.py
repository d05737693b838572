"""What a shop may set about its tickets."""

from collections.abc import Mapping
from dataclasses import dataclass, field

WARRANTY_DAYS: Mapping[str, int] = {
    "battery": 180,
    "screen": 180,
    "liquid_damage": 30,
    "data_recovery": 0,
}
"""Days of warranty by what was repaired, where they differ from the usual. Wear and corrosion go on after a repair."""


@dataclass(frozen=True, slots=True)
class Policy:
    """``min_photos`` at intake; repairs worth more than ``second_person_above_cents`` are checked by another person.

    ``warranty_days`` count from the first collection, ``warranty_days_by_line`` before the usual number.
    ``texts_max`` bounds the notes of a ticket, in characters as they lie in the view, whose record may have 1 MiB.
    """

    min_photos: int = 2
    second_person_above_cents: int = 30_000
    warranty_days: int = 90
    warranty_days_by_line: Mapping[str, int] = field(default_factory=lambda: WARRANTY_DAYS)
    texts_max: int = 400_000
    files_max: int = 200
    payments_max: int = 200
