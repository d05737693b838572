"""Schematic, board, readings and PDF of one project in one design, and what they do not agree on.

Nobody is made right. The joined nets are the board's, because that is the copper a probe touches, with the names that
the schematic gives; each difference is a ``Disagreement`` beside them. What only one of the two has is kept.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from processors.schematics.errors import DesignError
from processors.schematics.index import Terminal
from processors.schematics.model import Design, Disagreement, Net, Part, Pin, TextPlace
from processors.schematics.order import natural

Role = Literal["schematic", "board", "readings", "pdf"]
_ONE_OF: Mapping[Role, str] = {
    "schematic": "schematics or netlists", "board": "boards", "readings": "files of readings", "pdf": "PDF files",
}  # fmt: skip
_ONE_VALUE_A_SHAPE = "gencad"
"""KiCad writes one value for all parts of one shape into GenCAD: no word about a part."""
_NAMED_MOST = 6
"""Pins that a sentence names; the rest is counted."""


def role_of(design: Design) -> Role:
    """Return what a design is to a project: a board is what has places."""
    if design.format == "pdf":
        return "pdf"
    if design.format == "openboarddata":
        return "readings"
    placed = any(part.place is not None for part in design.parts) or design.probes
    return "board" if placed else "schematic"


def combine(designs: Sequence[Design]) -> Design:
    """Return one design of the files of one project, at most one of each role.

    Raises:
        DesignError: two files of one role; which of them is meant nobody can tell.
    """
    by_role: dict[Role, Design] = {}
    for design in designs:
        role = role_of(design)
        if role in by_role:
            two = f"{by_role[role].source} and {design.source} are two {_ONE_OF[role]}"
            what = f"{two}; give the files of one board, one of each kind"
            raise DesignError(design.source, None, what)
        by_role[role] = design
    if len(designs) == 1:
        return designs[0]
    schematic, board = by_role.get("schematic"), by_role.get("board")
    base = join(schematic, board) if schematic and board else schematic or board
    if base is None:
        base = by_role["pdf"] if "pdf" in by_role else by_role["readings"]
    elif "pdf" in by_role:
        base = link_texts(base, by_role["pdf"])
    readings = by_role.get("readings")
    if readings is not None and base is not readings:
        base = replace(
            base, readings=readings.readings, notes=readings.notes, remarks=(*base.remarks, *readings.remarks)
        )
    return replace(base, source=designs[0].source, sources=tuple(one.source for one in designs))


def join(schematic: Design, board: Design) -> Design:
    """Return a schematic and a board as one design, with what they disagree on."""
    numbered = _numbered(schematic, board) if _is_unnumbered(board) else board
    told = [*_part_differences(schematic, numbered)]
    matched = _Nets(schematic, numbered)
    told += matched.differences(cut=any(one.matter == "cut_names" for one in board.remarks))
    return Design(
        schematic.source, f"{schematic.format}+{board.format}", tuple(_parts(schematic, numbered)), matched.joined(),
        schematic.sheets, board.probes and tuple(replace(one, net=matched.name(one.net)) for one in board.probes),
        schematic.readings + board.readings, schematic.notes or board.notes, board.outline,
        (*schematic.remarks, *board.remarks), schematic.texts, (schematic.source, board.source), tuple(told),
    )  # fmt: skip


def link_texts(design: Design, pdf: Design) -> Design:
    """Return a design with the places of a PDF that name one of its parts or nets; the other words are dropped."""
    refs = {part.ref for part in design.parts}
    nets = _words_for_nets(design)
    texts = tuple(linked for one in pdf.texts if (linked := _linked(refs, nets, one)) is not None)
    remarks = (*design.remarks, *(one for one in pdf.remarks if one.matter != "no_nets"))
    return replace(design, texts=texts, remarks=remarks)


def _words_for_nets(design: Design) -> dict[str, str]:
    """Return the nets by what stands at their wires: the name, without the sheet's path where one net ends so."""
    ends: defaultdict[str, set[str]] = defaultdict(set)
    for net in design.nets:
        ends[net.name.rpartition("/")[2]].add(net.name)
    alone = {end: next(iter(names)) for end, names in ends.items() if len(names) == 1}
    return alone | {net.name: net.name for net in design.nets}


def _linked(refs: Collection[str], nets: Mapping[str, str], text: TextPlace) -> TextPlace | None:
    word = text.text
    # A unit's letter, U1A, is drawn and is no part of the reference; a part that is called so comes first.
    ref = next((one for one in (word, text.ref, word[:-1] if word[-1:].isalpha() else "") if one in refs), None)
    if ref is not None:
        return replace(text, kind="reference", ref=ref, net="")
    return replace(text, kind="label", ref="", net=nets[word]) if word in nets else None


# --- parts ---------------------------------------------------------------------------------------------------------


