"""IPC-D-356: the net and the place of every pad, in fixed columns.

Columns (IPC-D-356A): 1-3 the kind of record, 4-17 the net, 21-26 the reference, 28-31 the pin, from 33 on hole, access
and place. Names are cut to the columns: 14 signs for a net, 6 for a reference, 4 for a pin.
"""

import re

from processors.schematics.boardview import BoardView
from processors.schematics.lines import Lines
from processors.schematics.model import Design, Place, Remark, Side
from processors.schematics.numbers import MM_PER_INCH, finite

_RECORD = re.compile(r"^[3]([1234567])7")
_PLACE = re.compile(r"A(\d\d)?X([+-]?\d+)Y([+-]?\d+)")
_ALIAS = re.compile(r"^P  (NNAME\w*)\s+(\S+)")
_MM_PER_UNIT = {"CUST 0": MM_PER_INCH / 10_000, "CUST 1": 0.001, "CUST 2": MM_PER_INCH / 10_000}
_NET_COLUMNS, _REFERENCE_COLUMNS = 14, 6


def read_ipcd356(name: str, content: bytes) -> Design:
    """Return the design of an IPC-D-356 file. Vias and holes are no parts.

    Raises:
        DesignError: a record has no place.
    """
    lines, view = Lines(name, content), BoardView("ipc_d_356")
    scale, aliases, cut = _MM_PER_UNIT["CUST 0"], dict[str, str](), 0
    for line in lines:
        alias = _ALIAS.match(line)
        if alias is not None:
            aliases[alias[1]] = alias[2]
        elif line.startswith("P  UNITS"):
            scale = _MM_PER_UNIT.get(line[8:].strip(), scale)
        elif _RECORD.match(line):
            with lines.reading("pads"):
                net, ref, number = line[3:17].strip(), line[20:26].strip(), line[27:31].strip()
                if ref in {"VIA", ""}:
                    continue
                found = _PLACE.search(line, 31)
                if found is None:
                    raise ValueError("it says nowhere")
                side: Side = "both" if line[1] == "1" else "top" if found[1] == "01" else "bottom"
                where = Place(round(finite(found[2]) * scale, 6), round(-finite(found[3]) * scale, 6), side)
                cut += (len(net) == _NET_COLUMNS and net not in aliases) or len(ref) == _REFERENCE_COLUMNS
                view.part(ref, "bottom" if side == "bottom" else "top")
                view.pin(ref, number, where, "" if net == "N/C" else aliases.get(net, net))
    if cut:
        what = f"{name}: the names at {cut} pads fill their columns and may be cut; join this file with another source"
        lines.remarks.append(Remark("cut_names", what))
    return view.design(lines)
