"""Why a class of faults is suspected, and what would tell its parts apart: sentences for a bench."""

from collections.abc import Sequence

import numpy as np

from processors.schematics.faults.hypotheses import Hypothesis
from processors.schematics.faults.readings import UNITS, Floats, Measured, Quantity, scaled, spread
from processors.schematics.faults.supply import Supply

_SENTENCES = 4
_LISTED = 6


def evidence(readings: Sequence[tuple[Measured, Floats]], members: Sequence[int]) -> tuple[str, ...]:
    """Return a sentence for each reading that speaks for or against the class, the strongest first.

    ``readings`` come with their predictions (hypothesis, sample), no fault in row 0; ``members`` are the class's rows.
    """
    told: list[tuple[float, str]] = []
    for one, table in readings:
        quantity = one.spot.quantity
        value = scaled(quantity, np.array([one.value]))[0]
        deviation = spread(quantity, table)
        near = np.exp(-0.5 * ((value - table) / deviation) ** 2) / deviation
        mine, rest = float(near[list(members)].mean()) + 1e-3, float(np.delete(near, list(members), 0).mean()) + 1e-3
        weight = float(np.log2(mine / rest))
        said = f"{one.spot.words} is {_value(quantity, one.value)}"
        if 0 in members:
            told.append((weight, f"{said}; without a fault {in_words(quantity, table[0])}"))
        else:
            fits = in_words(quantity, table[list(members)])
            told.append((weight, f"{said}; with this fault {fits}, without {in_words(quantity, table[0])}"))
    told.sort(key=lambda pair: -abs(pair[0]))
    return tuple(
        f"{sentence} ({'speaks for it' if weight > 0 else 'speaks against it'})"
        for weight, sentence in told[:_SENTENCES] if abs(weight) > 0.2
    )  # fmt: skip


def note(some: Sequence[Hypothesis], parts: tuple[str, ...], supply: Supply) -> str:
    """Return what would tell the parts of a class apart."""
    kinds = {one.kind for one in some}
    nets = tuple(dict.fromkeys(one.net for one in some if one.net))
    if kinds == {"none"}:
        return "the supply measures as it should: look at signals, firmware, connectors and cables next"
    if kinds == {"no_source"}:
        return f"nothing feeds {', '.join(nets)}: follow the supply back to its socket, battery or converter"
    listed = ", ".join(parts[:_LISTED]) + (f" and {len(parts) - _LISTED} more" if len(parts) > _LISTED else "")
    start = f"not separable by these readings: {listed}"
    if kinds == {"short"}:
        links = [part.ref for part in supply.series if {part.from_net, part.to_net} & set(nets)]
        lift = f", or lift {' or '.join(links[:3])} to halve the rail" if links else ", or lift half of the parts"
        return f"{start}; feed 1 V with a limit of 1 A into {nets[0]} and look for heat{lift}"
    if kinds <= {"no_enable", "no_pull_up"}:
        return f"{start}; pull {nets[0]} high through 1 kilohm: what then works was not driven, what stays low is held"
    return f"{start}; measure across each part with one leg lifted, or replace the likeliest first"


def _value(quantity: Quantity, value: float) -> str:
    if not np.isfinite(value):
        return "OL"
    if quantity == "ohm" and value >= 1000:
        return f"{value / 1000:.3g} kilohm" if value < 1e6 else f"{value / 1e6:.3g} megohm"
    return f"{value:.3g} {UNITS[quantity]}"


def in_words(quantity: Quantity, table: Floats) -> str:
    """Return the range in which four of five predictions on their scale lie, in words."""
    low, high = (float(one) for one in np.quantile(table, [0.1, 0.9]))
    if quantity == "ohm":
        low, high = float(np.exp(low)) - 0.15, float(np.exp(high)) - 0.15
    elif quantity == "amp":
        low, high = float(np.exp(low)) - 0.003, float(np.exp(high)) - 0.003
    return f"{_value(quantity, low)} to {_value(quantity, high)}"
