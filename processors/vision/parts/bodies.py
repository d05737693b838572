"""How large a part's body is, by the name of its package.

A name that says a size is believed first: KiCad's library convention writes width times height of the body along x and
y at rotation 0 (``SOIC-8_3.9x4.9mm``). Else the nominal sizes below count. Chips: EIA codes in hundredths of an inch,
metric size codes of IEC 60115-8 and IEC 60384. Transistors and diodes: JEDEC TO-236, TO-243, TO-252, TO-261, TO-263,
MO-178, MO-203, SOD of JEITA ED-7500; small outlines: JEDEC MS-012, MS-013, MO-153; capacitor cans of the same
diameters by all makers, moulded tantalum by EIA-535BAAC. Nominal: makers differ by 0.1 mm or so.
"""

import re
from collections.abc import Callable

Size = tuple[float, float]
"""Along x and y of the part at rotation 0, in millimetres."""

_CHIPS: dict[str, Size] = {
    "01005": (0.4, 0.2), "0201": (0.6, 0.3), "0402": (1.0, 0.5), "0603": (1.6, 0.8), "0805": (2.0, 1.25),
    "1008": (2.5, 2.0), "1206": (3.2, 1.6), "1210": (3.2, 2.5), "1806": (4.5, 1.6), "1812": (4.5, 3.2),
    "2010": (5.0, 2.5), "2220": (5.7, 5.0), "2512": (6.3, 3.2), "2920": (7.4, 5.1),
    # Metric codes that are no code in inches.
    "1005": (1.0, 0.5), "1608": (1.6, 0.8), "2012": (2.0, 1.25), "3216": (3.2, 1.6), "3225": (3.2, 2.5),
    "3528": (3.5, 2.8), "4532": (4.5, 3.2), "6032": (6.0, 3.2), "6332": (6.3, 3.2), "7343": (7.3, 4.3),
}  # fmt: skip
_TANTALS: dict[str, Size] = {"A": (3.2, 1.6), "B": (3.5, 2.8), "C": (6.0, 3.2), "D": (7.3, 4.3), "E": (7.3, 4.3)}
_NAMED: tuple[tuple[str, Size], ...] = (
    # KiCad and IPC-7351 lay pins of these left and right: the body stands.
    ("SOT-?23-?[568]", (1.6, 2.9)), ("SOT-?23", (1.3, 2.9)), ("SOT-?(323|353|363)", (1.25, 2.0)),
    ("SC-?70", (1.25, 2.0)), ("SOT-?223", (3.5, 6.5)), ("SOT-?89", (2.5, 4.5)), ("SOT-?143", (1.3, 2.9)),
    ("SOT-?5[2-6]3", (1.2, 1.6)), ("TSOT-?23", (1.6, 2.9)), ("SOD-?123", (2.7, 1.6)), ("SOD-?323", (1.7, 1.25)),
    ("SOD-?523", (1.2, 0.8)), ("SOD-?80|MINI-?MELF", (3.5, 1.4)), ("(DO-?214AC|SMA)(?![A-Z])", (4.3, 2.6)),
    ("(DO-?214AA|SMB)(?![A-Z])", (4.3, 3.6)), ("(DO-?214AB|SMC)(?![A-Z])", (7.0, 6.0)), ("TO-?252|D-?PAK", (6.1, 6.5)),
    ("TO-?263|D2-?PAK", (9.2, 10.0)), ("(SOIC|SOP|SO)-?20", (7.5, 12.8)), ("(SOIC|SOP|SO)-?8", (3.9, 4.9)),
    ("(SOIC|SOP|SO)-?14", (3.9, 8.7)), ("(SOIC|SOP|SO)-?16", (3.9, 9.9)), ("M?SOP-?10", (3.0, 3.0)),
    ("(MSOP|VSSOP)-?8", (3.0, 3.0)), ("TSSOP-?8", (4.4, 3.0)), ("TSSOP-?1[46]", (4.4, 5.0)), ("TSSOP-?20", (4.4, 6.5)),
    ("TSSOP-?24", (4.4, 7.8)), ("TSSOP-?28", (4.4, 9.7)), ("DIP-?8", (6.4, 9.3)), ("DIP-?1[46]", (6.4, 19.3)),
    ("TO-?92", (4.8, 3.7)), ("HC-?49.*SMD", (11.4, 4.7)),
    ("Array_.*4x0402", (1.0, 2.0)), ("Array_.*4x0603", (1.6, 3.2)),
)  # fmt: skip
_TIMES = re.compile(r"(?<![A-Za-z\d.])(?=\d*\.|[\dx.]+mm)(\d+(?:\.\d+)?)x(\d+(?:\.\d+)?)(?:x[\d.]+)?(?:mm|(?![\d.]))")
_CAN = re.compile(r"(?:^|_)(?:CP_Elec|C_Elec|CP?_SMD)_(\d+(?:\.\d+)?)x", re.IGNORECASE)
_CHIP = re.compile(r"(?<!\d)(01005|\d{4})(?:_(\d{4,5})Metric)?(?![\dx.])")
_METRIC = re.compile(r"(?<!\d)(\d{2})(\d{2})(?:Metric|M(?![a-z]))")
_LONG = re.compile(r"_L(\d+(?:\.\d+)?)mm_[DW](\d+(?:\.\d+)?)mm", re.IGNORECASE)
_DISC = re.compile(r"_D(\d+(?:\.\d+)?)mm_W(\d+(?:\.\d+)?)mm", re.IGNORECASE)
_ROUND = re.compile(r"_D(\d+(?:\.\d+)?)mm", re.IGNORECASE)
_HEADER = re.compile(r"(?:Pin(?:Header|Socket))_(\d)x(\d+)_P(\d+(?:\.\d+)?)mm", re.IGNORECASE)
_LARGEST_MM = 100.0
_NO_PART = re.compile(
    r"fiducial|test-?_?point|mounting-?_?hole|stitching|net-?tie|solder-?_?jumper|tag-connect|logo|symbol|kibuzzard|"
    r"creative_commons|plain_hole|^tab$|stand-?off",
    re.IGNORECASE,
)


