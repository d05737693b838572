"""A schematic that is drawn otherwise is the same circuit: shuffled, moved, renamed, mirrored."""

import random
import re

from hypothesis import given
from hypothesis import strategies as st

from processors.schematics.model import Design
from processors.schematics.read import read_design
from tests.processors.schematics.drawing import Drawing, partition, read
from tests.processors.schematics.samples import FOLDER, needed

GRID_MM = 1.27


def two_sheets(shift: tuple[int, int], seed: int, rename: str, mirrored: frozenset[int]) -> Design:
    """Draw a divider, a buffer and a sheet behind a bus; with everything in another order, at another place."""
    dx, dy = (step * GRID_MM for step in shift)

    def at(x: float, y: float) -> tuple[float, float]:
        return round(x + dx, 4), round(y + dy, 4)

    below = Drawing(uuid="below").symbol("R", f"{rename}9", at(10, 10)).label("D1", at(10, 7.46))
    below.bus(at(20, 20), at(30, 20)).door("D[0..1]", at(20, 20))
    above = Drawing().sheet("sub", "below.kicad_sch", {"D[0..1]": at(50, 50)})
    above.bus(at(50, 50), at(60, 50)).label("D[0..1]", at(55, 50)).label("D1", at(90, 77.46))
    for number in range(4):
        # A part of two like pins, mirrored and turned by half a turn, stands as it stood.
        turned = {"turn": 180, "mirror": "x"} if number in mirrored else {}
        above.symbol("R", f"{rename}{number}", at(90 + 10 * number, 80), **turned)  # type: ignore[arg-type]  # passed on as given
        above.wire(at(90 + 10 * number, 82.54), at(100 + 10 * number, 82.54))
    above.wire(at(100, 77.46), at(110, 77.46)).power("+3V3", at(105, 77.46)).junction(at(105, 77.46))
    above.symbol("G", "U1", at(102.54, 77.46)).symbol("PWR_FLAG", "#FLG1", at(120, 77.46))
    for drawing in (above, below):
        random.Random(seed).shuffle(drawing.items)
    return read(above, below=below)


def circuit(design: Design, rename: str) -> set[frozenset[tuple[str, str]]]:
    renamed = [[(re.sub(f"^{rename}(?=\\d)", "R", ref), number) for ref, number in net.pins] for net in design.nets]
    return partition(renamed)


@given(
    shift=st.tuples(st.integers(-80, 400), st.integers(-80, 400)),
    seed=st.integers(0, 2**16),
    rename=st.sampled_from(["R", "RES", "Z_"]),
    mirrored=st.frozensets(st.integers(0, 3)),
)
def test_a_drawing_done_otherwise_is_the_same_circuit(
    shift: tuple[int, int], seed: int, rename: str, mirrored: frozenset[int]
) -> None:
    plain = two_sheets((0, 0), 0, "R", frozenset())
    assert frozenset({("R9", "1"), ("R0", "1")}) in circuit(plain, "R")
    assert circuit(two_sheets(shift, seed, rename, mirrored), rename) == circuit(plain, "R")


@needed
def test_real_sheets_shuffled_and_moved_are_the_same_circuit() -> None:
    """Every number behind ``at`` and ``xy`` on the sheet is moved by one step; items stand in another order."""
    for project, root in (("video", "video"), ("glasgow_revC", "glasgow"), ("gb_DMG-CPU-06", "DMG-CPU-06")):
        folder = FOLDER / "projects" / project

        def plain(name: str) -> bytes | None:
            return (folder / name).read_bytes()  # noqa: B023 - called before the next turn

        def moved(name: str) -> bytes | None:
            return _moved((folder / name).read_text()).encode()  # noqa: B023 - called before the loop goes on

        file = f"{root}.kicad_sch"
        expected = read_design(file, plain(file) or b"", plain)
        found = read_design(file, moved(file) or b"", moved)
        assert partition([net.pins for net in found.nets]) == partition([net.pins for net in expected.nets])
        assert {net.name for net in found.nets} == {net.name for net in expected.nets}


def _moved(text: str) -> str:
    head, items = _split(text)
    random.Random(7).shuffle(items)
    step = 20 * GRID_MM

    def move(found: re.Match[str]) -> str:
        return f"({found[1]} {float(found[2]) + step:.4f} {float(found[3]) + 2 * step:.4f}"

    return head + "\n".join(re.sub(r"\((at|xy) (\S+?) ([^\s)]+)", move, item) for item in items) + "\n)"


def _split(text: str) -> tuple[str, list[str]]:
    """Return what stands up to the end of the library, and the items behind it."""
    pieces: list[str] = []
    depth, start = 0, 0
    for found in re.finditer(r'"(?:[^"\\]|\\.)*"|[()]', text):
        if found.group() == "(":
            depth += 1
            start = found.start() if depth == 2 else start
        elif found.group() == ")":
            depth -= 1
            if depth == 1:
                pieces.append(text[start : found.end()])
    last = max(number for number, piece in enumerate(pieces) if piece.startswith("(lib_symbols"))
    return "(kicad_sch " + "\n".join(pieces[: last + 1]), pieces[last + 1 :]
