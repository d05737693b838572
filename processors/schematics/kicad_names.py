"""How KiCad names nets: which label, symbol or pin wins, in one sheet and through the hierarchy.

The order is that of KiCad's documentation of net names, completed by what its netlists hold: global labels, power
symbols, local labels, hierarchical labels, sheet pins, pins; then the sheet nearest to the root; then the alphabet.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class Priority(IntEnum):
    """What gives a name, the strongest last."""

    NONE = 0
    PIN = 1
    SHEET_PIN = 2
    HIERARCHICAL = 3
    LOCAL = 4
    LOCAL_POWER = 5
    POWER = 6
    GLOBAL = 7


@dataclass(frozen=True, slots=True)
class Candidate:
    """A name for a net. ``depth`` is how far its sheet lies below the root; ``plain`` that a power symbol gave it."""

    priority: Priority
    name: str
    depth: int
    plain: bool = True

    @property
    def strong(self) -> bool:
        """Whether a person gave this name."""
        return self.priority >= Priority.HIERARCHICAL


def of_group(candidates: Iterable[Candidate]) -> Candidate | None:
    """Return the name of what is joined within one sheet."""
    return min(
        (one for one in candidates if one.priority > Priority.NONE),
        key=lambda one: (-one.priority, not one.plain, "-Pad" in one.name, one.name),
        default=None,
    )


def of_net(groups: Iterable[Candidate]) -> Candidate | None:
    """Return the name of a net from the names of its groups, one a sheet."""
    return min(groups, key=_rank, default=None)


def _rank(one: Candidate) -> tuple[int, int, int, str]:
    if one.priority >= Priority.POWER:
        return 0, -one.priority, 0, one.name
    if one.strong:
        return 1, -one.priority, one.depth, one.name
    return 2, 0, one.depth, one.name


def escape(text: str) -> str:
    """Return a name as KiCad writes it into a net's name: a slash would look like a sheet's path."""
    return text.replace("/", "{slash}").replace("\n", "").replace("\r", "")


def of_pin(ref: str, unit: str, number: str, name: str, *, alone: bool, ambiguous: bool) -> str:
    """Return the name that a pin gives its net when nothing better does.

    ``unit`` is the letter of a unit of several, ``alone`` that the net has no other pin or must not be connected,
    ``ambiguous`` that the part has further pins of this name.
    """
    start = "unconnected-(" if alone else "Net-("
    shown = "" if name == "~" else name
    if not shown or shown == number:
        return f"{start}{ref}-Pad{escape(number)})"
    pad = f"-Pad{escape(number)}" if alone or ambiguous else ""
    return f"{start}{ref}{unit}-{escape(shown)}{pad})"


def unit_letter(unit: int, units: int) -> str:
    """Return A, B, ..., Z, AA, ... of a unit; empty when the symbol has but one."""
    if units <= 1 or unit < 1:
        return ""
    out = ""
    while unit > 0:
        unit, rest = divmod(unit - 1, 26)
        out = chr(ord("A") + rest) + out
    return out
