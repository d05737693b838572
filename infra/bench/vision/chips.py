"""Pictures of small parts with a code on them, in typefaces that the reader was not trained on. Drawn from a seed."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from infra.train.glyph_fonts import letter
from processors.vision.markings.grammar import E24, E96, Kind

Picture = NDArray[Any]


@dataclass(frozen=True, slots=True)
class ChipPicture:
    """A crop (H, W, 3) uint8, what is printed on it, how far it was turned, and what kind of part it is."""

    picture: Picture
    text: str
    kind: Kind
    turned_deg: int
    face: str


def chip_picture(faces: tuple[str, ...], rng: np.random.Generator) -> ChipPicture:
    """Draw one part: kind, code, typeface, size, light, blur, and which way up it lies are the generator's choice."""
    kind: Kind = ("resistor", "resistor", "resistor", "inductor", "capacitor")[int(rng.integers(5))]
    text = _code(kind, rng)
    face = faces[int(rng.integers(len(faces)))]
    body = _body(kind, text, face, rng)
    seen = _seen(body, rng)
    turned = int(rng.choice([0, 90, 180, 270]))
    return ChipPicture(np.ascontiguousarray(np.rot90(seen, turned // 90)), text, kind, turned, face)


def _code(kind: Kind, rng: np.random.Generator) -> str:
    e24 = str(rng.choice(sorted(E24)))
    if kind == "inductor":
        way = rng.random()
        return f"R{e24}" if way < 0.3 else f"{e24[0]}R{e24[1]}" if way < 0.6 else f"{e24}{rng.integers(0, 3)}"
    if kind == "capacitor":
        return f"{e24}{rng.integers(5, 8)}" + (str(rng.choice(list("GJACDEV"))) if rng.random() < 0.6 else "")
    way = rng.random()
    if way < 0.4:
        return f"{e24}{rng.integers(0, 6)}"
    if way < 0.65:
        return f"{rng.choice(E96)}{rng.integers(0, 4)}"
    if way < 0.85:
        return f"{rng.integers(1, 97):02d}{rng.choice(list('XSABCDEF'))}"
    return f"{e24[0]}R{e24[1]}" if rng.random() < 0.7 else f"R{e24}0"


def _body(kind: Kind, text: str, face: str, rng: np.random.Generator) -> Picture:
    """Return a part 160 px high, lying, with its ends and a rim of the board."""
    tall = 160
    wide = round(tall * rng.uniform(1.75, 2.1) * (1.0 if len(text) == 3 else 1.12))
    board = np.array([(38, 78, 22), (92, 48, 20), (30, 28, 27)][int(rng.integers(3))], np.float32)
    picture = np.tile(board, (tall + 16, wide + 16, 1)).astype(np.float32)
    end = round(wide * rng.uniform(0.12, 0.17))
    tones = {"resistor": (26, 30), "inductor": (60, 64), "capacitor": (50, 150)}[kind]
    body = np.array([tones[0], tones[0] + rng.uniform(0, 6), tones[1]], np.float32)
    if kind == "capacitor":
        body = np.array([40, 130, 190], np.float32) * rng.uniform(0.8, 1.1)
    picture[8:-8, 8:-8] = np.array([198, 203, 206])
    picture[8:-8, 8 + end : -8 - end] = body
    ink = np.array([232, 234, 235] if kind != "capacitor" else [26, 28, 30], np.float32)
    line = _print(text, face, rng)
    room = wide - 2 * end - 10
    height = min(round(tall * rng.uniform(0.46, 0.68)), round(line.shape[0] * room / line.shape[1]))
    line = cv2.resize(
        line, (max(8, round(line.shape[1] * height / line.shape[0])), height), interpolation=cv2.INTER_AREA
    )
    top = (picture.shape[0] - height) // 2 + int(rng.integers(-6, 7))
    left = (picture.shape[1] - line.shape[1]) // 2 + int(rng.integers(-4, 5))
    cover = line[..., None] * np.float32(rng.uniform(0.6, 1.0))
    place = np.s_[top : top + height, left : left + line.shape[1]]
    picture[place] = picture[place] * (1 - cover) + ink * cover
    return picture


def _print(text: str, face: str, rng: np.random.Generator) -> Picture:
    """Return a line of ink, 96 px high, its letters as far apart as printers set them."""
    stretch = rng.uniform(0.8, 1.1)
    pieces = []
    for character in text:
        ink = letter(face, character)
        # A monospaced "1" is no wider than its stroke; every other glyph fills its cell.
        size = max(8, round(ink.shape[1] * 96 / ink.shape[0] * stretch)), 96
        pieces += [
            cv2.resize(ink, size, interpolation=cv2.INTER_AREA),
            np.zeros((96, int(rng.integers(9, 20))), np.float32),
        ]
    return np.hstack(pieces[:-1])


def _seen(body: Picture, rng: np.random.Generator) -> Picture:
    """Photograph the part: 26 to 80 px high, a little turned, blurred, noisy, unevenly lit."""
    height = rng.uniform(26, 80)
    scale = height / body.shape[0]
    turn, tall, wide = np.deg2rad(rng.uniform(-4, 4)), body.shape[0] * scale, body.shape[1] * scale
    cos, sin = np.cos(turn) * scale, np.sin(turn) * scale
    size = round(wide), round(tall)
    rotate = np.array([[cos, -sin], [sin, cos]])
    offset = np.array(size) / 2 - rotate @ (np.array(body.shape[1::-1]) / 2)
    soft = cv2.GaussianBlur(body, (0, 0), 0.4 / scale)
    picture = cv2.warpAffine(
        soft, np.column_stack([rotate, offset]), size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 0.4 + 0.016 * height))
    slope = np.linspace(-1, 1, size[0], dtype=np.float32)[None, :, None] * np.float32(rng.uniform(-0.2, 0.2))
    picture = picture * (np.float32(rng.uniform(0.7, 1.1)) + slope) + rng.normal(0, rng.uniform(1, 6), picture.shape)
    levels: Picture = np.clip(picture, 0, 255).astype(np.uint8)
    return levels