def _part_differences(schematic: Design, board: Design) -> list[Disagreement]:
    drawn, placed = _by_ref(schematic), _by_ref(board)
    found: list[Disagreement] = []
    for ref in sorted({*drawn, *placed}, key=natural):
        one, other = drawn.get(ref), placed.get(ref)
        if other is None:
            what = f"{ref} is in {schematic.source} and not on {board.source}"
            found.append(Disagreement("only_in_schematic", what, (ref,)))
        elif one is None and other.pins:  # a logo or a hole has no pins and is nobody's part
            what = f"{ref} is on {board.source} and not in {schematic.source}"
            found.append(Disagreement("only_on_board", what, (ref,)))
        elif one is not None and board.format != _ONE_VALUE_A_SHAPE and _differ(one.value, other.value):
            what = f"{ref} is {one.value} in {schematic.source} and {other.value} on {board.source}"
            found.append(Disagreement("value_differs", what, (ref,)))
    return found


def _differ(one: str, other: str) -> bool:
    return bool(one and other) and "".join(one.split()).casefold() != "".join(other.split()).casefold()


def _by_ref(design: Design) -> dict[str, Part]:
    found: dict[str, Part] = {}
    for part in design.parts:
        found.setdefault(part.ref, part)
    return found


def _parts(schematic: Design, board: Design) -> list[Part]:
    drawn, placed = _by_ref(schematic), _by_ref(board)
    return [_part(drawn.get(ref), placed.get(ref)) for ref in sorted({*drawn, *placed}, key=natural)]


def _part(drawn: Part | None, placed: Part | None) -> Part:
    """Return what both say of a part: words from the schematic, places from the board."""
    if drawn is None or placed is None:
        one = drawn if drawn is not None else placed
        assert one is not None
        return one
    said = {pin.number: pin for pin in drawn.pins}
    pads = [
        replace(pad, name=said[pad.number].name or pad.name, kind=said[pad.number].kind or pad.kind)
        if pad.number in said else pad
        for pad in placed.pins
    ]  # fmt: skip
    numbers = {pad.number for pad in pads}
    pins: list[Pin] = [*pads, *(pin for pin in drawn.pins if pin.number not in numbers)]
    return replace(
        drawn, value=drawn.value or placed.value, footprint=drawn.footprint or placed.footprint,
        description=drawn.description or placed.description, datasheet=drawn.datasheet or placed.datasheet,
        fields={**placed.fields, **drawn.fields}, place=placed.place, fitted=drawn.fitted and placed.fitted,
        pins=tuple(pins),
    )  # fmt: skip


def _is_unnumbered(board: Design) -> bool:
    # IPC-D-356 has a column for them, which only a hole or a mounting pad leaves empty.
    counted = any(one.matter == "unnumbered_pins" for one in board.remarks)
    return counted and board.format != "ipc_d_356"


def _numbered(schematic: Design, board: Design) -> Design:
    """Give pads their numbers where part and net leave one choice; the others are left out, with no place.

    A format that numbers no pins says on which net each pad is. Where a part has one pin on that net, it is that pin.
    """
    net_of = {terminal: net.name for net in board.nets for terminal in net.pins}
    drawn: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for net in schematic.nets:
        for ref, number in net.pins:
            drawn[ref, net.name.rpartition("/")[2]].append(number)
    renamed: dict[Terminal, str] = {}
    known = {part.ref for part in schematic.parts}
    for part in board.parts:
        counts = Counter(net_of.get((part.ref, pin.number), "") for pin in part.pins)
        for pin in part.pins:
            net_name = net_of.get((part.ref, pin.number), "")
            choice = drawn[part.ref, net_name.rpartition("/")[2]]
            if part.ref not in known:
                renamed[part.ref, pin.number] = pin.number
            elif counts[net_name] == len(choice) == 1:
                renamed[part.ref, pin.number] = choice[0]
    parts = tuple(
        replace(part, pins=tuple(
            replace(pin, number=renamed[part.ref, pin.number]) for pin in part.pins if (part.ref, pin.number) in renamed
        ))
        for part in board.parts
    )  # fmt: skip
    nets = tuple(
        replace(net, pins=tuple((ref, renamed[ref, number]) for ref, number in net.pins if (ref, number) in renamed))
        for net in board.nets
    )
    return replace(board, parts=parts, nets=nets)


# --- nets ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Pair:
    drawn: str | None
    copper: str | None


