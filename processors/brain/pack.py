"""The board pack: what a language model is told that is the same for every repair of a board. Pure.

It is cached at the vendor, so nothing of a repair is in it and its words never depend on anything but its inputs.
"""

import re

from connectors.boards.port import BoardFacts
from processors.brain.families import FAMILIES

_RAIL = re.compile(r"^(PP|VCC|VDD|V_|\+?\d+V\d*|[A-Z0-9]*_?VBAT|VBUS|VIN|.*_PWR)", re.IGNORECASE)
_CHIP = re.compile(r"^(U|IC|Q|PU)\d", re.IGNORECASE)
_MOST_RAILS = 60
_MOST_CHIPS = 120
NO_DESIGN = "Board: no design file of it is stored. Name no components and no nets; places are described in words."


def board_pack(facts: BoardFacts | None) -> str:
    """Return the families and the facts of the board: its power nets by their number of pins, and its chips."""
    families = "\n".join(f"- {family.code}: {family.title}" for family in FAMILIES.values())
    return f"Fault families:\n{families}\n\n{NO_DESIGN if facts is None else _board(facts)}"


def _board(facts: BoardFacts) -> str:
    names = facts.names()
    rails = {name: net for name in sorted(names.nets) if _RAIL.match(name) and (net := facts.net(name)) is not None}
    crowded = sorted(rails, key=lambda name: (-len(rails[name].pins), name))[:_MOST_RAILS]
    chips = [part for name in sorted(names.parts) if _CHIP.match(name) and (part := facts.part(name)) is not None]
    biggest = sorted(chips, key=lambda part: (-len(part.pins), part.reference))[:_MOST_CHIPS]
    return (
        f"Board: {facts.design}, {len(names.parts)} parts, {len(names.nets)} nets; the tools know them all.\n"
        f"Power nets (pins): {', '.join(f'{name} ({len(rails[name].pins)})' for name in crowded) or 'none named'}\n"
        f"Chips: {', '.join(f'{part.reference} {part.value}'.strip() for part in biggest) or 'none'}"
    )
