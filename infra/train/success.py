"""P(fixed | device category, fault family, age): shrunken rates from recorded repairs."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from infra.train.repairs import UNCLEAR, LabelledText, OutcomeRow
from processors.brain.success import AGE_BANDS, age_band
from schemas.devices import DEVICE_CATEGORIES

STRENGTH = 30.0
"""Pseudo-records by which a rate is drawn to the one above it (family or age to category, category to all)."""


def success_table(records: Iterable[OutcomeRow], labelled: Sequence[LabelledText]) -> dict[str, Any]:
    """Return ``base``, and rates by category, by category and family, by category and age band.

    A rate is the mean of a Beta posterior: (fixed + m·parent) / (n + m), m = STRENGTH. The labelled records are not
    among ``records`` (the sample keeps them apart), so both count.
    """
    fixed: Counter[tuple[str, ...]] = Counter()
    total: Counter[tuple[str, ...]] = Counter()

    def count(key: tuple[str, ...], won: bool) -> None:
        total[key] += 1
        fixed[key] += won

    for record in records:
        count((), record.fixed)
        count((record.category,), record.fixed)
        if (band := age_band(record.age_years)) is not None:
            count((record.category, "age", band), record.fixed)
            count((record.category, "age", ""), record.fixed)
    for row in labelled:
        if row.fixed is not None:
            count((row.category, "labelled"), row.fixed)
            if row.family != UNCLEAR:
                count((row.category, "family", row.family), row.fixed)

    def rate(key: tuple[str, ...], parent: float) -> float:
        return round((fixed[key] + STRENGTH * parent) / (total[key] + STRENGTH), 4)

    base = round(fixed[()] / total[()], 4) if total[()] else 0.5
    by_category = {category: rate((category,), base) for category in DEVICE_CATEGORIES}
    # Labelled and dated records are selections: a family or an age counts by its difference from their own rate.
    families: dict[str, dict[str, float]] = {}
    for category in sorted({row.category for row in labelled}):
        labelled_rate = rate((category, "labelled"), by_category[category])
        named = sorted({row.family for row in labelled if row.category == category and row.family != UNCLEAR})
        families[category] = {"": labelled_rate} | {
            name: rate((category, "family", name), labelled_rate) for name in named
        }
    ages: dict[str, dict[str, float]] = {}
    for category in DEVICE_CATEGORIES:
        dated_rate = rate((category, "age", ""), by_category[category])
        ages[category] = {"": dated_rate} | {band: rate((category, "age", band), dated_rate) for band, _ in AGE_BANDS}
    return {
        "records": total[()],
        "labelled": sum(total[(category, "labelled")] for category in families),
        "base": base,
        "category": by_category,
        "family": families,
        "age": ages,
    }
