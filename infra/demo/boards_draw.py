"""Drawing a made-up board: mask, copper, silk screen, solder and parts, in the flat light of a copy stand."""

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from infra.demo.boards_layout import Layout, Pad, Part

Picture = NDArray[Any]
Colour = tuple[float, float, float]

MARGIN = 0.07
"""Bench shown round the board, as a share of the board's width."""

_SHIFT = 4
_MASKS: dict[str, tuple[Colour, Colour]] = {
    # Mask over bare laminate and over copper, blue-green-red.
    "green": ((38, 78, 22), (58, 112, 38)),
    "blue": ((92, 48, 20), (132, 78, 36)),
    "black": ((30, 28, 27), (52, 48, 46)),
}
_SILK: Colour = (226, 232, 232)
_TIN: Colour = (188, 194, 196)
_GOLD: Colour = (96, 178, 214)
_LAMINATE: Colour = (118, 160, 172)
_HEIGHT_MM: dict[str, float] = {
    "can": 1.6, "inductor": 1.2, "header": 1.6, "usb": 1.2, "qfp": 0.5, "soic": 0.5, "crystal": 0.6, "diode": 0.6,
    "sot23": 0.4, "chip_r": 0.25, "chip_c": 0.4, "led": 0.3,
}  # fmt: skip


@dataclass(slots=True)
class Canvas:
    """A picture addressed in millimetres from the board's top left corner."""

    picture: Picture
    scale_px_per_mm: float
    margin_px: float
    rng: np.random.Generator
    boxes_px: dict[str, tuple[int, int, int, int]] = field(default_factory=dict)

    def px(self, x_mm: float, y_mm: float) -> tuple[float, float]:
        """Return the pixel position of a point."""
        s = self.scale_px_per_mm
        return x_mm * s + self.margin_px, y_mm * s + self.margin_px

    def polygon(self, points_mm: list[tuple[float, float]], colour: Colour) -> None:
        """Fill a polygon."""
        fixed = np.array([[round(v * (1 << _SHIFT)) for v in self.px(*p)] for p in points_mm], np.int32)
        cv2.fillPoly(self.picture, [fixed], colour, cv2.LINE_AA, _SHIFT)

    def rect(self, x_mm: float, y_mm: float, size_mm: tuple[float, float], colour: Colour) -> None:
        """Fill a rectangle round its centre."""
        w, h = size_mm[0] / 2, size_mm[1] / 2
        corners = [(x_mm - w, y_mm - h), (x_mm + w, y_mm - h), (x_mm + w, y_mm + h), (x_mm - w, y_mm + h)]
        self.polygon(corners, colour)

    def frame(self, x_mm: float, y_mm: float, size_mm: tuple[float, float], width_mm: float, colour: Colour) -> None:
        """Draw the outline of a rectangle round its centre."""
        w, h = size_mm[0] / 2, size_mm[1] / 2
        self.line([(x_mm - w, y_mm - h), (x_mm + w, y_mm - h), (x_mm + w, y_mm + h), (x_mm - w, y_mm + h),
                   (x_mm - w, y_mm - h)], width_mm, colour)  # fmt: skip

    def line(self, points_mm: list[tuple[float, float]], width_mm: float, colour: Colour) -> None:
        """Draw joined straight lines."""
        fixed = np.array([[round(v * (1 << _SHIFT)) for v in self.px(*p)] for p in points_mm], np.int32)
        width_px = max(1, round(width_mm * self.scale_px_per_mm))
        cv2.polylines(self.picture, [fixed], False, colour, width_px, cv2.LINE_AA, _SHIFT)

    def disc(self, x_mm: float, y_mm: float, radius_mm: float, colour: Colour) -> None:
        """Fill a circle."""
        x, y = (round(v * (1 << _SHIFT)) for v in self.px(x_mm, y_mm))
        radius = round(radius_mm * self.scale_px_per_mm * (1 << _SHIFT))
        cv2.circle(self.picture, (x, y), radius, colour, -1, cv2.LINE_AA, _SHIFT)

    def text(
        self, text: str, x_mm: float, y_mm: float, height_mm: float, colour: Colour, *, turned: bool = False
    ) -> None:
        """Write text centred on a point, upwards when turned."""
        font, size = cv2.FONT_HERSHEY_SIMPLEX, height_mm * self.scale_px_per_mm / 21
        weight = max(1, round(height_mm * self.scale_px_per_mm / 9))
        (width, height), below = cv2.getTextSize(text, font, size, weight)
        stamp = np.zeros((height + below + 2 * weight, width + 2 * weight), np.uint8)
        cv2.putText(stamp, text, (weight, height + weight), font, size, 255, weight, cv2.LINE_AA)
        if turned:
            stamp = np.ascontiguousarray(np.rot90(stamp))
        x, y = self.px(x_mm, y_mm)
        _stamp(self.picture, stamp, round(x - stamp.shape[1] / 2), round(y - stamp.shape[0] / 2), colour)


