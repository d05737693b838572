"""The files of one project, in whatever formats, to one design: which of them are roots, and which lie beside.

A KiCad project is many sheets, and only its root is a design; the others are asked for by it. A folder may also hold
files that say nothing about parts and nets; they are left out with a remark, unless nothing else is there.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from posixpath import basename, dirname, join, normpath

from processors.schematics import detect
from processors.schematics.errors import DesignError
from processors.schematics.joined import combine
from processors.schematics.model import Design, Remark
from processors.schematics.read import read_design
from processors.schematics.text import LARGEST_BYTES

_SHEETS = (
    re.compile(rb'\(property\s+"Sheet ?file"\s+"((?:[^"\\]|\\.)*)"'),
    re.compile(rb'^F1 "([^"]*)"', re.MULTILINE),
)
"""How KiCad 6 and later, and 4 and 5, name the file of a sheet."""
_SETS = {"format.asc", "parts.asc", "pins.asc", "nails.asc", "nets.asc", "testvia.asc"}
_BESIDE = (".kicad_pro", ".kicad_prl", ".kicad_dru", ".lib", ".dcm", ".kicad_sym", ".kicad_wks", ".pro")
"""What a project is stored with and nobody misses: settings, drawing sheets, symbols that a reader asks for."""


def read_project(files: Mapping[str, bytes]) -> Design:
    """Return the design in the files of one project, by their paths.

    Raises:
        DesignError: none can be read, one that should be cannot, or which are meant cannot be told.
    """
    if not files:
        raise DesignError("no file", None, "there is nothing to read; give the files of one board")
    if sum(map(len, files.values())) > LARGEST_BYTES:
        whole = sum(map(len, files.values())) >> 20
        raise DesignError(min(files), None, f"{whole} MB are more than a project has; give the files of one board")
    kinds = {name: detect.detect(name, content) or detect.locked(name) for name, content in files.items()}
    known = {name: kind for name, kind in kinds.items() if kind is not None}
    if not known:
        # The reader says of the first what is readable.
        return read_design(min(files), files[min(files)])
    designs = [_read(name, files) for name in _roots(files, known)]
    others = [name for name, kind in kinds.items() if kind is None and not name.lower().endswith(_BESIDE)]
    left = tuple(
        Remark("left_out", f"{name}: nothing in it is known; it was left out") for name in others
        if basename(name).lower() not in _SETS
    )  # fmt: skip
    design = combine(designs)
    return replace(design, remarks=(*design.remarks, *left))


def _read(name: str, files: Mapping[str, bytes]) -> Design:
    folder = dirname(name)

    def beside(path: str) -> bytes | None:
        return files.get(normpath(join(folder, path)))

    return read_design(basename(name), files[name], beside)


def _roots(files: Mapping[str, bytes], known: Mapping[str, detect.Format]) -> list[str]:
    """Return the files that are designs of their own, by name."""
    sheets = [name for name, kind in known.items() if kind in {detect.KICAD_SCH, detect.KICAD_LEGACY}]
    sets = [name for name, kind in known.items() if kind is detect.ASC]
    alone = [name for name in known if name not in sheets and name not in sets]
    roots = [*_root_sheet(files, sheets), *sets[:1], *alone]
    return sorted(roots)


def _root_sheet(files: Mapping[str, bytes], sheets: list[str]) -> list[str]:
    """Return the one sheet that no other shows, or that the project is called after."""
    shown = {
        normpath(join(dirname(name), found.decode("utf-8", "replace").replace("\\", "/")))
        for name in sheets for pattern in _SHEETS for found in pattern.findall(files[name])
    }  # fmt: skip
    # Sheets that hold each other have no root; the reader of any of them says so.
    roots = [name for name in sheets if name not in shown] or sheets[:1]
    projects = {name.rpartition(".")[0] for name in files if name.endswith((".kicad_pro", ".pro"))}
    called = [name for name in roots if name.rpartition(".")[0] in projects]
    if len(called) == 1:
        return called
    if len(roots) > 1:
        some = ", ".join(sorted(roots)[:6])
        raise DesignError(min(roots), None, f"{len(roots)} sheets are shown by no other: {some}; give one project")
    return roots
