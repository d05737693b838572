"""Findings that know the parts they touch, and one finding for each part that is not as it should be."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from processors.vision.align import Aligned
from processors.vision.classify import prepare
from processors.vision.compare import Blob
from processors.vision.frame import project, scaling
from processors.vision.markings.grammar import Kind
from processors.vision.markings.read import Marking, read_marking
from processors.vision.parts.places import Placed, Places
from processors.vision.parts.verify import Body, Look, body_in, crop, look
from processors.vision.severity import severity_of
from schemas.inspections import Box, DefectKind, Finding, PartSeen, PartsSeen, PartVerdict

_MOST_REFERENCES = 8
_MOST_PARTS = 100
"""Parts told of one photo: more than that is another board."""
_OWN_SHARE = 0.6
"""A difference is a part's own when so much of it lies within a millimetre of its body."""
_OWN_MM, _TOUCH_MM = 1.2, 0.35
_TOUCHED_SHARE = 0.12
_KINDS: dict[PartVerdict, DefectKind] = {
    "not_mounted": "missing_part", "shifted": "shifted_part", "rotated": "rotated_part", "wrong_part": "wrong_part",
    "value_mismatch": "wrong_part", "not_wanted": "wrong_part",
}  # fmt: skip
_CODED: dict[str, Kind] = {"R": "resistor", "L": "inductor", "C": "capacitor"}
_CERTAIN = 0.85
_LEAST_CODE_PX = 12.0


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A photo (H, W, 3) that was compared, the golden picture, ``homography`` golden to photo, and what differs."""

    photo: NDArray[Any]
    golden: NDArray[Any]
    homography: NDArray[Any]
    aligned: Aligned
    blobs: Sequence[Blob]
    places: Places


@dataclass(frozen=True, slots=True, eq=False)
class _Touched:
    """A part with blobs on it: all that touch it, those that are its own, and the share of its body they cover."""

    placed: Placed
    body: Body
    touching: tuple[int, ...]
    own: tuple[int, ...]
    covered: float


def find_parts(seen: Found, findings: Sequence[Finding], photo: int) -> tuple[list[Finding], PartsSeen]:
    """Say of every part on the photo's side what became of it, and give findings their parts and places.

    Only parts that a difference touches are looked at closely; all others look like the golden picture's. Time is that
    of the differences, not of the parts.

    Args:
        seen: the comparison.
        findings: one for each of its blobs, in their order.
        photo: the photo's place among those of its ticket.

    Returns:
        The findings, those that are one part's own joined to one, and the parts.
    """
    shape = seen.aligned.valid.shape
    to_frame = scaling(seen.golden.shape, (shape[1], shape[0])) @ seen.places.homography
    touched = _touched(seen, to_frame)
    looks = _looks(seen, touched)
    joined: dict[int, int] = {}
    wrong = [at for at, (verdict, _) in enumerate(looks) if verdict.verdict in _KINDS]
    # A difference is told once: by the part that it covers most.
    for at in sorted(wrong, key=lambda at: -touched[at].covered):
        for blob in touched[at].own:
            joined.setdefault(blob, at)
    listed = [
        _with_place(finding, seen, to_frame, blob, [one for one in touched if number in one.touching])
        for number, (finding, blob) in enumerate(zip(findings, seen.blobs, strict=True))
        if number not in joined
    ]
    for at in sorted(set(joined.values())):
        own = [findings[blob] for blob, owner in joined.items() if owner == at]
        listed.append(_finding(seen, touched[at], looks[at], own, photo))
    inside = [one for one in seen.places.parts if one.checked and _is_seen(one, seen, to_frame)]
    told = [
        _part_seen(seen, one, what) for one, what in zip(touched, looks, strict=True) if what[0].verdict != "mounted"
    ]
    return listed, PartsSeen(
        photo=photo, side=seen.places.side, checked=len(inside), mounted=max(0, len(inside) - len(told)),
        parts=tuple(told[:_MOST_PARTS]),
    )  # fmt: skip


def _is_seen(placed: Placed, seen: Found, to_frame: NDArray[Any]) -> bool:
    [(x, y)] = project(to_frame, np.array([placed.middle_mm])).round().astype(int).tolist()
    valid = seen.aligned.valid
    return bool(0 <= y < valid.shape[0] and 0 <= x < valid.shape[1] and valid[y, x])


def _touched(seen: Found, to_frame: NDArray[Any]) -> list[_Touched]:
    """Return the parts that blobs touch, in the order of the file."""
    points = [_points(blob) for blob in seen.blobs]
    found = []
    for placed in seen.places.parts:
        if not placed.checked or placed.size_mm is None or not _is_seen(placed, seen, to_frame):
            continue
        body = body_in(project(to_frame, placed.corners_mm()), placed.size_mm)
        near = [number for number, one in enumerate(seen.blobs) if _near(one, body)]
        insides = {number: _inside(points[number], body) for number in near}
        touching = tuple(number for number in near if insides[number][0] > 0)
        if touching:
            own = tuple(number for number in touching if insides[number][1] >= _OWN_SHARE)
            area = sum(insides[number][2] for number in touching)
            found.append(_Touched(placed, body, touching, own, area / max(1.0, body.width * body.height)))
    return found


def _points(blob: Blob) -> NDArray[Any]:
    ys, xs = np.nonzero(blob.mask)
    return np.column_stack([xs + blob.box[0], ys + blob.box[1]]).astype(np.float64)


def _near(blob: Blob, body: Body) -> bool:
    left, top, width, height = blob.box
    reach = max(body.width, body.height) + _TOUCH_MM * body.px_per_mm
    return left - reach < body.x < left + width + reach and top - reach < body.y < top + height + reach


def _inside(points: NDArray[Any], body: Body) -> tuple[int, float, int]:
    """Return how many points touch a body, which share lies near it, and how many lie in it."""
    angle = np.radians(body.angle_deg)
    axes = np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    own = np.abs((points - (body.x, body.y)) @ axes) - np.array((body.width, body.height)) / 2
    far = own.max(1)
    return (
        int(np.count_nonzero(far < _TOUCH_MM * body.px_per_mm)),
        float(np.mean(far < _OWN_MM * body.px_per_mm)),
        int(np.count_nonzero(far < 0)),
    )


def _looks(seen: Found, touched: Sequence[_Touched]) -> list[tuple[Look, Marking | None]]:
    if not touched:
        return []
    scene = prepare(seen.aligned)
    golden, photo = (np.clip(one, 0, 255).astype(np.uint8) for one in (seen.aligned.golden, seen.aligned.photo))
    looks: list[tuple[Look, Marking | None]] = []
    for one in touched:
        if not one.own and one.covered < _TOUCHED_SHARE:
            looks.append((Look("mounted", 0.9), None))
            continue
        if not one.own:
            note = "something else covers it in part; clean the board and photograph it again"
            looks.append((Look("unclear", 0.3, note=note), None))
            continue
        found = look(golden, photo, one.body, scene.mask_colours, min(1.0, one.covered), one.placed.part.fitted)
        looks.append(_with_marking(seen, one.placed, found) if found.verdict == "wrong_part" else (found, None))
    return looks


def _with_marking(seen: Found, placed: Placed, found: Look) -> tuple[Look, Marking | None]:
    """Read the code on a part that looks unlike the golden picture's, and hold it against the expected value."""
    part = placed.part
    kind = _CODED.get(part.reference.rstrip("0123456789").upper())
    if kind is None or not part.value or placed.size_mm is None:
        return found, None
    in_photo, in_golden = (
        _read(picture, matrix, placed, placed.size_mm, kind)
        for picture, matrix in (
            (seen.photo, seen.homography @ seen.places.homography), (seen.golden, seen.places.homography),
        )
    )  # fmt: skip
    if in_photo is None or in_photo.agrees is None or in_photo.confidence < _CERTAIN:
        return found, in_photo
    if in_photo.agrees:
        return Look("mounted", in_photo.confidence, note=f"it reads {in_photo.text}, as it should"), in_photo
    if in_golden is not None and in_golden.text == in_photo.text:
        return found, in_photo
    note = f"it reads {in_photo.text}, and {part.value} belongs there"
    return replace(
        found, verdict="value_mismatch", confidence=round(min(0.95, in_photo.confidence), 3), note=note
    ), in_photo