def draw_board(layout: Layout, width_px: int, missing: frozenset[str] = frozenset()) -> tuple[Canvas, Picture]:
    """Draw a board without the parts named in ``missing``.

    Returns:
        The canvas (H, W, 3), blue-green-red, and its alpha (H, W): 255 on the board, 0 beside it.
    """
    model = layout.model
    scale = width_px / (model.width_mm * (1 + 2 * MARGIN))
    margin = width_px * MARGIN / (1 + 2 * MARGIN)
    height_px = round(model.height_mm * scale + 2 * margin)
    rng = np.random.default_rng((model.seed, 7, 0 if layout.side == "front" else 1))
    bare, copper = _MASKS[model.mask]
    canvas = Canvas(np.full((height_px, width_px, 3), bare, np.uint8), scale, margin, rng)
    _laminate(canvas, layout, bare, copper)
    for part in layout.parts:
        _silk(canvas, part, layout)
    for pad in (pad for part in layout.parts for pad in part.pads()):
        _pad(canvas, pad)
    _title(canvas, layout)
    _shadows(canvas, [part for part in layout.parts if part.refdes not in missing])
    for index, part in enumerate(layout.parts):
        # Its own chance for each part: the loss of one must not change the looks of the others.
        canvas.rng = np.random.default_rng((model.seed, 8, index))
        draw_part(canvas, part) if part.refdes not in missing else _leftover(canvas, part)
    alpha = _alpha(canvas, layout)
    _edge(canvas, alpha)
    return canvas, alpha


def draw_part(canvas: Canvas, part: Part) -> None:
    """Draw a soldered part."""
    for pad in part.pads():
        _fillet(canvas, pad)
    _BODIES[part.kind](canvas, part)


def mask_colours(layout: Layout) -> tuple[Colour, Colour]:
    """Return the colour of the solder mask over laminate and over copper."""
    return _MASKS[layout.model.mask]


def _stamp(picture: Picture, stamp: Picture, left: int, top: int, colour: Colour) -> None:
    h, w = stamp.shape
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + w, picture.shape[1]), min(top + h, picture.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    alpha = stamp[y0 - top : y1 - top, x0 - left : x1 - left, None].astype(np.float32) / 255
    area = picture[y0:y1, x0:x1]
    area[:] = (area * (1 - alpha) + np.array(colour, np.float32) * alpha + 0.5).astype(np.uint8)


def _grain(shape: tuple[int, int], rng: np.random.Generator, size_px: float, strength: float) -> NDArray[Any]:
    coarse = max(2, round(shape[0] / size_px)), max(2, round(shape[1] / size_px))
    small = rng.standard_normal(coarse).astype(np.float32)
    return cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC) * np.float32(strength)


def _laminate(canvas: Canvas, layout: Layout, bare: Colour, copper: Colour) -> None:
    """Mask over laminate, a copper pour on part of the board, tracks and vias."""
    model, rng = layout.model, canvas.rng
    clearance = 0.45
    pour = sorted(rng.uniform(0.15, 0.85, 2) * model.width_mm)
    canvas.rect((pour[0] + pour[1]) / 2, model.height_mm / 2, (pour[1] - pour[0], model.height_mm - 2.4), copper)
    for trace in layout.traces:
        canvas.line(list(trace.points_mm), trace.width_mm + 2 * clearance, bare)
    for pad in (pad for part in layout.parts for pad in part.pads()):
        canvas.rect(pad.x_mm, pad.y_mm, (pad.width_mm + 2 * clearance, pad.height_mm + 2 * clearance), bare)
    for trace in layout.traces:
        canvas.line(list(trace.points_mm), trace.width_mm, copper)
    shape = (canvas.picture.shape[0], canvas.picture.shape[1])
    weave = _grain(shape, rng, canvas.scale_px_per_mm * 0.5, 1.4) + _grain(shape, rng, canvas.scale_px_per_mm * 14, 2.2)
    canvas.picture[:] = np.clip(canvas.picture + weave[..., None], 0, 255).astype(np.uint8)
    for x, y in layout.vias_mm:
        canvas.disc(x, y, 0.45, copper)
        canvas.disc(x, y, 0.32, _GOLD if model.mask == "black" else _TIN)
        canvas.disc(x, y, 0.16, (18, 20, 20))
    for x, y, diameter in layout.holes_mm:
        canvas.disc(x, y, diameter / 2 + 1.1, _GOLD if model.mask == "black" else _TIN)
        canvas.disc(x, y, diameter / 2, (24, 26, 27))
    for x, y in layout.joints_mm:
        canvas.disc(x, y, 1.0, _TIN)
        canvas.disc(x - 0.12, y - 0.12, 0.62, (214, 220, 222))
        canvas.disc(x, y, 0.34, (150, 156, 158))


