"""Where the parts, traces and holes of a made-up board are, in millimetres from its top left corner."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

PartKind = Literal[
    "chip_r", "chip_c", "soic", "qfp", "sot23", "can", "inductor", "header", "usb", "diode", "led", "crystal"
]
Side = Literal["front", "back"]
Mask = Literal["green", "blue", "black"]

_GRID_PX_PER_MM = 6
_EDGE_MM = 1.6
_GAP_MM = 1.1


@dataclass(frozen=True, slots=True)
class Pad:
    """A copper pad: its centre and size."""

    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float


@dataclass(frozen=True, slots=True)
class Part:
    """A part with its centre, the size of its body before turning, and whether it is turned by a quarter."""

    kind: PartKind
    refdes: str
    x_mm: float
    y_mm: float
    body_mm: tuple[float, float]
    pins: int
    pitch_mm: float
    turned: bool
    marking: str

    def at(self, x_mm: float, y_mm: float) -> tuple[float, float]:
        """Return the board position of a point in the part's own axes."""
        return (self.x_mm - y_mm, self.y_mm + x_mm) if self.turned else (self.x_mm + x_mm, self.y_mm + y_mm)

    def size(self, width_mm: float, height_mm: float) -> tuple[float, float]:
        """Return a size along the axes of the board."""
        return (height_mm, width_mm) if self.turned else (width_mm, height_mm)

    def pads(self) -> tuple[Pad, ...]:
        """Return the pads in pin order, on the board."""
        return tuple(Pad(*self.at(x, y), *self.size(w, h)) for x, y, w, h in _pads(self))

    def outline(self) -> tuple[float, float, float, float]:
        """Return left, top, right, bottom of body and pads together."""
        w, h = self.size(*self.body_mm)
        boxes = [(self.x_mm - w / 2, self.y_mm - h / 2, self.x_mm + w / 2, self.y_mm + h / 2)]
        boxes += [
            (p.x_mm - p.width_mm / 2, p.y_mm - p.height_mm / 2, p.x_mm + p.width_mm / 2, p.y_mm + p.height_mm / 2)
            for p in self.pads()
        ]
        lefts, tops, rights, bottoms = zip(*boxes, strict=True)
        return min(lefts), min(tops), max(rights), max(bottoms)


@dataclass(frozen=True, slots=True)
class Trace:
    """A copper track through these points."""

    points_mm: tuple[tuple[float, float], ...]
    width_mm: float


@dataclass(frozen=True, slots=True)
class BoardModel:
    """What a board is called and how it is built. ``mix`` says how many of each kind of part it carries."""

    name: str
    width_mm: float
    height_mm: float
    mask: Mask
    mix: tuple[tuple[PartKind, int], ...]
    seed: int


@dataclass(frozen=True, slots=True)
class Layout:
    """One side of a board."""

    model: BoardModel
    side: Side
    parts: tuple[Part, ...]
    traces: tuple[Trace, ...]
    vias_mm: tuple[tuple[float, float], ...]
    holes_mm: tuple[tuple[float, float, float], ...]
    """Mounting holes: centre and diameter."""
    joints_mm: tuple[tuple[float, float], ...]
    """Through-hole joints of the other side's headers, seen from the back."""


BOARDS: tuple[BoardModel, ...] = (
    BoardModel("NZL-PSU-10", 92, 68, "green",
               (("can", 5), ("inductor", 2), ("soic", 2), ("header", 2), ("diode", 5), ("chip_c", 18), ("chip_r", 22),
                ("sot23", 4), ("led", 2)), 11),
    BoardModel("NZL-PSU-24", 104, 72, "blue",
               (("can", 7), ("inductor", 3), ("soic", 3), ("header", 3), ("diode", 6), ("chip_c", 16), ("chip_r", 20),
                ("sot23", 5), ("led", 3)), 23),
    BoardModel("NZL-AMP-2", 88, 60, "black",
               (("can", 6), ("soic", 4), ("header", 2), ("sot23", 6), ("chip_c", 24), ("chip_r", 28), ("led", 1)), 31),
    BoardModel("NZL-LOGIC-3", 84, 62, "green",
               (("qfp", 2), ("soic", 3), ("crystal", 2), ("usb", 1), ("header", 2), ("sot23", 3), ("chip_c", 26),
                ("chip_r", 26), ("led", 3)), 47),
    BoardModel("NZL-BMS-4", 98, 58, "black",
               (("qfp", 1), ("soic", 3), ("diode", 8), ("header", 3), ("sot23", 8), ("chip_c", 18),
                ("chip_r", 30)), 53),
    BoardModel("NZL-USB-HUB", 76, 56, "blue",
               (("qfp", 1), ("usb", 3), ("crystal", 1), ("can", 2), ("soic", 1), ("chip_c", 20), ("chip_r", 20),
                ("led", 4)), 67),
    BoardModel("NZL-MOTOR-6", 96, 70, "green",
               (("qfp", 1), ("sot23", 12), ("can", 4), ("header", 3), ("soic", 2), ("diode", 6), ("chip_c", 18),
                ("chip_r", 24)), 71),
    BoardModel("NZL-PANEL-1", 90, 54, "blue",
               (("soic", 5), ("header", 2), ("led", 10), ("crystal", 1), ("chip_c", 16), ("chip_r", 34)), 89),
)  # fmt: skip