def _read(
    picture: NDArray[Any], matrix: NDArray[Any], placed: Placed, size_mm: tuple[float, float], kind: Kind
) -> Marking | None:
    body = body_in(project(matrix, placed.corners_mm()), size_mm)
    if min(body.width, body.height) < _LEAST_CODE_PX:
        return None
    return read_marking(crop(picture, body), kind, placed.part.value)


def _with_place(
    finding: Finding, seen: Found, to_frame: NDArray[Any], blob: Blob, parts: Sequence[_Touched]
) -> Finding:
    [(x, y)] = project(np.linalg.inv(to_frame), _points(blob).mean(0, keepdims=True)).tolist()
    names = tuple(dict.fromkeys(one.placed.part.reference for one in parts))[:_MOST_REFERENCES]
    return finding.model_copy(update={"references": names, "x_mm": round(x, 2), "y_mm": round(y, 2)})


def _finding(
    seen: Found, one: _Touched, what: tuple[Look, Marking | None], own: Sequence[Finding], photo: int
) -> Finding:
    """Return one finding for a part: its box holds the body and all that was its own."""
    found, _ = what
    kind = _KINDS[found.verdict]
    boxes = [_box(seen, one), *(other.box for other in own)]
    left, top = min(box.x_px for box in boxes), min(box.y_px for box in boxes)
    right, bottom = max(box.x_px + box.width_px for box in boxes), max(box.y_px + box.height_px for box in boxes)
    board_px = max(1, int(np.count_nonzero(seen.aligned.valid)))
    return Finding(
        kind=kind,
        confidence=found.confidence,
        severity=severity_of(kind, one.body.width * one.body.height / board_px),
        photo=photo,
        box=Box(x_px=left, y_px=top, width_px=right - left, height_px=bottom - top),
        area_px=sum(other.area_px for other in own),
        note=f"{one.placed.part.reference}: {found.note}",
        references=(one.placed.part.reference,),
        x_mm=round(one.placed.middle_mm[0], 2),
        y_mm=round(one.placed.middle_mm[1], 2),
    )