def _silk(canvas: Canvas, part: Part, layout: Layout) -> None:
    left, top, _, bottom = part.outline()
    if part.kind == "can":
        canvas.disc(part.x_mm, part.y_mm, part.body_mm[0] / 2 + 0.45, _SILK)
        canvas.disc(part.x_mm, part.y_mm, part.body_mm[0] / 2 + 0.27, mask_colours(layout)[0])
    elif part.kind in {"soic", "qfp", "header", "inductor", "usb", "crystal"}:
        w, h = part.size(part.body_mm[0] + 0.5, part.body_mm[1] + 0.5)
        canvas.frame(part.x_mm, part.y_mm, (w, h), 0.15, _SILK)
    height, upright = 0.95, part.turned and part.kind in {"chip_r", "chip_c", "led", "diode", "sot23"}
    if upright:
        canvas.text(part.refdes, left - 0.75, part.y_mm, height, _SILK, turned=True)
    elif top > 1.6:
        canvas.text(part.refdes, part.x_mm, top - 0.75, height, _SILK)
    else:
        canvas.text(part.refdes, part.x_mm, bottom + 0.75, height, _SILK)


def _title(canvas: Canvas, layout: Layout) -> None:
    model = layout.model
    canvas.text(f"{model.name} REV {chr(65 + model.seed % 4)}", model.width_mm / 2, model.height_mm - 2.6, 1.9, _SILK)
    canvas.frame(model.width_mm / 2, model.height_mm / 2, (model.width_mm - 1.4, model.height_mm - 1.4), 0.12, _SILK)


def _pad(canvas: Canvas, pad: Pad) -> None:
    tone = canvas.rng.uniform(-8, 8)
    canvas.rect(pad.x_mm, pad.y_mm, (pad.width_mm, pad.height_mm), tuple(c + tone for c in _TIN))  # type: ignore[arg-type]  # three of them


def _fillet(canvas: Canvas, pad: Pad) -> None:
    """Solder over a pad: darker towards its border, a highlight where the lamp mirrors."""
    canvas.rect(pad.x_mm, pad.y_mm, (pad.width_mm * 0.98, pad.height_mm * 0.98), (152, 158, 160))
    canvas.rect(pad.x_mm, pad.y_mm, (pad.width_mm * 0.72, pad.height_mm * 0.78), (190, 196, 198))
    dx, dy = canvas.rng.uniform(-0.1, 0.1, 2)
    spot = (max(pad.width_mm * 0.3, 0.1), max(pad.height_mm * 0.34, 0.1))
    canvas.rect(pad.x_mm + dx * pad.width_mm, pad.y_mm + dy * pad.height_mm, spot, (236, 240, 241))


def _leftover(canvas: Canvas, part: Part) -> None:
    """What is seen where a part fell off: its pads with some rough solder left on them."""
    for pad in part.pads():
        canvas.rect(pad.x_mm, pad.y_mm, (pad.width_mm * 0.9, pad.height_mm * 0.9), (168, 176, 180))
        dx, dy = canvas.rng.uniform(-0.15, 0.15, 2)
        spot = (pad.width_mm * 0.45, pad.height_mm * 0.4)
        canvas.rect(pad.x_mm + dx * pad.width_mm, pad.y_mm + dy * pad.height_mm, spot, (206, 212, 214))


