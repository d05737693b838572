"""Boards for the diagnosis: those of a folder, and such as the bench draws itself so that anybody can run it."""

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from processors.schematics.errors import DesignError
from processors.schematics.index import Index
from processors.schematics.model import Design, Net, Part, Pin
from processors.schematics.read import read_design

_OUTPUTS = ((3.3, "+3V3"), (1.8, "+1V8"), (1.2, "+1V2"), (2.5, "+2V5"), (2.8, "+2V8"), (1.0, "VDD_CORE"))


def boards_in(folder: Path) -> dict[str, Index]:
    """Return the designs of a folder by name: the roots of its ``projects.csv``, else each file that can be read.

    Raises:
        ValueError: none can be read.
    """
    table = folder / "projects.csv"
    if table.is_file():
        files = {
            row["project"]: folder / row["root"]
            for row in csv.DictReader(table.read_text(encoding="utf-8").splitlines())
        }
    else:
        files = {file.name: file for file in sorted(folder.iterdir()) if file.is_file()}
    found: dict[str, Index] = {}
    for name, file in files.items():
        try:
            found[name] = Index(_read(file))
        except DesignError:
            if table.is_file():
                raise
    if not found:
        raise ValueError(f"{folder} holds no design that can be read; give a folder of schematics or boards")
    return found


def drawn_boards(numbers: Iterable[int]) -> dict[str, Index]:
    """Return boards drawn from their numbers, by name."""
    return {f"drawn-{number}": Index(drawn_board(number)) for number in numbers}


def drawn_board(number: int) -> Design:
    """Return a board: socket, fuse, two to five regulators one behind the other or side by side, beads, chips, I2C."""
    return _Drawing(number).design()


