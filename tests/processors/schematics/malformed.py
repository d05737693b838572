"""Projects that are broken, each in one way, as a user's folder may hold them: for every way that files come in."""

import gzip
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass

from tests.processors.schematics.drawing import Drawing
from tests.processors.schematics.papers import packed
from tests.processors.schematics.test_kicad_board import board, footprint

SHEET = Drawing().symbol("R", "R1", (10, 10)).wire((10, 7.46), (20, 7.46)).label("GND", (20, 7.46)).text.encode()
BOARD = board(footprint("R1", "1 1", '(net 1 "A")', ""))


@dataclass(frozen=True, slots=True)
class Broken:
    """Files by name, the first of which is given to a verb; ``said``: what an error or a remark says.

    ``read``: it is no error, the rest is read.
    """

    files: Mapping[str, bytes]
    said: str
    read: bool = False


def _zipped(name: str, size: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(name, b" " * size)
    return file.getvalue()


def _sheets(**files: Drawing) -> dict[str, bytes]:
    return {f"{name}.kicad_sch": one.text.encode() for name, one in files.items()}


BROKEN: Mapping[str, Broken] = {
    "cut off": Broken({"a.kicad_sch": SHEET[: len(SHEET) // 2]}, r"a\.kicad_sch:\d+: .*cut off"),
    "board cut off": Broken({"a.kicad_pcb": BOARD[: len(BOARD) // 2]}, r"a\.kicad_pcb:\d+: .*cut off"),
    "nested sheet": Broken(
        {"a.kicad_sch": b"(kicad_sch " + b"\n(" * 100_000 + b")" * 100_001}, r"a\.kicad_sch:\d+: .*nest deeper than 64"
    ),
    "nested board": Broken(
        {"a.kicad_pcb": b"(kicad_pcb (footprint x " + b"\n(" * 100_000 + b")" * 100_002},
        r"a\.kicad_pcb:\d+: .*nest deeper than 64",
    ),
    "sheet in itself": Broken(
        _sheets(a=Drawing().sheet("again", "a.kicad_sch", {})), r"a\.kicad_sch:3: the sheet 'a\.kicad_sch' holds itself"
    ),
    "sheets in a ring": Broken(
        _sheets(
            a=Drawing().sheet("one", "one.kicad_sch", {}),
            one=Drawing(uuid="one").sheet("two", "two.kicad_sch", {}),
            two=Drawing(uuid="two").sheet("one", "one.kicad_sch", {}),
        ),
        r"two\.kicad_sch:3: the sheet 'one\.kicad_sch' holds itself",
    ),
    "missing sheet": Broken(
        _sheets(a=Drawing().symbol("R", "R1", (10, 10)).sheet("sub", "gone.kicad_sch", {})),
        r"a\.kicad_sch:\d+: the sheet 'gone\.kicad_sch' is not there",
        read=True,
    ),
    "latin-1": Broken(
        {"a.kicad_sch": SHEET.replace(b"GND", b"M\xe4sse")},
        r"a\.kicad_sch:\d+: no UTF-8 from here on; read as Latin-1",
        read=True,
    ),
    "CRLF": Broken({"a.kicad_sch": SHEET.replace(b"\n", b"\r\n")}, "", read=True),
    "one name twice": Broken(
        _sheets(a=Drawing().symbol("R", "R1", (10, 10)).symbol("R", "R1", (40, 10))), r"R1", read=True
    ),
    "zip bomb": Broken({"a.zip": _zipped("a.kicad_sch", 1 << 25)}, r"a\.zip: .*unpack it first"),
    "zip bomb called a board": Broken({"a.kicad_pcb": _zipped("a", 1 << 25)}, r"a\.kicad_pcb: .*unpack it first"),
    "gzip bomb": Broken({"a.gz": gzip.compress(b" " * (1 << 25), 1)}, r"a\.gz:"),
    "bomb in a PDF": Broken({"a.pdf": packed(b" " * ((1 << 27) + 1))}, r"a\.pdf:\d+: what is packed here is more than"),
    "nothing in it": Broken({"a.kicad_sch": b" \n"}, r"a\.kicad_sch: the file is empty; fetch it again"),
}
