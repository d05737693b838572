"""A drawn KiCad project of the size of the largest that was met: 37 sheet files in 73 appearances.

The largest real project that was measured has 1,507 parts, 1,800 nets and 24,858 pieces of wire in as many sheets;
this has at least as many of each, so that a newcomer without sample files measures the same work.
"""

import time
from typing import Any

from processors.schematics.index import Index
from processors.schematics.read import read_design

SHEETS = 37
PARTS_A_SHEET = 21
WIRES_A_PART = 32
_LIBRARY = """(lib_symbols (symbol "Device:R" (property "Reference" "R") (symbol "R_1_1"
  (pin passive line (at 0 2.54 270) (length 1) (name "~") (number "1"))
  (pin passive line (at 0 -2.54 90) (length 1) (name "~") (number "2")))))"""
_EFFECTS = "(effects (font (size 1.27 1.27)) (justify left))"


def drawn_project() -> dict[str, bytes]:
    """Return the files by name: a root that shows each of 36 sheets twice."""
    names = [f"sheet{number}.kicad_sch" for number in range(1, SHEETS)]
    shown = "".join(
        f'''\n(sheet (at {number} {copy}) (size 20 10) (uuid "s{number}-{copy}")
  (property "Sheetname" "{number}.{copy}") (property "Sheetfile" "{name}")
  (pin "IN" input (at {number * 30} {copy * 20} 180) {_EFFECTS} (uuid "p{number}-{copy}")))'''
        for number, name in enumerate(names, 1) for copy in (1, 2)
    )  # fmt: skip
    files = {"root.kicad_sch": _sheet("top", _part(0, 0, 0) + shown)}
    for number, name in enumerate(names, 1):
        drawn = "".join(_part(number, row, row * 10) for row in range(PARTS_A_SHEET))
        files[name] = _sheet(f"f{number}", f'{drawn}\n(hierarchical_label "IN" (shape input) (at 0 -2.54 0))')
    return files


def measure_project() -> dict[str, Any]:
    """Return ``project_s`` and ``project_cpu_s`` from the files to an index, and how much is in it."""
    files = drawn_project()
    started, cpu = time.perf_counter(), time.process_time()
    index = Index(read_design("root.kicad_sch", files["root.kicad_sch"], files.get))
    return {
        "project_s": round(time.perf_counter() - started, 3),
        "project_cpu_s": round(time.process_time() - cpu, 3),
        "project": {
            "sheet_files": len(files),
            "sheets": len(index.design.sheets),
            "parts": len(index.parts),
            "nets": len(index.nets),
            "wires": sum(content.count(b"(wire ") for content in files.values()),
        },
    }


def _sheet(name: str, items: str) -> bytes:
    return f'(kicad_sch (version 20250114) (generator "eeschema") (uuid "{name}") {_LIBRARY}{items}\n)\n'.encode()


def _part(sheet: int, row: int, x: float) -> str:
    """Return a resistor whose pins go up and down a staircase of wires, one end labelled."""
    refs = "".join(f'(path "/top/s{sheet}-{copy}" (reference "R{sheet}{copy}{row:02}") (unit 1))' for copy in (1, 2))
    if sheet == 0:
        refs = '(path "/top" (reference "R1") (unit 1))'
    wires = "".join(
        f"\n(wire (pts (xy {x + step} {2.54 + step}) (xy {x + step + 1} {2.54 + step}))"
        f' (stroke (width 0) (type default)) (uuid "w{sheet}-{row}-{step}a"))'
        f"\n(wire (pts (xy {x + step + 1} {2.54 + step}) (xy {x + step + 1} {3.54 + step}))"
        f' (stroke (width 0) (type default)) (uuid "w{sheet}-{row}-{step}b"))'
        for step in range(WIRES_A_PART // 2)
    )
    return f"""
(symbol (lib_id "Device:R") (at {x} 0 0) (unit 1) (exclude_from_sim no) (in_bom yes) (on_board yes) (dnp no)
  (uuid "r{sheet}-{row}") (property "Reference" "R" (at {x} 1 0) {_EFFECTS})
  (property "Value" "10k" (at {x} 2 0) {_EFFECTS}) (property "Footprint" "Resistor_SMD:R_0402" (at 0 0 0) {_EFFECTS})
  (pin "1" (uuid "a{sheet}-{row}")) (pin "2" (uuid "b{sheet}-{row}")) (instances (project "drawn" {refs})))
(label "LINE_{sheet}_{row}" (at {x + 1} 2.54 0) {_EFFECTS} (uuid "l{sheet}-{row}")){wires}"""