class _Nets:
    """The nets of both, matched: each net of the board with the one of the schematic that it shares most pins with."""

    def __init__(self, schematic: Design, board: Design) -> None:
        self._schematic, self._board = schematic, board
        self._drawn = {net.name: net for net in schematic.nets}
        self._copper = {net.name: net for net in board.nets}
        drawn_of = {pin: net.name for net in schematic.nets for pin in net.pins}
        copper_of = {pin: net.name for net in board.nets for pin in net.pins}
        pins = {(part.ref, pin.number) for part in schematic.parts for pin in part.pins}
        pads = {(part.ref, pin.number) for part in board.parts for pin in part.pins}
        self._pairs = {one: _Pair(drawn_of.get(one), copper_of.get(one)) for one in (pins | set(drawn_of)) & pads}
        shared = Counter(self._pairs.values())
        self._match: dict[str, str] = {}
        """The net of the schematic by the net of the board."""
        taken: set[str] = set()
        for pair in sorted(shared, key=lambda one: (-shared[one], one.drawn != one.copper, str(one))):
            if pair.drawn is None or pair.copper is None or pair.copper in self._match or pair.drawn in taken:
                continue
            self._match[pair.copper] = pair.drawn
            taken.add(pair.drawn)
        self._names = self._all_names(taken)

    def name(self, copper: str) -> str:
        """Return what the joined design calls a net of the board."""
        return self._names.get(copper, copper)

    def _all_names(self, taken: set[str]) -> dict[str, str]:
        names = {copper: self._best_name(copper, drawn) for copper, drawn in self._match.items()}
        used = set(names.values())
        for copper in self._copper:
            if copper not in names:
                name = copper
                while name in used or name in taken:
                    name += " (board)"
                names[copper] = name
                used.add(name)
        return names

    def _best_name(self, copper: str, drawn: str) -> str:
        return drawn if self._drawn[drawn].named or not self._copper[copper].named else copper

    def joined(self) -> tuple[Net, ...]:
        """Return the nets of the board with their names, and of the schematic what is on no board."""
        pads = {pin for net in self._board.nets for pin in net.pins} | set(self._pairs)
        nets: dict[str, Net] = {}
        matched = set(self._match.values())
        for net in self._board.nets:
            drawn = self._drawn.get(self._match.get(net.name, ""))
            rest = [pin for pin in drawn.pins if pin not in pads] if drawn is not None else []
            pins = tuple(sorted({*net.pins, *rest}, key=lambda pin: (natural(pin[0]), natural(pin[1]))))
            supply = net.supply or (drawn is not None and drawn.supply)
            nets[self.name(net.name)] = Net(self.name(net.name), pins, net.named, supply)
        for drawn in self._schematic.nets:
            rest = [pin for pin in drawn.pins if pin not in pads]
            if drawn.name not in matched and rest:
                nets.setdefault(drawn.name, replace(drawn, pins=tuple(rest)))
        return tuple(net for _, net in sorted(nets.items(), key=lambda one: natural(one[0])) if net.pins)

    def differences(self, cut: bool) -> list[Disagreement]:
        """Return the pins that are not where the other says, by the pair of nets, and nets of two names.

        ``cut``: the board's format has no room for names as they are, so that they tell nothing.
        """
        apart: defaultdict[_Pair, list[Terminal]] = defaultdict(list)
        for terminal, pair in self._pairs.items():
            if not self._agrees(pair):
                apart[pair].append(terminal)
        found = [self._moved(pair, terminals) for pair, terminals in apart.items()]
        for copper, drawn in () if cut else self._match.items():
            if self._copper[copper].named and self._drawn[drawn].named and copper != drawn:
                what = f"the net {drawn} of {self._schematic.source} is called {copper} on {self._board.source}"
                found.append(Disagreement("name_differs", what, nets=(self.name(copper),)))
        return sorted(found, key=lambda one: (one.matter != "net_differs", natural(one.what)))

    def _agrees(self, pair: _Pair) -> bool:
        if pair.drawn is None and pair.copper is None:
            return True
        if pair.copper is None or pair.drawn is None:
            # A net of one pin is a pin that is joined with nothing.
            net = self._drawn[pair.drawn] if pair.drawn is not None else self._copper[pair.copper or ""]
            return len(net.pins) == 1
        if self._match.get(pair.copper) == pair.drawn:
            return True
        return len(self._drawn[pair.drawn].pins) == len(self._copper[pair.copper].pins) == 1

    def _moved(self, pair: _Pair, terminals: Sequence[Terminal]) -> Disagreement:
        ordered = sorted(terminals, key=lambda one: (natural(one[0]), natural(one[1])))
        some = ", ".join(f"{ref}.{number}" for ref, number in ordered[:_NAMED_MOST])
        more = f" and {len(ordered) - _NAMED_MOST} more" if len(ordered) > _NAMED_MOST else ""
        drawn = pair.drawn if pair.drawn is not None else "nothing"
        copper = pair.copper if pair.copper is not None else "nothing"
        verb = "are" if len(ordered) > 1 else "is"
        what = (
            f"{some}{more} {verb} on {drawn} in {self._schematic.source} and on {copper} on {self._board.source}; "
            "measure which it is"
        )
        nets = (self.name(pair.copper),) if pair.copper is not None else ()
        return Disagreement("net_differs", what, tuple(dict.fromkeys(ref for ref, _ in ordered)), nets)
