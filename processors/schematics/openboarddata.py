"""OpenBoardData: readings and notes of repaired boards, one net a line.

``NET diode volt ohm comment``; ``na`` is not measured, ``ol`` over limit. A newer form names condition and quantity:
``NET/CONDITION d|v|r|a|t value comment``.
"""

import re

from processors.schematics.lines import Lines
from processors.schematics.model import Design, Net, Reading
from processors.schematics.order import natural

_QUANTITIES = {"d": "diode", "v": "volt", "r": "ohm", "a": "alert", "t": "text"}
_COLUMNS = ("diode", "volt", "ohm")
_NONE = {"", "na", "n/a", "-"}
_HEADS = {"ID", "BRAND", "TYPE", "COMMENT"}
_NEWER = re.compile(r"^(\S+?)/(\S*)\s+([dvrat])\s+(\S+)\s*(.*)$")


def read_openboarddata(name: str, content: bytes) -> Design:
    """Return the readings by net and the notes of the diagnosis with their links ``[n:NET]`` and ``[p:PART:PIN]``.

    Raises:
        DesignError: the file is empty.
    """
    lines = Lines(name, content)
    readings: list[Reading] = []
    notes: list[str] = []
    inside = False
    for line in lines:
        text = line.strip()
        if text in {"DIAGNOSIS_DATA_BEGIN", "DIAGNOSIS_DATA_END"}:
            inside = text.endswith("BEGIN")
        elif inside:
            notes.append(line.rstrip())
        elif text and not text.startswith("#") and text.split()[0] not in _HEADS:
            readings += _readings(text)
    nets = tuple(Net(net, ()) for net in sorted({one.net for one in readings}, key=natural))
    return Design(
        name, "openboarddata", nets=nets, readings=tuple(readings), notes="\n".join(notes).strip(),
        remarks=tuple(lines.remarks),
    )  # fmt: skip


def _readings(text: str) -> list[Reading]:
    newer = _NEWER.match(text)
    if newer is not None:
        net, condition, kind, value, comment = newer.groups()
        return [Reading(net, _QUANTITIES[kind], value, condition, comment.strip("' "))]
    net, *rest = text.split(None, 4)
    comment = rest[3].strip("' ") if len(rest) > 3 else ""
    return [
        Reading(net, quantity, value, "", comment)
        for quantity, value in zip(_COLUMNS, rest, strict=False) if value.lower() not in _NONE
    ]  # fmt: skip
