"""Names single glyphs by a small network of our own over their ink. Its file holds arrays; reading it runs nothing."""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from connectors.errors import Permanent

FORMAT = 1
ALPHABET = "0123456789ABCDEFGHJMNRSVXYZ"
NONE = len(ALPHABET)
"""The class after the alphabet: half a glyph, two in one, or dirt."""
SIZE = 24, 18
"""Rows and columns of what the network sees."""
DEFAULT = Path(__file__).with_name("default.npz")
_BORDER = 2
_INK = 0.35


class GlyphsRefused(Permanent):
    """The file of the glyph reader cannot be used; says why and what to do."""


@dataclass(frozen=True, slots=True, eq=False)
class Glyphs:
    """Two layers: ``hidden`` (432 + 1, H), rectified, then ``output`` (H + 1, 28); the last rows are the biases."""

    hidden: NDArray[Any]
    output: NDArray[Any]

    def log_shares(self, seen: NDArray[Any]) -> NDArray[Any]:
        """Return the logarithm of each class's share (N, 28) for patches (N, 24, 18) of ``patch``."""
        rows = seen.reshape(len(seen), SIZE[0] * SIZE[1])
        inner = np.maximum(rows @ self.hidden[:-1] + self.hidden[-1], 0)
        scores = inner @ self.output[:-1] + self.output[-1]
        scores -= scores.max(1, keepdims=True)
        logs: NDArray[Any] = scores - np.log(np.exp(scores).sum(1, keepdims=True))
        return logs

    def to_bytes(self) -> bytes:
        """Return the file's content; the same weights give the same bytes."""
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer, allow_pickle=False, format=np.array(FORMAT), alphabet=np.array(ALPHABET),
            hidden=self.hidden.astype(np.float16), output=self.output.astype(np.float16),
        )  # fmt: skip
        return buffer.getvalue()


def patch(ink: NDArray[Any]) -> NDArray[Any]:
    """Return ink (H, W) float32, 0 to 1, cut to what is printed and fitted into (24, 18) without changing its shape."""
    rows, columns = np.flatnonzero((ink > _INK).any(1)), np.flatnonzero((ink > _INK).any(0))
    fitted = np.zeros(SIZE, np.float32)
    if not rows.size:
        return fitted
    tight = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    room = SIZE[0] - 2 * _BORDER, SIZE[1] - 2 * _BORDER
    scale = min(room[0] / tight.shape[0], room[1] / tight.shape[1])
    height, width = (max(1, round(side * scale)) for side in tight.shape)
    small = cv2.resize(tight, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    top, left = (SIZE[0] - height) // 2, (SIZE[1] - width) // 2
    fitted[top : top + height, left : left + width] = small
    return fitted


def patches(inks: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return ``patch`` of each, (N, 24, 18) float32."""
    return np.stack([patch(one) for one in inks]) if inks else np.zeros((0, *SIZE), np.float32)


def read_glyphs(path: Path) -> Glyphs:
    """Read a file that ``Glyphs.to_bytes`` gave.

    Raises:
        GlyphsRefused: it is missing, damaged, or made for another alphabet.
    """
    advice = "make it again with `python -m infra.train.glyphs`"
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        known = int(arrays["format"]) == FORMAT and str(arrays["alphabet"]) == ALPHABET
        hidden, output = arrays["hidden"].astype(np.float32), arrays["output"].astype(np.float32)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise GlyphsRefused(f"{path} cannot be used ({error}); {advice}") from error
    fits = hidden.shape[0] == SIZE[0] * SIZE[1] + 1 and output.shape == (hidden.shape[1] + 1, NONE + 1)
    if not known or not fits:
        raise GlyphsRefused(f"{path} is of another format or alphabet; {advice}")
    return Glyphs(hidden, output)


@cache
def default_glyphs() -> Glyphs:
    """Return the shipped reader, which was trained on drawn glyphs."""
    return read_glyphs(DEFAULT)
