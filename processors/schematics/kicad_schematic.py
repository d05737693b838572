"""A KiCad schematic, version 6 to 10, to parts and nets: the netlister.

Three joins, one after another: what touches on a sheet (``kicad_wires``), what has the same name on a sheet, and what
goes through the hierarchy: sheet pins, global names, and the members of buses.
"""

from collections import defaultdict
from collections.abc import Iterator

from processors.schematics.joining import Joining
from processors.schematics.kicad_buses import keyed, members
from processors.schematics.kicad_hierarchy import Appearance, Beside, Hierarchy
from processors.schematics.kicad_names import Candidate, Priority, escape, of_group, of_net, of_pin, unit_letter
from processors.schematics.kicad_sheet import VALUE_NAMES_POWER, LibPin, Symbol, kind_of, name_of
from processors.schematics.kicad_wires import Piece, pieces
from processors.schematics.model import Design, Net, Part, Pin, Remark, Sheet
from processors.schematics.order import natural

_LABELS = {
    "label": Priority.LOCAL,
    "hierarchical_label": Priority.HIERARCHICAL,
    "global_label": Priority.GLOBAL,
}


def read_kicad_schematic(name: str, content: bytes, beside: Beside) -> Design:
    """Return the design whose root sheet is ``content``; ``beside`` gives the other sheets.

    Raises:
        DesignError: a sheet cannot be read, or sheets hold each other.
    """
    return _Netlister(Hierarchy(name, content, beside)).design(name)


