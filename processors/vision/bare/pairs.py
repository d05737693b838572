"""Reads labelled pairs in DeepPCB's layout.

A list has one line a pair, ``image annotation``, both relative to the folder of the pairs. The entry
``g/b/0001.jpg`` stands for ``g/b/0001_temp.jpg`` (template) and ``g/b/0001_test.jpg`` (tested picture); a line of an
annotation is ``left top right bottom kind``, corners in pixels, ``kind`` from 1 to 6 in the order of ``KINDS``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
from numpy.typing import NDArray

from connectors.errors import Permanent
from processors.vision.bare.kinds import KINDS, Mark

_FIELDS = 5


class PairsRefused(Permanent):
    """A list, an annotation or a picture cannot be read; says which, where, and what to do."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One labelled pair. ``board`` is the first part of its path: pairs of one board look alike."""

    name: str
    board: str
    template: Path
    tested: Path
    marks: tuple[Mark, ...]


def read_pairs(folder: Path, listed: Path) -> tuple[Pair, ...]:
    """Return the pairs that the file ``listed`` names, in its order.

    Raises:
        PairsRefused: with file and line.
    """
    pairs = []
    for number, line in enumerate(_lines(listed), 1):
        fields = line.split()
        if not fields:
            continue
        where = f"{listed}, line {number}"
        if len(fields) != 2:
            raise PairsRefused(
                f"{where}: {line[:80]!r} is not 'image annotation'; write two paths with a blank between"
            )
        if any(Path(field).is_absolute() or ".." in Path(field).parts for field in fields):
            raise PairsRefused(f"{where}: {line[:80]!r} leaves the folder of the pairs; write paths relative to it")
        pairs.append(_pair(folder, fields[0], fields[1], where))
    if not pairs:
        raise PairsRefused(f"{listed} names no pair; write one line 'image annotation' for each")
    return tuple(pairs)


def read_grey(path: Path) -> NDArray[Any]:
    """Return a picture as (H, W) uint8.

    Raises:
        PairsRefused: it cannot be decoded.
    """
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise PairsRefused(f"{path} is no picture that can be read; replace the file or take its line off the list")
    return picture


def _pair(folder: Path, image: str, annotation: str, where: str) -> Pair:
    stem = folder / Path(image).with_suffix("")
    suffix = Path(image).suffix
    template, tested = (stem.with_name(f"{stem.name}_{part}{suffix}") for part in ("temp", "test"))
    for needed in (template, tested, folder / annotation):
        if not needed.is_file():
            raise PairsRefused(f"{where}: {needed} is missing; unpack the pairs' archives into {folder}")
    return Pair(image, Path(image).parts[0], template, tested, read_marks(folder / annotation))


def read_marks(path: Path) -> tuple[Mark, ...]:
    """Return the marks of one annotation file.

    Raises:
        PairsRefused: with file and line.
    """
    marks = []
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        fields = line.split()
        try:
            left, top, right, bottom, kind = (int(field) for field in fields)
        except ValueError:
            raise PairsRefused(
                f"{path}, line {number}: {line[:80]!r} is not {_FIELDS} whole numbers; correct it"
            ) from None
        if not (0 <= left < right and 0 <= top < bottom):
            raise PairsRefused(f"{path}, line {number}: {line[:80]!r} is no box; write left top right bottom kind")
        if not 1 <= kind <= len(KINDS):
            raise PairsRefused(f"{path}, line {number}: kind {kind} is not 1 to {len(KINDS)} ({', '.join(KINDS)})")
        marks.append(Mark(KINDS[kind - 1], left, top, right, bottom))
    return tuple(marks)


def write_marks(path: Path, marks: Sequence[Mark]) -> None:
    """Write one annotation file that ``read_marks`` reads."""
    lines = [
        f"{mark.left:.0f} {mark.top:.0f} {mark.right:.0f} {mark.bottom:.0f} {KINDS.index(mark.kind) + 1}\n"
        for mark in marks
    ]
    path.write_text("".join(lines), "utf-8")


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise PairsRefused(f"{path} cannot be read ({error}); give a text file") from error
