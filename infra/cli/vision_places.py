"""``noizylab vision places``: where a board's parts lie in its golden picture, from a design or pick-and-place file."""

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.common import err, fail, out, plain, run

if TYPE_CHECKING:
    from processors.schematics.model import Design
    from processors.vision.parts.fit import Fit
    from processors.vision.parts.placement import BoardSide, Placement
    from processors.vision.parts.places import Placed

_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,60}")
_AT = re.compile(r"\s*(\S+?)\s*=\s*(\d+(?:\.\d+)?)\s*,\s*(\d+(?:\.\d+)?)\s*")
_TABLES = {".pos", ".csv", ".txt", ".tsv", ".xy", ".mnt", ".mnb", ".pnp"}
_SIDES = ("top", "bottom")


def places(
    file: Annotated[
        Path, typer.Argument(help="a board, boardview, or pick-and-place file", exists=True, dir_okay=False)
    ],
    board: Annotated[str, typer.Option(help="the board model, as its golden picture is stored")],
    name: Annotated[str, typer.Option(help="the reference within the set: a side or a revision")] = "front",
    side: Annotated[str, typer.Option(help="the side that this golden picture shows: top or bottom")] = "top",
    at: Annotated[
        list[str] | None, typer.Option(help="a part's middle in the golden picture, R1=1204,388; three or more")
    ] = None,
    unit: Annotated[str | None, typer.Option(help="mm, mil or in, over what a pick-and-place file says")] = None,
    folder: Annotated[
        Path | None, typer.Option("--out", help="the folder of sets, instead of the object store", file_okay=False)
    ] = None,
    picture_out: Annotated[
        Path | None, typer.Option("--out-picture", help="the golden picture with the parts drawn in (.png or .jpg)")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print only the result, as JSON")] = False,
) -> None:
    """Lay a board's parts over its golden picture, so that inspections know what stands where."""
    import cv2

    from connectors.images.decode import decode
    from connectors.images.header import ImageRefused
    from processors.vision.parts.fit import CannotPlace
    from processors.vision.parts.found import draw_places
    from processors.vision.parts.places import Places, placed, write_places

    if side not in _SIDES or unit not in {None, "mm", "mil", "in"}:
        fail("--side is top or bottom, --unit is mm, mil or in")
    for what, text in (("--board", board), ("--name", name)):
        if not _NAME.fullmatch(text):
            fail(f"{what} {text!r}: give letters, digits, _ . and -, no more than 61")
    shown: BoardSide = "bottom" if side == "bottom" else "top"
    every, pads, outline = _read(file, shown, unit)
    parts = placed(every, shown)
    golden_file = _golden(folder, board, name)
    cv2.setNumThreads(1)
    try:
        golden = decode(golden_file)
        fit = _fit(golden, parts, pads, outline, shown, at or [])
    except (ImageRefused, CannotPlace, ValueError) as error:
        fail(plain(str(error)))
    made = Places(
        shown, file.name, hashlib.sha256(golden_file).hexdigest(), tuple(map(float, fit.to_picture.ravel())),  # type: ignore[arg-type]  # nine of them
        "points" if at else "outline", fit.off_mm, parts,
    )  # fmt: skip
    if picture_out is not None:
        picture_out.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(picture_out), draw_places(golden, made))
    _write(folder, board, name, write_places(made))
    card: dict[str, Any] = {
        "board": board, "name": name, "side": side, "parts": len(parts), "checked": sum(one.checked for one in parts),
        "without_size": [one.part.reference for one in parts if one.size_mm is None], "how": made.how,
        "off_mm": fit.off_mm, "agreeing": fit.agreeing, "asked": fit.asked,
    }  # fmt: skip
    if as_json:
        out.print_json(json.dumps(card))
        return
    for key, value in card.items():
        out.print(f"{key}: {value}", soft_wrap=True, markup=False)
    if at and len(at) == 3:
        err.print("three points always fit; give a fourth to know how well")
    if picture_out is None:
        err.print("look at the result once: --out-picture FILE.png draws the parts into the golden picture")