class _Netlister:
    def __init__(self, hierarchy: Hierarchy) -> None:
        self._hierarchy = hierarchy
        self._within = Joining()
        self._pieces: dict[int, tuple[int, Piece]] = {}
        self._candidates: defaultdict[int, list[Candidate]] = defaultdict(list)
        self._local: dict[tuple[int, str], int] = {}
        self._doors: dict[tuple[int, str], int] = {}
        self._bus_doors: set[tuple[int, tuple[str, ...]]] = set()
        self._global: defaultdict[str, list[int]] = defaultdict(list)
        self._references: list[list[tuple[str, int]]] = []
        self._remarks = list(hierarchy.remarks)
        self._below = {one.parent: number for number, one in enumerate(hierarchy.appearances) if one.parent is not None}
        cache: dict[tuple[int, tuple[int, ...]], list[Piece]] = {}
        for number, at in enumerate(hierarchy.appearances):
            references = [hierarchy.reference(at, symbol) for symbol in at.sheet.symbols]
            self._references.append(references)
            units = tuple(unit for _, unit in references)
            if (id(at.sheet), units) not in cache:
                cache[id(at.sheet), units] = pieces(at.sheet, units, hierarchy.aliases)
            for piece in cache[id(at.sheet), units]:
                node = self._within.add()
                self._pieces[node] = (number, piece)
                self._name(number, at, node, piece)
        self._through = self._within.copy()
        for nodes in self._global.values():
            for node in nodes[1:]:
                self._through.join(nodes[0], node)
        for node, (number, piece) in list(self._pieces.items()):
            self._pass(number, node, piece)

    def _name(self, number: int, at: Appearance, node: int, piece: Piece) -> None:
        """Join a piece with what has its names on the same sheet."""
        for label in piece.labels:
            nets = members(label.text, self._hierarchy.aliases)
            if nets is None:
                self._call(number, at, node, _LABELS[label.kind], escape(label.text))
                if label.kind == "hierarchical_label":
                    self._doors[number, escape(label.text)] = node
            else:
                for net in nets:
                    self._call(number, at, self._slot(number, net), _LABELS[label.kind], net)
                if label.kind == "hierarchical_label":
                    self._bus_doors.add((number, nets))
        for index, pin in piece.pins:
            symbol = at.sheet.symbols[index]
            supply = self._supply(at, symbol, pin)
            if supply is not None:
                self._call(number, at, node, *supply)

    def _slot(self, number: int, net: str) -> int:
        """Return the node of a bus member on a sheet."""
        if (number, net) not in self._local:
            self._local[number, net] = self._within.add()
        return self._local[number, net]

    def _call(self, number: int, at: Appearance, node: int, priority: Priority, name: str, plain: bool = True) -> None:
        self._within.join(node, self._local.setdefault((number, name), node))
        everywhere = priority >= Priority.POWER
        if everywhere:
            self._global[name].append(node)
        full = name if everywhere else f"{at.path}{name}"
        self._candidates[node].append(Candidate(priority, full, at.depth, plain))

    def _supply(self, at: Appearance, symbol: Symbol, pin: LibPin) -> tuple[Priority, str, bool] | None:
        """Return the name that a power pin gives its net. A flag such as PWR_FLAG has no power input and gives none."""
        library = at.sheet.library[symbol.library]
        if kind_of(symbol, pin) != "power_in":
            return None
        if library.power:
            by_value = at.sheet.version >= VALUE_NAMES_POWER
            name = escape(symbol.fields.get("Value", "")) if by_value else escape(pin.name)
            return (Priority.LOCAL_POWER if library.power == "local" else Priority.POWER), name, True
        return (Priority.POWER, escape(pin.name), False) if pin.hidden and pin.name not in {"", "~"} else None

    def _pass(self, number: int, node: int, piece: Piece) -> None:
        """Join a piece with what lies behind its sheet pins, and the members of the buses on it."""
        aliases = self._hierarchy.aliases
        at = self._hierarchy.appearances[number]
        buses = [label for label in piece.labels if members(label.text, aliases) is not None]
        buses.sort(key=lambda one: (-_LABELS[one.kind], one.text))
        # Without a label, the first sheet pin on the bus says what its members are called.
        ports = sorted(text for _, text in piece.ports if members(text, aliases) is not None)
        names = [label.text for label in buses] or ports[:1]
        slots: dict[str | int, int] = {}
        for text in names:
            for key, net in keyed(text, aliases):
                here = self._late_slot(number, net)
                self._through.join(slots.setdefault(key, here), here)
        for index, text in piece.ports:
            below = self._below.get((number, index), -1)
            nets = members(text, aliases)
            if nets is None:
                self._candidates[node].append(Candidate(Priority.SHEET_PIN, at.path + escape(text), at.depth))
                if (below, escape(text)) in self._doors:
                    self._through.join(node, self._doors[below, escape(text)])
                continue
            for key, net in keyed(text, aliases):
                if key in slots and (below, nets) in self._bus_doors:
                    self._through.join(slots[key], self._local[below, net])
                if key in slots and not buses:
                    self._candidates[slots[key]].append(Candidate(Priority.SHEET_PIN, at.path + net, at.depth))

    def _late_slot(self, number: int, net: str) -> int:
        if (number, net) not in self._local:
            self._local[number, net] = self._within.add()
            self._through.add()
        return self._local[number, net]

    def design(self, name: str) -> Design:
        nets: list[Net] = []
        groups = self._within.groups()
        nets_of: defaultdict[int, list[int]] = defaultdict(list)
        for root in groups:
            nets_of[self._through.find(root)].append(root)
        for roots in nets_of.values():
            net = self._net([groups[root] for root in roots])
            if net is not None:
                nets.append(net)
        nets.sort(key=lambda net: natural(net.name))
        sheets = tuple(Sheet(one.path, one.sheet.file, one.sheet.title) for one in self._hierarchy.appearances)
        return Design(name, "kicad_sch", self._parts(), tuple(nets), sheets, remarks=tuple(self._remarks))

    def _net(self, groups: list[list[int]]) -> Net | None:
        shown = [one for group in groups for one in self._pins(group)]
        given = [one for group in groups for node in group for one in self._candidates[node]]
        names = [self._name_of(group, alone=len(shown) == 1) for group in groups]
        best = of_net(one for one in names if one is not None)
        pins = {pin for one in shown if (pin := self._on_board_pin(*one)) is not None}
        if not pins or best is None:
            return None
        supply = any(one.plain and one.priority in {Priority.POWER, Priority.LOCAL_POWER} for one in given)
        return Net(best.name, tuple(sorted(pins, key=natural_pin)), best.priority > Priority.PIN, supply)

    def _name_of(self, group: list[int], alone: bool) -> Candidate | None:
        """Return the best name within one sheet; pins are asked only where nothing better is."""
        best = of_group(one for node in group for one in self._candidates[node])
        if best is not None:
            return best
        forced = alone or any(self._pieces[node][1].no_connect for node in group if node in self._pieces)
        weak = [self._weak(number, index, pin, forced) for number, index, pin in self._pins(group)]
        return of_group(one for one in weak if one is not None)

    def _on_board_pin(self, number: int, index: int, pin: LibPin) -> tuple[str, str] | None:
        ref, _ = self._references[number][index]
        at = self._hierarchy.appearances[number]
        return (ref, pin.number) if _on_board(at, at.sheet.symbols[index], ref) else None

    def _pins(self, group: list[int]) -> Iterator[tuple[int, int, LibPin]]:
        for node in group:
            if node in self._pieces:
                number, piece = self._pieces[node]
                for index, pin in piece.pins:
                    yield number, index, pin

    def _weak(self, number: int, index: int, pin: LibPin, alone: bool) -> Candidate | None:
        at = self._hierarchy.appearances[number]
        symbol = at.sheet.symbols[index]
        library = at.sheet.library[symbol.library]
        ref, unit = self._references[number][index]
        if library.virtual or not symbol.on_board:
            return None
        apart = alone or kind_of(symbol, pin) == "no_connect"
        same = [
            one for one in library.pins
            if one.unit in {0, unit} and one.style in {0, symbol.style} and one.number != pin.number
            and name_of(symbol, one) == name_of(symbol, pin) and apart == (kind_of(symbol, one) == "no_connect")
        ]  # fmt: skip
        letter = unit_letter(unit, library.units)
        name = of_pin(ref, letter, pin.number, name_of(symbol, pin), alone=apart, ambiguous=bool(same))
        return Candidate(Priority.PIN, name, at.depth)

    def _parts(self) -> tuple[Part, ...]:
        made: dict[str, Part] = {}
        seen: set[tuple[str, int]] = set()
        for number, at in enumerate(self._hierarchy.appearances):
            for symbol, (ref, unit) in zip(at.sheet.symbols, self._references[number], strict=True):
                if not _on_board(at, symbol, ref):
                    continue
                if (ref, unit) in seen:
                    what = f"{at.sheet.file}: {ref} is there twice, again on {at.path}; both are read as one part"
                    self._remarks.append(Remark("duplicate_reference", what))
                seen.add((ref, unit))
                made[ref] = _merged(made.get(ref), _part(at, symbol, ref, unit))
                if symbol.library not in at.sheet.library:
                    what = f"{at.sheet.file}: {ref} has no pins here, its symbol {symbol.library!r} is missing"
                    self._remarks.append(Remark("missing_symbol", what))
        return tuple(made[ref] for ref in sorted(made, key=natural))


