"""Which format a file has, by what is in it: five formats share ``.brd``, so a name says little.

Formats that are recognised and not read are named with what to do: their files are binary or locked by their makers.
"""

import re
from dataclasses import dataclass

from processors.schematics.boardview_asc import BDV_MARK
from processors.schematics.boardview_brd import ROTATED

_LOOKED_AT_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Format:
    """A format. ``instead`` says what to do with a file of a format that is not read; empty when it is read."""

    key: str
    title: str
    instead: str = ""


KICAD_SCH = Format("kicad_sch", "KiCad schematic")
KICAD_LEGACY = Format("kicad_legacy", "KiCad 4/5 schematic")
KICAD_PCB = Format("kicad_pcb", "KiCad board")
KICAD_NET = Format("kicad_net", "KiCad netlist")
EAGLE = Format("eagle", "Eagle XML")
BRD = Format("brd", "BRD boardview")
BRD2 = Format("brd2", "BRD boardview (BRDOUT)")
BDV = Format("bdv", "BDV boardview")
BVR1 = Format("bvr1", "BVR boardview (1)")
BVR3 = Format("bvr3", "BVR boardview (3)")
ASC = Format("asc", "ASC boardview set")
GENCAD = Format("gencad", "GenCAD")
IPC_D_356 = Format("ipc_d_356", "IPC-D-356 netlist")
OPENBOARDDATA = Format("openboarddata", "OpenBoardData readings")
PDF = Format("pdf", "PDF of a schematic")
_ASK_OPEN = "ask whoever gave it for GenCAD, IPC-D-356 or a BRD, BVR or BDV boardview"
_REFUSED = {
    key: Format(key, title, instead)
    for key, title, instead in (
        ("allegro", "Cadence Allegro", f"it is binary: look at it in Allegro's free viewer, or {_ASK_OPEN}"),
        ("tvw", "Teboview (TVW)", f"it is not read: export it from Teboview, or {_ASK_OPEN}"),
        ("xzz", "XZZ boardview (PCB)", f"its maker locks it: open it in the maker's viewer, or {_ASK_OPEN}"),
        ("fz", "FZ or CAE boardview", f"it is locked by its maker's key: {_ASK_OPEN}"),
        ("eagle_binary", "Eagle 4 or 5", "it is binary: open it in Eagle 6 or later and save it, which makes XML"),
        ("altium", "Altium", "it is binary: export IPC-D-356 from Altium, or import it in KiCad and save it"),
        ("zip", "a packer", "unpack it first, and give the design file inside"),
    )
}
_TEBO_MARK = b"\x13O95w-28ps49m 02v9o."
_ZIPS = (b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c", b"Rar!")
_TEXT_MARKS = (
    (re.compile(rb"\A\(kicad_sch\b"), KICAD_SCH),
    (re.compile(rb"\A\(kicad_pcb\b"), KICAD_PCB),
    (re.compile(rb"\A\(export\b"), KICAD_NET),
    (re.compile(rb"\AEESchema Schematic File"), KICAD_LEGACY),
    (re.compile(rb"<eagle\b"), EAGLE),
    (re.compile(rb"BVRAW_FORMAT_1"), BVR1),
    (re.compile(rb"BVRAW_FORMAT_3"), BVR3),
    (re.compile(rb"BRDOUT:"), BRD2),
    (re.compile(rb"str_length:|var_data:"), BRD),
    (re.compile(re.escape(BDV_MARK) + rb"|<<format\.asc>>"), BDV),
    (re.compile(rb"^[ \t]*GENCAD\b", re.MULTILINE), GENCAD),
    (re.compile(rb"^(?:P  (?:CODE|UNITS|JOB|NNAME)|3[1-7]7.{29,}X[+-]?\d+Y[+-]?\d+)", re.MULTILINE), IPC_D_356),
    (re.compile(rb"\AID [^\n]*\n(?:BRAND|TYPE|COMMENT)|^DIAGNOSIS_DATA_BEGIN|^# NETNAME", re.MULTILINE), OPENBOARDDATA),
    (re.compile(rb"^[ \t]*Part[ \t]+\S+[ \t]+\([TB]\)", re.MULTILINE), ASC),
)  # fmt: skip


def detect(name: str, content: bytes) -> Format | None:
    """Return the format of a file; None when nothing in it is known."""
    begin = content[:_LOOKED_AT_BYTES]
    binary = _binary(begin)
    if binary is not None:
        return binary
    if begin[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        begin = begin.decode("utf-16", "ignore").encode()
    begin = begin.removeprefix(b"\xef\xbb\xbf").lstrip()
    for mark, kind in _TEXT_MARKS:
        if mark.search(begin):
            return kind
    return ASC if name.lower().endswith((".asc",)) else None


def _binary(begin: bytes) -> Format | None:
    if begin.startswith(ROTATED):
        return BRD
    if begin[0xF8:0xFC] == b"allv":
        return _REFUSED["allegro"]
    if begin.startswith(_TEBO_MARK):
        return _REFUSED["tvw"]
    if begin.startswith(b"XZZPCB"):
        return _REFUSED["xzz"]
    if begin.startswith(b"%PDF-"):
        return PDF
    if begin.startswith(_ZIPS):
        return _REFUSED["zip"]
    if begin.startswith(b"\xd0\xcf\x11\xe0"):
        return _REFUSED["altium"]
    # Eagle's binary sections begin with 0x10 and flags; FZ without its lock has zlib from the fifth byte on.
    if begin[:2] in {b"\x10\x00", b"\x10\x80"}:
        return _REFUSED["eagle_binary"]
    if begin[4:6] in {b"\x78\x9c", b"\x78\xda", b"\x78\x01", b"\x78\x5e"}:
        return _REFUSED["fz"]
    return None


def locked(name: str) -> Format | None:
    """Return the format that only the name tells of: a locked FZ or CAE file looks like noise."""
    return _REFUSED["fz"] if name.lower().endswith((".fz", ".cae")) else None