def _read(file: Path, side: "BoardSide", unit: str | None) -> tuple[Sequence["Placement"], Any, Any]:
    """Return all parts, the middles of the side's pads (N, 2), and the outline's box or None."""
    import numpy as np

    from processors.vision.parts.pick_and_place import PlacementError, read_pick_and_place

    if file.suffix.lower() in _TABLES:
        try:
            read = read_pick_and_place(file.name, file.read_bytes(), unit)
        except PlacementError as error:
            fail(plain(str(error)))
        for remark in read.remarks:
            err.print(plain(remark), soft_wrap=True)
        return read.placements, np.zeros((0, 2)), None
    from infra.cli.schematic import read as read_file

    design = read_file(file)
    parts = placements_of(design)
    if not parts:
        fail(f"{file} does not say where parts are; give the board, a boardview or a pick-and-place file")
    pads = [
        (pin.place.x_mm, pin.place.y_mm)
        for part in design.parts for pin in part.pins
        if pin.place is not None and pin.place.side in {side, "both"}
    ]  # fmt: skip
    ends = np.array(design.outline, np.float64).reshape(-1, 2)
    box = (*ends.min(0).tolist(), *ends.max(0).tolist()) if len(ends) else None
    return parts, np.array(pads, np.float64).reshape(-1, 2), box


def placements_of(design: "Design") -> tuple["Placement", ...]:
    """Return the parts of a design that have a place, each with the box round its pads."""
    from processors.vision.parts.placement import Placement

    found = []
    for part in design.parts:
        if part.place is None:
            continue
        xs = [pin.place.x_mm for pin in part.pins if pin.place is not None]
        ys = [pin.place.y_mm for pin in part.pins if pin.place is not None]
        found.append(
            Placement(
                part.ref,
                part.value,
                part.footprint,
                part.place.x_mm,
                part.place.y_mm,
                part.place.rotation_deg % 360,
                "bottom" if part.place.side == "bottom" else "top",
                part.fitted,
                (min(xs), min(ys), max(xs), max(ys)) if xs else None,
            )
        )
    return tuple(found)


def _fit(
    golden: Any, parts: Sequence["Placed"], pads: Any, outline: Any, side: "BoardSide", at: Sequence[str]
) -> "Fit":
    from processors.vision.parts.fit import CannotPlace, fit_outline, fit_points

    if not parts:
        raise CannotPlace(f"the file has no part on the {side} side; name the other one with --side")
    if not at:
        return fit_outline(golden, parts, pads, outline, side)
    known = {one.part.reference: one.middle_mm for one in parts}
    pairs = []
    for text in at:
        found = _AT.fullmatch(text)
        if found is None:
            raise CannotPlace(f"--at {text!r}: write a reference and its pixel, R1=1204,388")
        if found[1] not in known:
            raise CannotPlace(f"--at {text!r}: the {side} side has no {found[1]}; name a part that stands there")
        pairs.append((*known[found[1]], float(found[2]), float(found[3])))
    return fit_points(pairs, side)


def _golden(folder: Path | None, board: str, name: str) -> bytes:
    """Return the golden picture's file: ``<board>/<name>.jpg`` of the folder or the store."""
    key = f"{board}/{name}.jpg"
    if folder is not None:
        if not (folder / key).is_file():
            fail(f"there is no golden picture {folder / key}; learn the board first, or copy its picture there")
        return (folder / key).read_bytes()
    from infra.ports import Ports
    from infra.settings import read_settings

    async def fetch() -> bytes | None:
        async with Ports.open(read_settings()) as ports:
            found = await ports.stored_blobs.stat("goldens", key)
            return None if found is None else await ports.stored_blobs.get(found.ref)

    data = run(fetch())
    if data is None:
        fail(f"the store has no golden picture goldens/{key}; learn the board first with `noizylab vision learn`")
    return data


def _write(folder: Path | None, board: str, name: str, data: bytes) -> None:
    from processors.vision.references import PLACES

    if folder is not None:
        (folder / board / (name + PLACES)).write_bytes(data)
        return
    from infra.ports import Ports
    from infra.settings import read_settings
    from processors.vision.goldens import store_set

    async def store() -> None:
        async with Ports.open(read_settings()) as ports:
            await store_set(ports.stored_blobs, board, {name + PLACES: data})

    run(store())