def _part_seen(seen: Found, one: _Touched, what: tuple[Look, Marking | None]) -> PartSeen:
    (found, marking), part = what, one.placed.part
    return PartSeen(
        reference=part.reference, verdict=found.verdict, confidence=found.confidence, box=_box(seen, one),
        x_mm=round(one.placed.middle_mm[0], 2), y_mm=round(one.placed.middle_mm[1], 2), value=part.value,
        package=part.package, shift_mm=found.shift_mm, turned_deg=found.turned_deg,
        marking=None if marking is None else marking.text, note=found.note,
    )  # fmt: skip


def _box(seen: Found, one: _Touched) -> Box:
    """Return the body's box in pixels of the photo."""
    corners = project(seen.homography @ seen.places.homography, one.placed.corners_mm())
    height, width = seen.photo.shape[:2]
    x0, y0 = (int(v) for v in np.clip(np.floor(corners.min(0)), 0, (width - 1, height - 1)))
    x1, y1 = (int(v) for v in np.clip(np.ceil(corners.max(0)), (x0 + 1, y0 + 1), (width, height)))
    return Box(x_px=x0, y_px=y0, width_px=x1 - x0, height_px=y1 - y0)


def draw_places(golden: NDArray[Any], places: Places) -> NDArray[Any]:
    """Return the golden picture (H, W, 3) with every body and reference drawn where the places say, to be looked at."""
    drawn = golden.copy()
    unit = max(golden.shape[:2]) / 1600
    for one in places.parts:
        if one.size_mm is None:
            continue
        corners = project(places.homography, one.corners_mm())
        colour = (60, 220, 60) if one.checked and one.part.fitted else (0, 190, 255)
        cv2.polylines(drawn, [corners.round().astype(np.int32)], True, colour, max(1, round(1.5 * unit)), cv2.LINE_AA)
        x, y = corners.min(0)
        at = (round(float(x)), max(10, round(float(y) - 3 * unit)))
        for ink, weight in (((20, 20, 20), 3), ((255, 255, 255), 1)):
            thick = max(weight, round(weight * unit))
            cv2.putText(drawn, one.part.reference, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42 * unit, ink, thick, cv2.LINE_AA)
    return drawn
