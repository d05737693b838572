"""The places of a board's parts together with where they lie in its golden picture: ``<name>.places.json`` of a set."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import cos, radians, sin
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from processors.vision.frame import project
from processors.vision.parts.bodies import body_of, is_part
from processors.vision.parts.placement import BoardSide, Placement

_PADS_REACH_MM = 0.5
"""How far a body is taken to reach beyond the middles of its pads where nothing says its size."""
_BY_PIN_1 = re.compile(r"pin-?_?(header|socket)|^dip|^to-?92|axial|radial|disc|^led_d|through", re.IGNORECASE)
"""Parts with wires, which files place by pin 1: without pads nobody knows where their middle is."""
_AGAIN = "place the parts again with `noizylab vision places`"


@dataclass(frozen=True, slots=True)
class Placed:
    """A part with its body: ``middle_mm`` on the board, ``size_mm`` along its own axes; None where nothing says it.

    ``checked``: whether something is mounted there that can be looked at.
    """

    part: Placement
    middle_mm: tuple[float, float]
    size_mm: tuple[float, float] | None
    checked: bool = True

    def corners_mm(self, grown_mm: float = 0.0) -> NDArray[Any]:
        """Return the four corners (4, 2) of the body, in its own order: left top, right top, right bottom, left bottom
        at rotation 0. Without a size it is half a millimetre wide.
        """
        width, height = self.size_mm or (0.5, 0.5)
        w, h = width / 2 + grown_mm, height / 2 + grown_mm
        turn = radians(self.part.rotation_deg)
        own = np.array([(-w, -h), (w, -h), (w, h), (-w, h)])
        # Counter-clockwise seen from the top while y runs downwards.
        axes = np.array([(cos(turn), -sin(turn)), (sin(turn), cos(turn))])
        return np.asarray(own @ axes + np.array(self.middle_mm))


@dataclass(frozen=True)
class Places:
    """The parts of one side of a board, and the map from board millimetres to pixels of the golden picture.

    Attributes:
        side: of the board that the picture shows.
        source: name of the file that said where the parts are.
        picture_sha256: of the golden picture's file; another picture needs another map.
        to_picture: 3 x 3 homography, row by row.
        how: by the board's outline or by given points.
        off_mm: root mean square distance of what was fitted.
        parts: those of this side.
    """

    side: BoardSide
    source: str
    picture_sha256: str
    to_picture: tuple[float, float, float, float, float, float, float, float, float]
    how: Literal["outline", "points"]
    off_mm: float
    parts: tuple[Placed, ...]

    @cached_property
    def homography(self) -> NDArray[Any]:
        """Board millimetres to pixels of the golden picture, (3, 3)."""
        return np.array(self.to_picture, np.float64).reshape(3, 3)

    def board_mm(self, points_px: NDArray[Any]) -> NDArray[Any]:
        """Return where points (N, 2) of the golden picture lie on the board, in millimetres."""
        return project(np.linalg.inv(self.homography), points_px)


_FILE = TypeAdapter(Places)


def write_places(places: Places) -> bytes:
    """Return the file."""
    return _FILE.dump_json(places, indent=1)


def read_places(name: str, content: bytes, picture: bytes) -> Places:
    """Return the places in a file, for the golden picture whose file is ``picture``.

    Raises:
        ValueError: the file is damaged, or was made for another golden picture.
    """
    try:
        places = _FILE.validate_json(content)
        np.linalg.inv(places.homography)
    except (ValidationError, np.linalg.LinAlgError) as error:
        raise ValueError(f"the places of {name} are damaged; {_AGAIN}") from error
    if places.picture_sha256 != hashlib.sha256(picture).hexdigest():
        raise ValueError(f"the places of {name} were made for another golden picture; {_AGAIN}")
    return places


def placed(parts: Iterable[Placement], side: BoardSide) -> tuple[Placed, ...]:
    """Return the parts of a side with their bodies: by the package's name, else by the pads.

    A part whose pads are known stands in their middle: files place a plug by its pin 1.
    """
    return tuple(_placed(part) for part in parts if part.side == side)


def _placed(part: Placement) -> Placed:
    middle, size = (part.x_mm, part.y_mm), body_of(part.package)
    checked = is_part(part.reference, part.package)
    if part.pads_mm is None:
        size = None if _BY_PIN_1.search(part.package.split(":")[-1]) else size
        return Placed(part, middle, size, checked and size is not None)
    left, top, right, bottom = part.pads_mm
    middle = (round((left + right) / 2, 4), round((top + bottom) / 2, 4))
    if size is None:
        wide, tall = (round(span + 2 * _PADS_REACH_MM, 4) for span in (right - left, bottom - top))
        quarter = round(part.rotation_deg / 90) % 2 == 1
        size = (tall, wide) if quarter else (wide, tall)
    return Placed(part, middle, size, checked)


def box_mm(parts: Sequence[Placed]) -> tuple[float, float, float, float]:
    """Return left, top, right, bottom round all bodies, in millimetres of the board.

    Raises:
        ValueError: there are no parts.
    """
    if not parts:
        raise ValueError("no part stands on this side; name the other one with --side, or another file")
    points = np.concatenate([one.corners_mm() for one in parts])
    (left, top), (right, bottom) = points.min(0).tolist(), points.max(0).tolist()
    return left, top, right, bottom