_SIZES: dict[PartKind, tuple[tuple[float, float, int, float], ...]] = {
    "chip_r": ((1.6, 0.85, 2, 1.5), (2.0, 1.25, 2, 1.9), (3.2, 1.6, 2, 3.0)),
    "chip_c": ((1.6, 0.85, 2, 1.5), (2.0, 1.25, 2, 1.9), (3.2, 1.6, 2, 3.0)),
    "soic": ((4.9, 3.9, 8, 1.27), (8.7, 3.9, 14, 1.27), (9.9, 3.9, 16, 1.27)),
    "qfp": ((7.0, 7.0, 32, 0.8), (10.0, 10.0, 44, 0.8), (10.0, 10.0, 52, 0.65)),
    "sot23": ((2.9, 1.3, 3, 1.9), (2.9, 1.6, 5, 0.95)),
    "can": ((6.6, 6.6, 2, 5.2), (8.3, 8.3, 2, 6.6), (10.3, 10.3, 2, 8.4)),
    "inductor": ((6.0, 6.0, 2, 5.4), (8.0, 8.0, 2, 7.2)),
    "header": ((10.2, 5.0, 4, 2.54), (15.2, 5.0, 6, 2.54), (20.3, 5.0, 8, 2.54)),
    "usb": ((9.0, 7.4, 5, 0.8),),
    "diode": ((4.3, 2.6, 2, 4.2), (2.7, 1.6, 2, 2.8)),
    "led": ((1.6, 0.85, 2, 1.5),),
    "crystal": ((5.0, 3.2, 2, 4.0), (11.0, 4.6, 2, 9.6)),
}
"""Body width and height, pins, pitch (mm): round figures of the usual packages."""

_LETTER: dict[PartKind, str] = {
    "chip_r": "R", "chip_c": "C", "soic": "U", "qfp": "U", "sot23": "Q", "can": "C", "inductor": "L",
    "header": "J", "usb": "J", "diode": "D", "led": "LED", "crystal": "Y",
}  # fmt: skip


def board_model(name: str) -> BoardModel:
    """Return a board by its name.

    Raises:
        ValueError: no such board; lists those there are.
    """
    for model in BOARDS:
        if model.name == name:
            return model
    raise ValueError(f"no board {name!r}; there are {', '.join(model.name for model in BOARDS)}")


def layout(model: BoardModel, side: Side = "front") -> Layout:
    """Return one side of a board, the same for the same model."""
    rng = np.random.default_rng((model.seed, 0 if side == "front" else 1))
    holes = _holes(model)
    parts = _place(model if side == "front" else _back_of(model), holes, rng)
    joints = _joints(model) if side == "back" else ()
    traces = _route(model, parts, holes, rng)
    return Layout(model, side, parts, traces, _vias(model, parts, traces, joints, rng), holes, joints)


def _back_of(model: BoardModel) -> BoardModel:
    return replace(model, mix=(("chip_c", 9), ("chip_r", 12), ("sot23", 2)), seed=model.seed + 1)


def _joints(model: BoardModel) -> tuple[tuple[float, float], ...]:
    front = layout(model, "front")
    headers = [part for part in front.parts if part.kind == "header"]
    return tuple((model.width_mm - pad.x_mm, pad.y_mm) for part in headers for pad in part.pads())


def _holes(model: BoardModel) -> tuple[tuple[float, float, float], ...]:
    w, h = model.width_mm, model.height_mm
    return tuple((x, y, 3.2) for x in (4.0, w - 4.0) for y in (4.0, h - 4.0))