class _Drawing:
    def __init__(self, number: int) -> None:
        self._rng = np.random.default_rng([number, 5])
        self._parts: list[Part] = []
        self._nets: dict[str, list[tuple[str, str]]] = {}
        self._counts: dict[str, int] = {}
        self._number = number

    def design(self) -> Design:
        """Draw everything once."""
        supply, rails = self._input(), list[str]()
        controller = "U1"
        self._counts["U"] = 1
        enabled = self._rng.permutation(len(_OUTPUTS))[: int(self._rng.integers(2, 6))]
        needs: list[tuple[str, str, str]] = []
        for place in sorted(enabled):
            volts, net = _OUTPUTS[place]
            source = rails[0] if rails and volts < 2 and self._rng.random() < 0.5 else supply
            needs += self._regulator(source, net, first=not rails)
            rails.append(net)
        hidden = self._hidden_rails(supply) if self._rng.random() < 0.4 else []
        beads = [self._behind_bead(str(net)) for net in rails if self._rng.random() < 0.4]
        for net in (*rails, *beads, *hidden):
            for _ in range(int(self._rng.integers(1, 4))):
                self._chip([net], [])
        bus = self._bus(rails[0])
        self._chip([rails[0], *beads[:1]], [*needs, *bus, *self._reset(rails[0])], ref=controller)
        self._chip([rails[0]], bus)
        self._chip([rails[-1], rails[0]], bus)
        nets = tuple(
            Net(name, tuple(sorted(pins)), supply=name in {*rails, supply}) for name, pins in sorted(self._nets.items())
        )
        return Design(f"drawn-{self._number}", "drawn", tuple(self._parts), nets)

    def _add(self, letters: str, value: str, pins: list[tuple[str, str, str]], ref: str = "") -> str:
        """Add a part; pins are (net, name, electrical type), numbered from 1."""
        if not ref:
            self._counts[letters] = self._counts.get(letters, 0) + 1
            ref = f"{letters}{self._counts[letters]}"
        made = tuple(Pin(str(at + 1), name, kind) for at, (_, name, kind) in enumerate(pins))
        self._parts.append(Part(ref, value, pins=made))
        for at, (net, _, _) in enumerate(pins):
            self._nets.setdefault(net, []).append((ref, str(at + 1)))
        return ref

    def _two(self, letters: str, value: str, one: str, other: str) -> str:
        return self._add(letters, value, [(one, "", "passive"), (other, "", "passive")])

    def _caps(self, net: str, count: int) -> None:
        for at in range(count):
            self._two("C", "10u" if at == 0 else "100n", net, "GND")

    def _input(self) -> str:
        """Draw the socket; return the net that the regulators are fed from."""
        name = str(self._rng.choice(["VBUS", "+5V_IN", "+12V_IN"]))
        self._add("J", "socket", [(name, "VBUS", "passive"), ("GND", "GND", "passive")])
        if self._rng.random() < 0.3:
            self._caps(name, 1)
            return name
        self._two("F", "1A", name, "VIN") if self._rng.random() < 0.6 else self._two("FB", "600R", name, "VIN")
        self._caps("VIN", int(self._rng.integers(1, 4)))
        return "VIN"

    def _regulator(self, source: str, net: str, first: bool) -> list[tuple[str, str, str]]:
        """Draw a regulator; return the pins a controller has to drive for it: never for the first, its own supply."""
        way = self._rng.choice(["tied", "pulled"] if first else ["tied", "pulled", "driven"])
        enable = source if way == "tied" else f"EN_{net.strip('+')}"
        self._add("U", "LDO", [
            (source, "VIN", "power_in"), ("GND", "GND", "power_in"), (enable, "EN", "input"),
            (net, "VOUT", "power_out"),
        ])  # fmt: skip
        self._caps(net, int(self._rng.integers(2, 9)))
        if way == "pulled":
            self._two("R", "100k", enable, source)
        return [(enable, "PA0", "output")] if way == "driven" else []

    def _hidden_rails(self, supply: str) -> list[str]:
        """Draw a power chip whose pins do not say what they make; some rails are nameless, one is behind a diode."""
        names = ["VSYS", "VDD_IO", f"Net-(U{self._counts['U'] + 1}-P3)", "+3V0"]
        names = names[: int(self._rng.integers(2, 5))]
        outputs = [(net, f"P{at}", "passive") for at, net in enumerate(names)]
        self._add("U", "PMIC", [(supply, "VCC", "power_in"), ("GND", "GND", "power_in"), *outputs])
        for net in names:
            self._caps(net, int(self._rng.integers(2, 6)))
        if self._rng.random() < 0.5:
            self._add("D", "schottky", [("VBACKUP", "K", "passive"), (names[0], "A", "passive")])
            self._caps("VBACKUP", 2)
            names.append("VBACKUP")
        return names

    def _reset(self, net: str) -> list[tuple[str, str, str]]:
        if self._rng.random() < 0.4:
            return []
        self._two("R", "10k", "NRST", net)
        self._two("C", "100n", "NRST", "GND")
        return [("NRST", "NRST", "input")]

    def _behind_bead(self, net: str) -> str:
        behind = f"{net.strip('+')}_A"
        self._two("FB", "120R", net, behind)
        self._caps(behind, int(self._rng.integers(1, 4)))
        return behind

    def _bus(self, net: str) -> list[tuple[str, str, str]]:
        for line in ("SDA", "SCL"):
            self._two("R", "4k7", line, net)
        return [("SDA", "SDA", "bidirectional"), ("SCL", "SCL", "input")]

    def _chip(self, rails: list[str], signals: list[tuple[str, str, str]], ref: str = "") -> None:
        power = [(net, "VDD", "power_in") for net in rails]
        more = [
            (f"S{len(self._parts)}_{at}", f"P{at}", "bidirectional") for at in range(int(self._rng.integers(2, 30)))
        ]
        self._add("U", "CHIP", [*power, ("GND", "VSS", "power_in"), *signals, *more], ref)


def _read(file: Path) -> Design:
    def beside(path: str) -> bytes | None:
        found = file.parent / path
        return found.read_bytes() if found.is_file() else None

    return read_design(file.name, file.read_bytes(), beside)
