"""``noizylab bench schematic``: a large board to an index, questions in process, and what is found against the truth.

The truth of rails is what their authors said: a power symbol on the net, or a name that is a supply's. Names are
hidden from what is measured, and the model is fitted anew without the design that it is asked about. The truth of
regulators is their library, their description, or a known family of part numbers; pins and capacitors find them.
"""

import asyncio
import csv
import multiprocessing
import re
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.bench.schematic_project import measure_project
from processors.schematics.index import Index
from processors.schematics.model import Design, Part
from processors.schematics.rails import THRESHOLD, features, is_supply_name, rail_chance
from processors.schematics.read import read_design
from processors.schematics.regulators import regulators

BOARD_MEGABYTES = 70
HTTP_BOARD_MEGABYTES = 5
"""A drawn board of about 300 parts, where no samples are at hand: those of the samples have up to 320."""
_HTTP_SAMPLE = "video"
_RIDGE = 0.5
_FAMILY = re.compile(
    r"regulator|\bLDO\b|low.?drop|buck|boost|dc.?dc|pmic|^(?:L?M?78[LM]?\d\d|L[MDT]?\d?1117|AMS1117|LM317|LT1129|AP21\d\d|"
    r"MCP18\d\d|TLV7\d|TPS7\d|NCP115|CL9293|ME6211)", re.IGNORECASE,
)  # fmt: skip
_PAD = """
    (pad "{number}" smd roundrect
      (at {x} 0 180)
      (size 0.56 0.62)
      (layers "F.Cu" "F.Paste" "F.Mask")
      (roundrect_rratio 0.25)
      (net {net} "NET{net}")
      (pinfunction "P{number}")
      (pintype "passive")
      (uuid "00000000-0000-4000-8000-{serial:012d}")
    )"""
_TEXT = '\n    (property "{name}" "{text}" (at 0 -1.5 0) (layer "F.SilkS") (effects (font (size 1 1))))'
_SEGMENT = '\n  (segment (start {x} 10) (end {x} 12.5) (width 0.2) (layer "F.Cu") (net {net}) (uuid "{serial}"))'
_FILL_POINTS = 400


@dataclass(frozen=True, slots=True)
class Plan:
    """``board`` is measured as it is, else one of 70 MB is drawn. ``samples`` is a folder with ``schematics/``.

    ``http`` asks over a gateway as well.
    """

    board: Path | None
    samples: Path | None
    http: bool = True


def run_schematic_bench(plan: Plan, progress: Callable[[str], None]) -> dict[str, Any]:
    """Return index_s, peak_mb, lookup_us_p99, trace_us_p99, project_s, http_ms_p99 and more; of samples also rails."""
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        board = plan.board
        if board is None:
            progress(f"drawing a board of {BOARD_MEGABYTES} MB")
            board = Path(folder) / "large.kicad_pcb"
            board.write_text(drawn_board(BOARD_MEGABYTES * 1_000_000))
        progress("reading it in a process of its own")
        # Memory of a process is only its own when nothing else ran in it.
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            result |= pool.apply(measure_board, (str(board),))
        progress("reading a drawn project of 37 sheets")
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            result |= pool.apply(measure_project)
    if plan.samples is not None:
        progress("finding rails and regulators, comparing nets")
        result |= measure_samples(plan.samples / "schematics")
    if plan.http:
        from infra.bench.schematic_http import measure_http

        progress("asking over HTTP")
        result |= asyncio.run(measure_http(http_files(plan), progress))
    return result


def http_files(plan: Plan) -> dict[str, bytes]:
    """Return the files of the board that is asked about over HTTP: a project of the samples, or a drawn board."""
    if plan.samples is None:
        return {"drawn.kicad_pcb": drawn_board(HTTP_BOARD_MEGABYTES * 1_000_000).encode()}
    folder = plan.samples / "schematics" / "projects" / _HTTP_SAMPLE
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def measure_board(path: str) -> dict[str, Any]:
    """Return how long a board takes to be an index, the peak of memory, and how long questions take."""
    file = Path(path)
    started, cpu = time.perf_counter(), time.process_time()
    index = Index(read_design(file.name, file.read_bytes()))
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "board_mb": round(file.stat().st_size / 1e6, 1),
        "parts": len(index.parts),
        "nets": len(index.nets),
        "index_s": round(seconds, 3),
        "index_cpu_s": round(cpu, 3),
        "peak_mb": round(peak, 1),
        "lookup_us_p99": _p99_us(lambda ref: index.part(ref), list(index.parts)),
        "trace_us_p99": _p99_us(lambda net: index.trace(net), [net for net in index.nets if net not in index.grounds]),
    }


def measure_samples(folder: Path) -> dict[str, Any]:
    """Return what is found in the designs of the samples against what is so."""
    designs: dict[str, Design] = {}
    projects: list[dict[str, Any]] = []
    for row in csv.DictReader((folder / "projects.csv").open()):
        designs[row["project"]] = _load(folder / row["root"])
        projects.append({"project": row["project"], **compare(designs[row["project"]], _load(folder / row["netlist"]))})
    return {**measure_rails(list(designs.values())), **measure_regulators(list(designs.values())), "projects": projects}