def _pads(part: Part) -> Iterator[tuple[float, float, float, float]]:
    w, h = part.body_mm
    match part.kind:
        case "soic":
            per_side = part.pins // 2
            for i in range(per_side):
                yield (i - (per_side - 1) / 2) * part.pitch_mm, h / 2 + 0.85, 0.62, 1.7
            for i in reversed(range(per_side)):
                yield (i - (per_side - 1) / 2) * part.pitch_mm, -h / 2 - 0.85, 0.62, 1.7
        case "qfp":
            per_side, pad = part.pins // 4, part.pitch_mm * 0.5
            offsets = [(i - (per_side - 1) / 2) * part.pitch_mm for i in range(per_side)]
            yield from ((o, h / 2 + 0.8, pad, 1.5) for o in offsets)
            yield from ((w / 2 + 0.8, -o, 1.5, pad) for o in offsets)
            yield from ((-o, -h / 2 - 0.8, pad, 1.5) for o in offsets)
            yield from ((-w / 2 - 0.8, o, 1.5, pad) for o in offsets)
        case "sot23":
            lower = [-0.95, 0.95] if part.pins == 3 else [-0.95, 0.0, 0.95]
            yield from ((x, h / 2 + 0.45, 0.6, 1.0) for x in lower)
            yield from ((x, -h / 2 - 0.45, 0.6, 1.0) for x in ([0.0] if part.pins == 3 else [0.95, -0.95]))
        case "header":
            yield from (((i - (part.pins - 1) / 2) * part.pitch_mm, 1.2, 1.7, 1.7) for i in range(part.pins))
        case "usb":
            yield from (((i - 2) * part.pitch_mm, -h / 2 - 0.6, 0.45, 1.6) for i in range(part.pins))
        case _:
            end = min(h * 1.05, 3.0)
            width = max(0.75, min(1.9, w * 0.34))
            yield -part.pitch_mm / 2, 0.0, width, end
            yield part.pitch_mm / 2, 0.0, width, end


def _place(
    model: BoardModel, holes: tuple[tuple[float, float, float], ...], rng: np.random.Generator
) -> tuple[Part, ...]:
    """Place the largest parts first, each at the first of many random spots where it is clear of the others."""
    taken = [(x - 3.4, y - 3.4, x + 3.4, y + 3.4) for x, y, _ in holes]
    # The title in silk screen stands here.
    taken.append((model.width_mm / 2 - 15, model.height_mm - 5.5, model.width_mm / 2 + 15, model.height_mm))
    wanted = [kind for kind, count in model.mix for _ in range(count)]
    wanted.sort(key=lambda kind: -_SIZES[kind][-1][0] * _SIZES[kind][-1][1])
    numbers: dict[str, int] = {}
    parts: list[Part] = []
    for kind in wanted:
        number = numbers.get(_LETTER[kind], 0) + 1
        for _ in range(260):
            part = _candidate(kind, f"{_LETTER[kind]}{number}", model, rng)
            left, top, right, bottom = part.outline()
            box = (left - _GAP_MM, top - _GAP_MM, right + _GAP_MM, bottom + _GAP_MM)
            if _inside(box, model) and not any(_overlap(box, other) for other in taken):
                taken.append((left, top, right, bottom))
                parts.append(part)
                numbers[_LETTER[kind]] = number
                break
    return tuple(parts)


def _candidate(kind: PartKind, refdes: str, model: BoardModel, rng: np.random.Generator) -> Part:
    w, h, pins, pitch = _SIZES[kind][int(rng.integers(len(_SIZES[kind])))]
    x, y = rng.uniform(3, model.width_mm - 3), rng.uniform(3, model.height_mm - 3)
    turned = bool(rng.integers(2))
    if kind == "header":
        turned, y = False, model.height_mm - 5.2 if rng.random() < 0.6 else y
    if kind == "usb":
        turned, y = False, model.height_mm - 5.4
    marking = f"{rng.choice(['NZ', 'LM', 'TX', 'AR'])}{rng.integers(100, 9999)}"
    if kind in {"chip_r", "inductor"}:
        marking = str(rng.choice(["103", "472", "220", "101", "334", "R47", "1002", "4R7"]))
    # Parts sit on a half-millimetre grid, as they do on real boards.
    return Part(kind, refdes, round(x * 2) / 2, round(y * 2) / 2, (w, h), pins, pitch, turned, marking)


