"""``noizylab schematic diagnose``: suspects from readings and a complaint, as a table or as JSON."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.table import Table

from infra.cli.common import err, fail, out, plain

if TYPE_CHECKING:
    from processors.schematics.faults.matching import PatternMatch
    from processors.schematics.faults.suspects import Diagnosis
    from processors.schematics.faults.symptoms import Complaint
    from processors.schematics.index import Index
    from processors.schematics.model import Design

_SUSPECTS = 6
_PATTERNS = 3
_PARTS = 8


def diagnose_command(
    design: "Design", readings: Path | None, symptom: str | None, fails: list[str], works: list[str], as_json: bool
) -> None:
    """Print the diagnosis; what was asked wrongly ends the command with what to do."""
    from processors.schematics.faults.diagnose import Diagnoser
    from processors.schematics.faults.matching import matches
    from processors.schematics.faults.readings import read_csv
    from processors.schematics.index import Index

    index = Index(design)
    complaint = _complaint(index, symptom, fails, works)
    try:
        measured = read_csv(readings.read_text(encoding="utf-8-sig"), index, readings.name) if readings else ()
    except (ValueError, OSError) as error:  # text in another encoding is a ValueError too
        fail(plain(str(error)))
    diagnoser = Diagnoser(index)
    if not diagnoser.supply.nets:
        fail(plain(f"no supply net was found in {design.source}: give the schematic or board that carries the supply"))
    diagnosis = diagnoser.diagnose(measured, complaint)
    net = diagnosis.suspects[0].net or None
    patterns = matches(index, [complaint.symptom] if complaint.symptom else [], diagnoser.supply, net)
    if as_json:
        found = {**diagnosis.as_json(), "patterns": [one.as_json() for one in patterns]}
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    for words in diagnosis.unused:
        err.print(plain(f"no use of the {words}: it is no supply net, and no line that the diagnosis knows"))
    _print(diagnosis, patterns)


def _complaint(index: "Index", symptom: str | None, fails: list[str], works: list[str]) -> "Complaint":
    from processors.schematics.faults.symptoms import SYMPTOMS, Complaint

    known = next((one for one in SYMPTOMS if one == symptom), None)
    if symptom is not None and known is None:
        fail(f"the symptom {symptom!r} is not known; choose among {', '.join(SYMPTOMS)}")
    parts = {ref: index.part(ref) for ref in (*fails, *works)}
    missing = [ref for ref, part in parts.items() if part is None]
    if missing:
        fail(plain(f"there is no part {missing[0]!r} in {index.design.source}; name it as the schematic does"))
    names = {ref: part.ref for ref, part in parts.items() if part is not None}
    return Complaint(known, tuple(names[ref] for ref in fails), tuple(names[ref] for ref in works))


def _print(diagnosis: "Diagnosis", patterns: "tuple[PatternMatch, ...]") -> None:
    table = Table(box=None, pad_edge=False)
    for head in ("chance", "what", "parts"):
        table.add_column(head, justify="right" if head == "chance" else "left")
    for one in diagnosis.suspects[:_SUSPECTS]:
        more = f" and {len(one.parts) - _PARTS} more" if len(one.parts) > _PARTS else ""
        table.add_row(f"{one.probability:.0%}", plain(one.title), plain(", ".join(one.parts[:_PARTS]) + more))
    out.print(table)
    first = diagnosis.suspects[0]
    for sentence in first.evidence:
        out.print(plain(f"  {sentence}"), soft_wrap=True)
    if first.note:
        out.print(plain(f"  {first.note}"), soft_wrap=True)
    if diagnosis.measure is not None:
        step = diagnosis.measure
        out.print(plain(f"measure next: {step.words} ({step.bits:.2f} bits, {step.minutes:.1f} min)"), soft_wrap=True)
        if step.hazard:
            out.print(plain(f"  mind: {step.hazard}"), soft_wrap=True)
    for match in patterns[:_PATTERNS]:
        out.print(plain(f"pattern: {match.title}: {'; '.join(match.causes)}"), soft_wrap=True)
        for hazard in match.hazards:
            out.print(plain(f"  mind: {hazard}"), soft_wrap=True)
