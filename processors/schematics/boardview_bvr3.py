"""BVR3 (``BVRAW_FORMAT_3``): parts and pins as blocks of ``KEY value``, lengths in thousandths of an inch."""

from processors.schematics.boardview import BoardView, mils
from processors.schematics.errors import DesignError
from processors.schematics.lines import Lines
from processors.schematics.model import Design, Side
from processors.schematics.numbers import finite

_SIDES: dict[str, Side] = {"T": "top", "B": "bottom", "O": "both"}


def read_bvr3(name: str, content: bytes) -> Design:
    """Return the design of a BVR3 file.

    Raises:
        DesignError: a line cannot be read, or a part or pin never ends.
    """
    lines = Lines(name, content)
    view = BoardView("bvr3")
    part, origin = "", (0.0, 0.0)
    pin: dict[str, str] | None = None
    for line in lines:
        key, _, rest = line.strip().partition(" ")
        rest = rest.strip()
        with lines.reading("a boardview"):
            if key == "PART_NAME":
                part, origin = rest, (0.0, 0.0)
                view.part(part, "top")
            elif key == "PART_SIDE":
                view.turn(part, _SIDES.get(rest, "top"))
            elif key == "PART_ORIGIN":
                origin = _xy(rest)
            elif key == "PIN_ID":
                pin = {}
            elif key == "PIN_END" and pin is not None:
                x, y = _xy(pin["PIN_ORIGIN"])
                where = mils(origin[0] + x, origin[1] + y, _SIDES.get(pin.get("PIN_SIDE", ""), "both"))
                view.pin(part, pin.get("PIN_NUMBER", ""), where, pin.get("PIN_NET", ""), pin.get("PIN_NAME", ""))
                pin = None
            elif pin is not None:
                pin[key] = rest
            elif key == "PART_END":
                part = ""
            elif key in {"OUTLINE_POINTS", "OUTLINE_SEGMENTED"}:
                _edge(view, key, [finite(one) for one in rest.split()])
    if part or pin is not None:
        raise DesignError(name, lines.number, f"the part {part!r} never ends: the file is cut off, fetch it again")
    return view.design(lines)


def _xy(text: str) -> tuple[float, float]:
    x, y = text.split()[:2]
    return finite(x), finite(y)


def _edge(view: BoardView, key: str, numbers: list[float]) -> None:
    points = list(zip(numbers[::2], numbers[1::2], strict=True))
    if key == "OUTLINE_POINTS":
        view.points = points
        return
    for one, other in zip(points[::2], points[1::2], strict=True):
        first, last = mils(*one, "both"), mils(*other, "both")
        view.edge.append((first.x_mm, first.y_mm, last.x_mm, last.y_mm))