def _shadows(canvas: Canvas, parts: list[Part]) -> None:
    """Darken the board beside each part, away from the lamp at the top left."""
    s = canvas.scale_px_per_mm
    cover = np.zeros(canvas.picture.shape[:2], np.uint8)
    for part in parts:
        reach = _HEIGHT_MM[part.kind]
        w, h = part.size(*part.body_mm)
        x0, y0 = canvas.px(part.x_mm - w / 2 + reach * 0.5, part.y_mm - h / 2 + reach * 0.5)
        x1, y1 = canvas.px(part.x_mm + w / 2 + reach * 0.6, part.y_mm + h / 2 + reach * 0.6)
        cv2.rectangle(cover, (round(x0), round(y0)), (round(x1), round(y1)), 255, -1)
    soft = cv2.GaussianBlur(cover, (0, 0), max(0.8, 0.25 * s)).astype(np.float32)
    canvas.picture[:] = (canvas.picture * (1 - soft[..., None] / 255 * 0.5)).astype(np.uint8)


def _alpha(canvas: Canvas, layout: Layout) -> Picture:
    alpha = np.zeros(canvas.picture.shape[:2], np.uint8)
    one = 1 << _SHIFT
    x0, y0 = (round(v * one) for v in canvas.px(0, 0))
    x1, y1 = (round(v * one) for v in canvas.px(layout.model.width_mm, layout.model.height_mm))
    r = round(2.2 * canvas.scale_px_per_mm * one)
    for left, top, right, bottom in ((x0 + r, y0, x1 - r, y1), (x0, y0 + r, x1, y1 - r)):
        corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.int32)
        cv2.fillPoly(alpha, [corners], 255, cv2.LINE_AA, _SHIFT)
    for x in (x0 + r, x1 - r):
        for y in (y0 + r, y1 - r):
            cv2.circle(alpha, (x, y), r, 255, -1, cv2.LINE_AA, _SHIFT)
    return alpha


def _edge(canvas: Canvas, alpha: Picture) -> None:
    """The milled edge shows the laminate's own colour."""
    reach = max(3, 2 * round(0.3 * canvas.scale_px_per_mm) + 1)
    inner = cv2.erode(alpha, np.ones((reach, reach), np.uint8), borderValue=0)
    rim = ((alpha.astype(np.float32) - inner) / 255)[..., None] * 0.75
    canvas.picture[:] = (canvas.picture * (1 - rim) + np.array(_LAMINATE, np.float32) * rim).astype(np.uint8)


def _box(canvas: Canvas, part: Part, colour: Colour, bevel: float = 16) -> None:
    """A moulded body: lit upper left edges, darker lower right."""
    w, h = part.size(*part.body_mm)
    canvas.rect(part.x_mm, part.y_mm, (w, h), tuple(max(0, c - bevel) for c in colour))  # type: ignore[arg-type]  # three of them
    canvas.rect(part.x_mm - 0.06, part.y_mm - 0.06, (w - 0.14, h - 0.14), tuple(c + bevel for c in colour))  # type: ignore[arg-type]  # three of them
    canvas.rect(part.x_mm, part.y_mm, (w - 0.3, h - 0.3), colour)


def _chip(canvas: Canvas, part: Part) -> None:
    w, h = part.body_mm
    ends, body = (196, 202, 204), (28, 28, 30)
    if part.kind == "chip_c":
        body = (72, 112 + round(canvas.rng.uniform(-10, 14)), 150)
    if part.kind == "led":
        body = (190, 226, 232)
    canvas.rect(part.x_mm, part.y_mm, part.size(w, h), ends)
    canvas.rect(part.x_mm, part.y_mm, part.size(w * 0.58, h), body)
    canvas.rect(part.x_mm, part.y_mm, part.size(w * 0.5, h * 0.7), tuple(min(255, c + 9) for c in body))  # type: ignore[arg-type]  # three of them
    if part.kind == "chip_r" and w >= 2:
        canvas.text(part.marking, part.x_mm, part.y_mm, h * 0.5, (225, 228, 228), turned=part.turned)
    if part.kind == "led":
        canvas.rect(*part.at(-w * 0.12, 0), part.size(w * 0.08, h * 0.7), (60, 150, 60))


def _gull_wing(canvas: Canvas, part: Part) -> None:
    """Leads from the body to the middle of their pads."""
    for pad in part.pads():
        dx, dy = pad.x_mm - part.x_mm, pad.y_mm - part.y_mm
        along_x = pad.width_mm > pad.height_mm or (pad.width_mm == pad.height_mm and abs(dx) > abs(dy))
        width = min(pad.width_mm, pad.height_mm) * 0.62
        w, h = part.size(*part.body_mm)
        inner = (part.x_mm + np.sign(dx) * w / 2, pad.y_mm) if along_x else (pad.x_mm, part.y_mm + np.sign(dy) * h / 2)
        canvas.line([inner, (pad.x_mm, pad.y_mm)], width, (206, 210, 212))