def _on_board(at: Appearance, symbol: Symbol, ref: str) -> bool:
    return at.on_board and symbol.on_board and bool(ref) and not ref.startswith("#")


def natural_pin(pin: tuple[str, str]) -> tuple[object, object]:
    """Return a sort key of (reference, number)."""
    return natural(pin[0]), natural(pin[1])


def _part(at: Appearance, symbol: Symbol, ref: str, unit: int) -> Part:
    library = at.sheet.library.get(symbol.library)
    fields = dict(symbol.fields)
    special = {key: fields.pop(key, "") for key in ("Reference", "Value", "Footprint", "Datasheet", "Description")}
    pins = library.pins if library is not None else ()
    shown = {
        pin.number: Pin(pin.number, "" if pin.name == "~" else name_of(symbol, pin), kind_of(symbol, pin))
        for pin in pins if pin.unit in {0, unit} and pin.style in {0, symbol.style}
    }  # fmt: skip
    return Part(
        ref, special["Value"], special["Footprint"], symbol.library,
        special["Description"] or (library.description if library is not None else ""),
        "" if special["Datasheet"] == "~" else special["Datasheet"],
        {key: text for key, text in fields.items() if not key.startswith("ki_")},
        at.path, fitted=symbol.fitted, pins=tuple(shown.values()),
    )  # fmt: skip


def _merged(first: Part | None, more: Part) -> Part:
    if first is None:
        return more
    pins = {pin.number: pin for pin in (*more.pins, *first.pins)}
    merged = tuple(pins[number] for number in sorted(pins, key=natural))
    return Part(
        first.ref, first.value, first.footprint, first.library, first.description, first.datasheet, first.fields,
        first.sheet, fitted=first.fitted, pins=merged,
    )  # fmt: skip