def _inside(box: tuple[float, float, float, float], model: BoardModel) -> bool:
    margin = _EDGE_MM - _GAP_MM
    left, top, right, bottom = box
    return min(left, top) > margin and right < model.width_mm - margin and bottom < model.height_mm - margin


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _route(
    model: BoardModel, parts: tuple[Part, ...], holes: tuple[tuple[float, float, float], ...], rng: np.random.Generator
) -> tuple[Trace, ...]:
    """Join pads of neighbouring parts where a track fits clear of every other pad and track."""
    occupied = np.zeros((round(model.height_mm * _GRID_PX_PER_MM), round(model.width_mm * _GRID_PX_PER_MM)), np.uint8)
    pads = [(i, pad) for i, part in enumerate(parts) for pad in part.pads()]
    for x, y, diameter in holes:
        cv2.circle(occupied, _cell(x, y), round(diameter * _GRID_PX_PER_MM), 255, -1)
    for _, pad in pads:
        _fill_pad(occupied, pad, 255)
    centres = np.array([(pad.x_mm, pad.y_mm) for _, pad in pads])
    traces: list[Trace] = []
    used: set[int] = set()
    for start in rng.permutation(len(pads)):
        distance = np.abs(centres - centres[start]).sum(1)
        for end in np.argsort(distance)[1:24]:
            if pads[end][0] == pads[start][0] or end in used or start in used or distance[end] > 34:
                continue
            trace = _fit(occupied, pads[start][1], pads[end][1], rng)
            if trace is not None:
                _draw(occupied, trace, 255)
                traces.append(trace)
                used |= {int(start), int(end)}
                break
    return tuple(traces)


def _fit(occupied: NDArray[Any], a: Pad, b: Pad, rng: np.random.Generator) -> Trace | None:
    width = float(rng.choice([0.3, 0.4, 0.4, 0.6]))
    own = np.zeros_like(occupied)
    _fill_pad(own, a, 255)
    _fill_pad(own, b, 255)
    for points in _paths(a, b):
        path = np.zeros_like(occupied)
        _draw(path, Trace(points, width + 0.3), 255)
        if not np.any(path & occupied & ~own):
            return Trace(points, width)
    return None


def _paths(a: Pad, b: Pad) -> Iterator[tuple[tuple[float, float], ...]]:
    """Yield tracks of straight and 45 degree pieces from ``a`` to ``b``, the plainest first."""
    dx, dy = b.x_mm - a.x_mm, b.y_mm - a.y_mm
    slant = min(abs(dx), abs(dy))
    sx, sy = np.sign(dx) * slant, np.sign(dy) * slant
    start, end = (a.x_mm, a.y_mm), (b.x_mm, b.y_mm)
    for share in (0.5, 0.0, 1.0, 0.25, 0.75):
        if abs(dx) >= abs(dy):
            knee = (start[0] + (dx - sx) * share, start[1])
        else:
            knee = (start[0], start[1] + (dy - sy) * share)
        yield start, knee, (knee[0] + sx, knee[1] + sy), end


def _cell(x_mm: float, y_mm: float) -> tuple[int, int]:
    return round(x_mm * _GRID_PX_PER_MM), round(y_mm * _GRID_PX_PER_MM)


def _draw(into: NDArray[Any], trace: Trace, value: int) -> None:
    points = np.array([_cell(*point) for point in trace.points_mm], np.int32)
    cv2.polylines(into, [points], False, value, max(1, round(trace.width_mm * _GRID_PX_PER_MM)))


def _fill_pad(into: NDArray[Any], pad: Pad, value: int) -> None:
    grow = 0.2
    cv2.rectangle(
        into,
        _cell(pad.x_mm - pad.width_mm / 2 - grow, pad.y_mm - pad.height_mm / 2 - grow),
        _cell(pad.x_mm + pad.width_mm / 2 + grow, pad.y_mm + pad.height_mm / 2 + grow),
        value,
        -1,
    )


def _vias(
    model: BoardModel,
    parts: tuple[Part, ...],
    traces: tuple[Trace, ...],
    joints: tuple[tuple[float, float], ...],
    rng: np.random.Generator,
) -> tuple[tuple[float, float], ...]:
    """Scatter vias clear of parts and tracks."""
    blocked = np.zeros((round(model.height_mm * _GRID_PX_PER_MM), round(model.width_mm * _GRID_PX_PER_MM)), np.uint8)
    for part in parts:
        left, top, right, bottom = part.outline()
        cv2.rectangle(blocked, _cell(left - 0.6, top - 0.6), _cell(right + 0.6, bottom + 0.6), 255, -1)
    for trace in traces:
        _draw(blocked, Trace(trace.points_mm, trace.width_mm + 1.2), 255)
    for x, y in joints:
        cv2.circle(blocked, _cell(x, y), 2 * _GRID_PX_PER_MM, 255, -1)
    found: list[tuple[float, float]] = []
    for x, y in rng.uniform((2, 2), (model.width_mm - 2, model.height_mm - 2), (160, 2)):
        column, row = _cell(x, y)
        if not blocked[row, column] and len(found) < 70:
            found.append((float(x), float(y)))
            cv2.circle(blocked, (column, row), _GRID_PX_PER_MM, 255, -1)
    return tuple(found)
