"""What a person corrected becomes a training pair, in the same layout as any other labelled pair."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
from numpy.typing import NDArray

from processors.vision.bare.kinds import Mark
from processors.vision.bare.pairs import PairsRefused, write_marks

LIST = "list.txt"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def keep_correction(
    folder: Path, board: str, name: str, template: NDArray[Any], tested: NDArray[Any], marks: Sequence[Mark]
) -> None:
    """Keep a corrected inspection: both pictures, (H, W) uint8, and what a person says the defects are (maybe none).

    A pair of the same board and name is replaced. The folder then serves ``noizylab vision train --corrections``.

    Raises:
        PairsRefused: the board or name is not fit for a file name, or a picture cannot be written.
    """
    for part in (board, name):
        if not _NAME.fullmatch(part):
            raise PairsRefused(f"{part!r} is not fit for a file name; use letters, digits, dot, dash and underscore")
    place = folder / board
    place.mkdir(parents=True, exist_ok=True)
    for suffix, picture in (("temp", template), ("test", tested)):
        path = place / f"{name}_{suffix}.png"
        if not cv2.imwrite(str(path), picture):
            raise PairsRefused(f"{path} cannot be written; check the folder's space and rights")
    write_marks(place / f"{name}.txt", marks)
    listed = folder / LIST
    lines = listed.read_text("utf-8").splitlines() if listed.exists() else []
    line = f"{board}/{name}.png {board}/{name}.txt"
    if line not in lines:
        listed.write_text("\n".join([*lines, line]) + "\n", "utf-8")