def compare(found: Design, expected: Design) -> dict[str, int]:
    """Return how many nets have the same pins, and how many named ones the same name too."""
    by_name = {net.name: net.pins for net in found.nets}
    sets = set(by_name.values())
    named = [net for net in expected.nets if net.named]
    return {
        "nets": len(expected.nets),
        "equal": sum(net.pins in sets for net in expected.nets),
        "named": len(named),
        "named_equal": sum(by_name.get(net.name) == net.pins for net in named),
    }


def measure_rails(designs: list[Design]) -> dict[str, Any]:
    """Return F1 of rails with names hidden: each design left out of the fit in turn, and with the weights shipped."""
    rows, truth, symbol, shipped, owner = [], [], [], [], []
    for number, design in enumerate(designs):
        grounds = Index(design).grounds
        index, masked = _hidden(design)
        for net in design.nets:
            if net.name not in grounds and len(net.pins) > 1:
                rows.append(features(index, masked[net.name]))
                shipped.append(rail_chance(index, masked[net.name]) > THRESHOLD)
                truth.append(net.supply or is_supply_name(net.name))
                symbol.append(net.supply)
                owner.append(number)
    seen, is_rail, owners = np.array(rows, float), np.array(truth), np.array(owner)
    left_out = np.zeros(len(is_rail), bool)
    for number in range(len(designs)):
        mine = owners == number
        weights = _fit(seen[~mine], is_rail[~mine].astype(float))
        left_out[mine] = 1 / (1 + np.exp(-seen[mine] @ weights)) > THRESHOLD
    return {
        "rails": int(is_rail.sum()),
        "rails_f1": _f1(is_rail, left_out),
        "rails_f1_shipped": _f1(is_rail, np.array(shipped)),
        "rails_f1_symbols_alone": _f1(np.array(symbol), left_out),
    }


def measure_regulators(designs: list[Design]) -> dict[str, Any]:
    """Return precision and recall of regulators found by pins and capacitors."""
    true = found = right = 0
    for design in designs:
        index, _ = _hidden(design)
        seen = {one.ref for one in regulators(index)}
        truth = {part.ref for part in design.parts if index.kinds[part.ref] == "chip" and _is_regulator(part)}
        true, found, right = true + len(truth), found + len(seen), right + len(seen & truth)
    return {"regulators": {"true": true, "precision": round(right / found, 3), "recall": round(right / true, 3)}}


def drawn_board(size: int) -> str:
    """Return a board of about ``size`` characters: footprints with four pads, tracks, and filled zones."""
    out, length, serial = ['(kicad_pcb\n  (version 20241229)\n  (generator "pcbnew")'], 0, 0
    fill = " ".join(f"(xy {step}.125 {step}.5)" for step in range(_FILL_POINTS))
    while length < size:
        serial += 1
        pads = "".join(
            _PAD.format(number=number, x=number, net=(serial + number) % 1500, serial=serial * 10 + number)
            for number in range(4)
        )
        texts = _TEXT.format(name="Reference", text=f"U{serial}") + _TEXT.format(name="Value", text="CHIP")
        footprint = f'\n  (footprint "lib:SO4"\n    (layer "F.Cu")\n    (at {serial % 300} {serial // 300})'
        tracks = "".join(_SEGMENT.format(x=number, net=number, serial=serial) for number in range(60))
        zone = f'\n  (zone (net 1) (layer "F.Cu") (filled_polygon (layer "F.Cu") (pts {fill})))'
        piece = f"{footprint}{texts}{pads}\n  ){tracks}{zone}"
        out.append(piece)
        length += len(piece)
    return "".join([*out, "\n)\n"])


def _load(file: Path) -> Design:
    def beside(path: str) -> bytes | None:
        found = file.parent / path
        return found.read_bytes() if found.is_file() else None

    return read_design(file.name, file.read_bytes(), beside)


def _hidden(design: Design) -> tuple[Index, dict[str, str]]:
    """Return the index of a design whose nets are called N0, N1, ..., and the new names by the old."""
    masked = {net.name: f"N{number}" for number, net in enumerate(design.nets)}
    nets = tuple(replace(net, name=masked[net.name], supply=False) for net in design.nets)
    return Index(replace(design, nets=nets)), masked


def _is_regulator(part: Part) -> bool:
    return any(_FAMILY.search(text) for text in (part.library, part.description, part.value))


def _fit(seen: NDArray[Any], truth: NDArray[Any]) -> NDArray[Any]:
    """Return the weights of a ridge logistic regression, by Newton's method."""
    weights = np.zeros(seen.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-seen @ weights))
        bend = (seen.T * (chance * (1 - chance))) @ seen + _RIDGE * np.eye(len(weights))
        weights += np.linalg.solve(bend, seen.T @ (truth - chance) - _RIDGE * weights)
    return weights


def _f1(truth: NDArray[Any], found: NDArray[Any]) -> float:
    return round(2 * float((truth & found).sum()) / float(truth.sum() + found.sum()), 3)


def _p99_us(ask: Callable[[str], object], names: list[str]) -> float:
    times = sorted(_timed(ask, names))
    return round(times[min(len(times) - 1, int(0.99 * len(times)))] / 1000, 2) if times else 0.0


def _timed(ask: Callable[[str], object], names: list[str]) -> Iterator[int]:
    for name in names:
        started = time.perf_counter_ns()
        ask(name)
        yield time.perf_counter_ns() - started
