"""The photo with its findings drawn in: boxes, labels that do not cover each other, and a legend."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from schemas.inspections import Finding

Picture = NDArray[Any]
Rect = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels of the drawing."""

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_QUALITY = 88
_LEAST_SIDE_PX = 1000
_COLOURS: dict[str, tuple[int, int, int]] = {"high": (40, 40, 230), "medium": (0, 150, 255), "low": (60, 200, 245)}
_INK = (255, 255, 255)
_DARK = (24, 24, 24)
_NAMES: dict[str, str] = {
    "missing_part": "part missing",
    "shifted_part": "part shifted",
    "bridge": "solder bridge",
    "open": "open track",
    "residue": "residue",
    "corrosion": "corrosion",
    "burn": "burn",
    "scratch": "scratch",
    "difference": "difference",
    "short": "short",
    "mouse_bite": "mouse bite",
    "spur": "spur",
    "spurious_copper": "spurious copper",
    "pin_hole": "pin hole",
    "rotated_part": "part turned",
    "wrong_part": "wrong part",
}


@dataclass(frozen=True, slots=True)
class Label:
    """A label's text and place, and the box of its finding, in pixels of the drawing."""

    text: str
    place: Rect
    box: Rect
    severity: str


def annotate(photo: Picture, findings: Sequence[Finding], side_px: int = 1600) -> bytes:
    """Return the photo (H, W, 3) with its findings drawn in, as a JPEG file, ``side_px`` long at most; a small photo is
    blown up to 1000 px, or its labels could not be read.
    """
    longest = max(photo.shape[:2])
    scale = min(side_px, max(longest, _LEAST_SIDE_PX)) / longest
    size = round(photo.shape[1] * scale), round(photo.shape[0] * scale)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    drawing = photo.copy() if scale == 1 else cv2.resize(photo, size, interpolation=way)
    unit = max(drawing.shape[:2]) / 1600
    labels = place_labels(drawing.shape, findings, scale, unit)
    for label in labels:
        _draw_box(drawing, label, unit)
    for label in labels:
        _draw_leader(drawing, label, unit)
    for label in labels:
        _draw_label(drawing, label, unit)
    drawing = np.vstack([drawing, _legend(drawing.shape[1], findings, unit)])
    done, data = cv2.imencode(".jpg", drawing, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    assert done, "a picture that was decoded can be encoded"
    return data.tobytes()


def place_labels(shape: tuple[int, ...], findings: Sequence[Finding], scale: float, unit: float) -> list[Label]:
    """Place a label for each finding at the first spot clear of other labels, preferably of other boxes too."""
    boxes = [_scaled(finding, scale) for finding in findings]
    placed: list[Label] = []
    taken: list[Rect] = []
    for number, (finding, box) in enumerate(zip(findings, boxes, strict=True), 1):
        others = [other for other in boxes if other is not box]
        where = f"{finding.references[0]} " if finding.references else ""
        full = f"{number} {where}{_NAMES[finding.kind]} {finding.confidence:.0%}"
        for text in (full, str(number)):  # where findings crowd, the number alone still fits
            spot = _free_spot(list(_spots(box, *_text_size(text, unit), shape, unit)), taken, others)
            if spot is not None:
                break
        place = spot or (box[0], box[1], box[0], box[1])
        taken += [place] if spot else []
        placed.append(Label(text, place, box, finding.severity))
    return placed


def _free_spot(spots: Sequence[Rect], taken: Sequence[Rect], boxes: Sequence[Rect]) -> Rect | None:
    """Return the first spot clear of labels and boxes, or else of labels; None when there is none."""
    free = [spot for spot in spots if not any(_overlap(spot, rect) for rect in taken)]
    clear = (spot for spot in free if not any(_overlap(spot, rect) for rect in boxes))
    return next(clear, free[0] if free else None)


def _spots(box: Rect, width: int, height: int, shape: tuple[int, ...], unit: float) -> Iterator[Rect]:
    """Yield places inside the picture near a box, the nearest first."""
    gap = max(2, round(4 * unit))
    left, top, right, bottom = box
    for step in range(10):
        away = gap + step * (height + gap)
        for x, y in (
            (left, top - away - height),
            (left, bottom + away),
            (right - width, top - away - height),
            (right - width, bottom + away),
            (right + away, top),
            (left - away - width, top),
        ):
            x = min(max(x, 0), shape[1] - width)
            if 0 <= y <= shape[0] - height and x >= 0:
                yield (x, y, x + width, y + height)


def _scaled(finding: Finding, scale: float) -> Rect:
    box = finding.box
    right, bottom = box.x_px + box.width_px, box.y_px + box.height_px
    return round(box.x_px * scale), round(box.y_px * scale), round(right * scale), round(bottom * scale)


def _overlap(a: Rect, b: Rect) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _text_size(text: str, unit: float) -> tuple[int, int]:
    (width, height), below = cv2.getTextSize(text, _FONT, 0.62 * unit, max(1, round(1.6 * unit)))
    pad = round(5 * unit)
    return width + 2 * pad, height + below + 2 * pad


def _draw_box(drawing: Picture, label: Label, unit: float) -> None:
    pad = round(4 * unit)
    left, top, right, bottom = label.box
    corners = (left - pad, top - pad), (right + pad, bottom + pad)
    cv2.rectangle(drawing, *corners, _DARK, max(3, round(5 * unit)), cv2.LINE_AA)
    cv2.rectangle(drawing, *corners, _COLOURS[label.severity], max(1, round(2.5 * unit)), cv2.LINE_AA)


def _draw_label(drawing: Picture, label: Label, unit: float) -> None:
    left, top, right, bottom = label.place
    if right <= left:
        return
    colour = _COLOURS[label.severity]
    cv2.rectangle(drawing, (left, top), (right - 1, bottom - 1), _DARK, -1)
    cv2.rectangle(drawing, (left, top), (left + round(4 * unit), bottom - 1), colour, -1)
    pad = round(5 * unit)
    weight = max(1, round(1.6 * unit))
    _, below = cv2.getTextSize(label.text, _FONT, 0.62 * unit, weight)
    at = (left + pad + round(2 * unit), bottom - pad - below + round(2 * unit))
    cv2.putText(drawing, label.text, at, _FONT, 0.62 * unit, _INK, weight, cv2.LINE_AA)


def _draw_leader(drawing: Picture, label: Label, unit: float) -> None:
    """Draw a line from a label to its box when another label or box keeps them apart."""
    (left, top, right, bottom), box = label.place, label.box
    if right <= left:
        return
    ends = []
    for low, high, other_low, other_high in ((left, right, box[0], box[2]), (top, bottom, box[1], box[3])):
        middle = (max(low, other_low) + min(high, other_high)) // 2
        overlap = low < other_high and other_low < high
        ends.append((middle, middle) if overlap else (high, other_low) if high <= other_low else (low, other_high))
    (x0, x1), (y0, y1) = ends
    if abs(x1 - x0) + abs(y1 - y0) > 12 * unit:
        cv2.line(drawing, (x0, y0), (x1, y1), _DARK, max(3, round(4 * unit)), cv2.LINE_AA)
        cv2.line(drawing, (x0, y0), (x1, y1), _COLOURS[label.severity], max(1, round(2 * unit)), cv2.LINE_AA)


def _legend(width: int, findings: Sequence[Finding], unit: float) -> Picture:
    height = round(44 * unit)
    strip = np.full((height, width, 3), 24, np.uint8)
    x, weight = round(14 * unit), max(1, round(1.6 * unit))
    counts = {severity: sum(1 for one in findings if one.severity == severity) for severity in _COLOURS}
    texts = [(f"{severity}: {counts[severity]}", colour) for severity, colour in _COLOURS.items()]
    for text, colour in texts if findings else [("no difference from the golden picture", (120, 200, 120))]:
        side = round(18 * unit)
        top = (height - side) // 2
        cv2.rectangle(strip, (x, top), (x + side, top + side), colour, -1)
        x += side + round(8 * unit)
        cv2.putText(strip, text, (x, top + side - round(2 * unit)), _FONT, 0.62 * unit, _INK, weight, cv2.LINE_AA)
        x += cv2.getTextSize(text, _FONT, 0.62 * unit, weight)[0][0] + round(26 * unit)
    return strip
