"""Any design file to a design: the format is found out, and its reader called."""

from collections.abc import Callable, Mapping

from processors.schematics import detect
from processors.schematics.boardview_asc import read_asc, read_bdv, read_bvr1
from processors.schematics.boardview_brd import read_brd, read_brd2
from processors.schematics.boardview_bvr3 import read_bvr3
from processors.schematics.eagle import read_eagle
from processors.schematics.errors import DesignError
from processors.schematics.gencad import read_gencad
from processors.schematics.ipcd356 import read_ipcd356
from processors.schematics.kicad_board import read_kicad_board
from processors.schematics.kicad_hierarchy import Beside
from processors.schematics.kicad_netlist import read_kicad_netlist
from processors.schematics.kicad_schematic import read_kicad_schematic
from processors.schematics.model import Design
from processors.schematics.openboarddata import read_openboarddata
from processors.schematics.pdf import read_pdf
from processors.schematics.text import check_size

_ALONE: Mapping[detect.Format, Callable[[str, bytes], Design]] = {
    detect.KICAD_PCB: read_kicad_board,
    detect.KICAD_NET: read_kicad_netlist,
    detect.EAGLE: read_eagle,
    detect.BRD: read_brd,
    detect.BRD2: read_brd2,
    detect.BDV: read_bdv,
    detect.BVR1: read_bvr1,
    detect.BVR3: read_bvr3,
    detect.GENCAD: read_gencad,
    detect.IPC_D_356: read_ipcd356,
    detect.OPENBOARDDATA: read_openboarddata,
    detect.PDF: read_pdf,
}
_WITH_OTHERS: Mapping[detect.Format, Callable[[str, bytes, Beside], Design]] = {
    detect.KICAD_SCH: read_kicad_schematic,
    detect.KICAD_LEGACY: read_kicad_schematic,
    detect.ASC: read_asc,
}


def read_design(name: str, content: bytes, beside: Beside = lambda _: None) -> Design:
    """Return the design in a file.

    ``beside`` gives a further file that the format spreads over: sheets, symbol libraries, the rest of an ASC set.

    Raises:
        DesignError: the format is not known or not read, or the file is broken. Says which line and what to do.
    """
    check_size(content, name)
    kind = detect.detect(name, content) or detect.locked(name)
    if kind is None:
        readable = ", ".join(one.title for one in (*_WITH_OTHERS, *_ALONE))
        raise DesignError(name, 1, f"the format is not known; readable are: {readable}")
    if kind.instead:
        raise DesignError(name, None, f"this is a file of {kind.title}; {kind.instead}")
    if kind in _WITH_OTHERS:
        return _WITH_OTHERS[kind](name, content, beside)
    return _ALONE[kind](name, content)
