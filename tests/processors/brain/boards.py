"""A board with a design file, small enough to read."""

from connectors.boards.memory import MemoryBoard
from connectors.boards.port import PartFacts

BOARD = MemoryBoard(
    "NZL-NB14-2 rev C (820-0001.brd)",
    [
        PartFacts("U7000", "ISL9240", "QFN-32", "top", {"1": "PPBUS_G3H", "2": "GND", "3": "CHGR_EN"}),
        PartFacts("F7000", "8A", "0603", "top", {"1": "PPDCIN_G3H", "2": "PPBUS_G3H"}),
        PartFacts("U1950", "", "", "", {"1": "PP3V3_S0", "2": "GND"}),
        PartFacts("C1951", "10uF", "0402", "bottom", {"1": "PP3V3_S0", "2": "GND"}),
    ],
)