def body_of(package: str) -> Size | None:
    """Return the body's width and height in millimetres at rotation 0, or None where the name tells nothing."""
    name = package.split(":")[-1].strip()
    for way in _WAYS:
        found = way(name)
        if found is not None and min(found) > 0 and max(found) <= _LARGEST_MM:
            return found
    return None


def is_part(reference: str, package: str) -> bool:
    """Whether something is mounted there: no fiducial, hole, test point, bridge of solder, via or logo is."""
    return "*" not in reference and not reference.startswith("#") and not _NO_PART.search(package)


def _can(name: str) -> Size | None:
    """A can's square base is 0.3 mm wider than the can; the second number of its name is its height."""
    found = _CAN.search(name)
    return None if found is None else (round(float(found[1]) + 0.3, 2),) * 2


def _header(name: str) -> Size | None:
    found = _HEADER.search(name)
    if found is None:
        return None
    columns, rows, pitch = int(found[1]), int(found[2]), float(found[3])
    return round(columns * pitch, 2), round(rows * pitch, 2)


def _metric(name: str) -> Size | None:
    """``1608Metric`` is 1.6 by 0.8 mm; where the code in inches stands beside it, that one's exact size counts."""
    chip = _CHIP.search(name)
    if chip is not None and chip[2] and chip[1] in _CHIPS:
        return _CHIPS[chip[1]]
    found = _METRIC.search(name)
    return None if found is None else (int(found[1]) / 10, int(found[2]) / 10)


def _times(name: str) -> Size | None:
    """The first product in a name is the body's; later ones are of a pad below it. Counts of pins have no unit."""
    found = _TIMES.search(name)
    return None if found is None else (float(found[1]), float(found[2]))


def _two(pattern: re.Pattern[str]) -> Callable[[str], Size | None]:
    def size(name: str) -> Size | None:
        found = pattern.search(name)
        return None if found is None else (float(found[1]), float(found[2]))

    return size


def _round(name: str) -> Size | None:
    found = _ROUND.search(name)
    return None if found is None else (float(found[1]),) * 2


def _tantal(name: str) -> Size | None:
    found = re.search(r"(?:TANT|CASE|EIA|SMC|CP)[-_ ]?([A-E])(?![A-Za-z0-9])", name, re.IGNORECASE)
    return None if found is None else _TANTALS[found[1].upper()]


def _named(name: str) -> Size | None:
    for pattern, size in _NAMED:
        if re.search(rf"(?<![A-Za-z])(?:{pattern})(?!\d)", name, re.IGNORECASE):
            return size
    return None


def _chip(name: str) -> Size | None:
    found = _CHIP.search(name)
    return None if found is None else _CHIPS.get(found[1])


_WAYS: tuple[Callable[[str], Size | None], ...] = (
    _can, _header, _metric, _two(_LONG), _two(_DISC), _times, _round, _named, _chip, _tantal,
)  # fmt: skip
