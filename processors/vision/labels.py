"""Codes on the labels that a photo shows. Pure: runs in the inspecting process, also over photos that are spoilt."""

from dataclasses import dataclass

import cv2
import numpy as np

from connectors.images.decode import DecodeLimits, decode
from connectors.images.header import ImageRefused
from processors.vision.codes.kinds import kind_of
from processors.vision.codes.read import Code, read_codes
from schemas.labels import CodeKind, Symbology


@dataclass(frozen=True, slots=True)
class CodeLimits:
    """How much is tried to read codes.

    A photo without a code costs all looks: 16 of them at 2400 px take half a second of one core, all 86 of them 2 s. Of
    160 drawn labels (seed 101) 16 looks read 0.91, all of them 0.97, none wrongly. A photo that was compared is filled
    by its board, so that two looks have to do.
    """

    read: bool = True
    side_px: int = 2400
    most_looks: int = 16
    looks_on_board: int = 2
    most_codes: int = 16


@dataclass(frozen=True, slots=True)
class SeenCode:
    """A code on a photo: what it is, what it says, the number in it, and the box round it in pixels of the photo:
    left, top, width, height."""

    kind: CodeKind
    symbology: Symbology
    text: str
    number: str
    box_px: tuple[int, int, int, int]


def codes_on(data: bytes | None, limits: CodeLimits, opening: DecodeLimits) -> tuple[SeenCode, ...]:
    """Return the codes on a photo, from its top down; none when it cannot be opened.

    Args:
        data: the image file; None stands for one that the store could not give.
        limits: how much is tried.
        opening: what may be opened at all.
    """
    if data is None or not limits.read:
        return ()
    try:
        picture = decode(data, opening)
    except ImageRefused:
        return ()
    height, width = picture.shape[:2]
    scale = min(1.0, limits.side_px / max(height, width))
    if scale < 1:
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    found = read_codes(picture, most_looks=limits.most_looks)
    return tuple(_seen(one, scale, width, height) for one in found[: limits.most_codes])


def _seen(code: Code, scale: float, width: int, height: int) -> SeenCode:
    corners = np.array(code.corners_px) / scale
    left, top = np.clip(np.floor(corners.min(0)), 0, (width - 1, height - 1)).astype(int)
    right, bottom = np.clip(np.ceil(corners.max(0)), (left + 1, top + 1), (width, height)).astype(int)
    text = "".join(sign if sign.isprintable() else " " for sign in code.text).strip()
    told = kind_of(text, code.symbology)
    box = int(left), int(top), int(right - left), int(bottom - top)
    return SeenCode(told.kind, code.symbology, text, told.number, box)