def _ic(canvas: Canvas, part: Part) -> None:
    _gull_wing(canvas, part)
    _box(canvas, part, (44, 43, 42))
    w, h = part.body_mm
    canvas.disc(*part.at(-w / 2 + 0.8, h / 2 - 0.8), 0.3, (84, 84, 84))
    tall = min(1.2, h * 0.2)
    if part.kind == "sot23":
        canvas.text(part.marking[:3], part.x_mm, part.y_mm, h * 0.45, (150, 152, 152), turned=part.turned)
        return
    for row, line in enumerate((part.marking, f"{part.marking[-2:]}24K")):
        x, y = part.at(0, (row - 0.5) * tall * 1.7)
        canvas.text(line, x, y, tall, (168, 170, 170), turned=part.turned)


def _can(canvas: Canvas, part: Part) -> None:
    _box(canvas, part, (34, 33, 32), 8)
    r = part.body_mm[0] / 2 * 0.93
    canvas.disc(part.x_mm, part.y_mm, r, (140, 144, 146))
    canvas.disc(part.x_mm - r * 0.04, part.y_mm - r * 0.04, r * 0.93, (204, 207, 208))
    x, y = canvas.px(part.x_mm, part.y_mm)
    size = round(r * 0.9 * canvas.scale_px_per_mm)
    turn = 180 + (90 if part.turned else 0)
    cv2.ellipse(canvas.picture, (round(x), round(y)), (size, size), turn, -52, 52, (36, 34, 34), -1, cv2.LINE_AA)
    canvas.text(part.marking[-3:], *part.at(r * 0.3, -r * 0.18), r * 0.34, (54, 54, 56), turned=part.turned)
    canvas.text("35V", *part.at(r * 0.3, r * 0.32), r * 0.3, (54, 54, 56), turned=part.turned)


def _inductor(canvas: Canvas, part: Part) -> None:
    _box(canvas, part, (62, 62, 64), 10)
    canvas.disc(part.x_mm, part.y_mm, part.body_mm[0] * 0.38, (78, 78, 82))
    canvas.text(part.marking, part.x_mm, part.y_mm, 1.5, (206, 208, 208), turned=part.turned)


def _header(canvas: Canvas, part: Part) -> None:
    _box(canvas, part, (206, 214, 216), 14)
    w, _ = part.body_mm
    canvas.rect(part.x_mm, part.y_mm + 0.2, (w - 1.2, 2.9), (150, 158, 160))
    for i in range(part.pins):
        x = part.x_mm + (i - (part.pins - 1) / 2) * part.pitch_mm
        canvas.rect(x, part.y_mm + 0.2, (0.95, 0.95), (70, 78, 80))
        canvas.rect(x - 0.08, part.y_mm + 0.12, (0.64, 0.64), (120, 200, 226))


def _usb(canvas: Canvas, part: Part) -> None:
    _gull_wing(canvas, part)
    _box(canvas, part, (186, 190, 192), 26)
    for side in (-1, 1):
        canvas.rect(part.x_mm + side * 2.4, part.y_mm + 0.6, (1.5, 2.4), (120, 124, 126))
        canvas.rect(part.x_mm + side * 2.4, part.y_mm + 0.5, (1.1, 2.0), (64, 66, 68))


def _diode(canvas: Canvas, part: Part) -> None:
    _box(canvas, part, (46, 45, 44), 10)
    w, h = part.body_mm
    canvas.rect(*part.at(-w * 0.34, 0), part.size(w * 0.12, h - 0.3), (190, 192, 192))
    canvas.text(part.marking[:3], *part.at(w * 0.1, 0), h * 0.4, (150, 152, 152), turned=part.turned)


def _crystal(canvas: Canvas, part: Part) -> None:
    _box(canvas, part, (192, 196, 198), 22)
    canvas.text(f"{8 + part.pins * 4}.000", part.x_mm, part.y_mm, 1.0, (84, 86, 88), turned=part.turned)


_BODIES = {
    "chip_r": _chip, "chip_c": _chip, "led": _chip, "soic": _ic, "qfp": _ic, "sot23": _ic, "can": _can,
    "inductor": _inductor, "header": _header, "usb": _usb, "diode": _diode, "crystal": _crystal,
}  # fmt: skip
