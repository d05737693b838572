"""Where a meter can be put, what it then says, how well, and what it costs. Readings of a bench as CSV."""

import csv
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from processors.schematics.faults.supply import Supply
from processors.schematics.index import Index
from schemas.suspects import BoardQuantity

Floats = NDArray[np.float64]
Quantity = BoardQuantity
UNITS: dict[Quantity, str] = {"ohm": "ohm", "volt": "V", "diode": "V", "amp": "A"}
OVER_LIMIT_OHM = 4e7
"""What a bench meter of four digits calls OL, in ohm."""
OVER_LIMIT_DIODE = 2.0
"""Above this a meter's diode mode shows OL, in volt."""
MINUTES: dict[Quantity, float] = {"ohm": 1.3, "diode": 1.3, "volt": 1.6, "amp": 1.7}
ACROSS_MINUTES = 1.5
"""Estimates of a practised hand: most of it is to find the pad and to write down what the meter shows."""
_OHM_FLOOR = 0.15


@dataclass(frozen=True, slots=True)
class Spot:
    """A measurement: a quantity between a net and ground, or ``other``. ``amp`` is what a supply gives into a net."""

    quantity: Quantity
    net: str
    other: str = ""

    @property
    def minutes(self) -> float:
        """What it costs, in minutes."""
        return ACROSS_MINUTES if self.other else MINUTES[self.quantity]

    @property
    def powered(self) -> bool:
        """Whether the board has to be switched on for it."""
        return self.quantity in {"volt", "amp"}

    @property
    def words(self) -> str:
        """The measurement, to be read."""
        if self.quantity == "amp":
            return f"current into {self.net}"
        between = f"from {self.net} to {self.other}" if self.other else f"{self.net} to ground"
        what = {"ohm": "resistance", "volt": "voltage", "diode": "diode reading"}[self.quantity]
        return f"{what} {between}"


@dataclass(frozen=True, slots=True)
class Measured:
    """A reading: ``value`` in ohm, volt or ampere; ``inf`` for OL."""

    spot: Spot
    value: float


def spots_of(supply: Supply) -> tuple[Spot, ...]:
    """Return every measurement that the diagnosis can propose on a board."""
    found = [Spot(quantity, net) for net in supply.nets for quantity in ("ohm", "volt", "diode")]
    found += [Spot("diode" if one.one_way else "ohm", one.from_net, one.to_net) for one in supply.series]
    found += [Spot("volt", line.net) for line in supply.lines]
    found += [Spot("ohm", line.net, line.feeder) for line in supply.lines if line.pull_ups]
    found += [Spot("amp", net) for net in supply.roots if net in supply.sockets]
    return tuple(dict.fromkeys(found))


def scaled(quantity: Quantity, value: Floats) -> Floats:
    """Return readings on the scale that errors are even on: logarithm of ohm and ampere, volts as they are."""
    if quantity == "ohm":
        return np.log(np.clip(value, 0.0, OVER_LIMIT_OHM) + _OHM_FLOOR)
    if quantity == "amp":
        return np.log(np.clip(np.abs(value), 0.0, 100.0) + 0.003)
    return np.clip(value, -60.0, OVER_LIMIT_DIODE if quantity == "diode" else 60.0)


def spread(quantity: Quantity, predicted: Floats) -> Floats:
    """Return the deviation of a reading on its scale: 5 % of the meter, and as much again for what no model knows."""
    if quantity == "ohm":
        return np.full_like(predicted, 0.16)
    if quantity == "amp":
        return np.full_like(predicted, 0.22)
    return 0.03 + 0.05 * np.abs(predicted)


def read_csv(text: str, index: Index, file: str = "readings") -> tuple[Measured, ...]:
    """Return the readings of a table with the columns net, quantity, value and, for two nets, other.

    Quantity is ohm, volt, diode or amp; the value a number in ohm, volt or ampere, or OL. Nets may be named without
    their sheet where that is clear.

    Raises:
        ValueError: a column is missing, a net is not on the board, or a value is no number; names the line.
    """
    rows = csv.DictReader(io.StringIO(text))
    missing = {"net", "quantity", "value"} - {name.strip() for name in rows.fieldnames or ()}
    if missing:
        raise ValueError(f"{file}:1: the columns {', '.join(sorted(missing))} are missing; write net,quantity,value")
    return tuple(
        _measured({(key or "").strip(): (cell or "").strip() for key, cell in row.items() if isinstance(cell, str)},
                  index, f"{file}:{rows.line_num}")
        for row in rows
    )  # fmt: skip


def _measured(row: dict[str, str], index: Index, where: str) -> Measured:
    quantity = row.get("quantity", "").lower()
    if quantity not in UNITS:
        raise ValueError(f"{where}: the quantity {quantity!r} is not known; use {', '.join(UNITS)}")
    nets = [_net(row.get("net", ""), index, where)]
    if row.get("other"):
        nets.append(_net(row["other"], index, where))
    said = row.get("value", "")
    try:
        value = float("inf") if said.upper() in {"OL", "O.L", "INF"} else float(said.replace(",", "."))
    except ValueError:
        raise ValueError(f"{where}: {said!r} is no number; write the value in {UNITS[quantity]}, or OL") from None
    if value != value or (quantity in {"ohm", "diode"} and value < 0):
        raise ValueError(f"{where}: {said!r} cannot be a reading in {UNITS[quantity]}; measure again")
    return Measured(Spot(quantity, *nets), value)


def _net(name: str, index: Index, where: str) -> str:
    found = index.net(name)
    if found is None:
        board = index.design.source
        raise ValueError(f"{where}: there is no one net {name!r} on {board}; list them with `schematic nets`")
    return found.name
