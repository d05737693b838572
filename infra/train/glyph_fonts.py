"""Letters in several typefaces, as ink: those that the glyph reader is trained on, and others that it is scored on.

Trained on: faces of PDF's standard 14 as PDFium draws them, and digits of straight strokes and arcs as lasers write
them, with a flat-topped 3. Scored on: OpenCV's own face at two weights and Bitstream
Vera, which comes with ReportLab. OpenCV 5 draws its Hershey faces with that same outline face: they are no other ones.
"""

import io
from functools import cache
from typing import Any

import cv2
import numpy as np
import pypdfium2  # type: ignore[import-untyped]  # it ships no type information
from numpy.typing import NDArray
from reportlab.pdfbase.pdfmetrics import registerFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

TRAINED = ("Helvetica", "Helvetica-Bold", "Helvetica-Oblique", "Courier", "Courier-Bold", "Times-Bold", "strokes")
SCORED = ("outline", "outline-heavy", "Vera", "VeraBd")
Stroke = tuple[tuple[float, float], ...]


def _arc(x: float, y: float, rx: float, ry: float, start_deg: float, end_deg: float) -> Stroke:
    turns = np.deg2rad(np.linspace(start_deg, end_deg, 25))
    return tuple((x + rx * float(np.cos(t)), y + ry * float(np.sin(t))) for t in turns)


_STROKES: dict[str, tuple[Stroke, ...]] = {
    # In a box 0.6 wide and 1 high, y downwards; angles run clockwise from the right.
    "0": (_arc(0.3, 0.5, 0.3, 0.5, 0, 360),),
    "1": (((0.08, 0.22), (0.35, 0.0), (0.35, 1.0)),),
    "2": ((*_arc(0.3, 0.28, 0.28, 0.28, -170, 25), (0.02, 1.0), (0.6, 1.0)),),
    "3": (((0.04, 0.0), (0.56, 0.0), (0.26, 0.4)), _arc(0.27, 0.69, 0.31, 0.31, -85, 155)),
    "4": (((0.45, 1.0), (0.45, 0.0), (0.0, 0.7), (0.62, 0.7)),),
    "5": (((0.54, 0.0), (0.1, 0.0), (0.06, 0.42)), _arc(0.28, 0.67, 0.31, 0.32, -135, 150)),
    "6": (_arc(0.3, 0.68, 0.29, 0.31, 0, 360), ((0.48, 0.0), (0.06, 0.52))),
    "7": (((0.0, 0.0), (0.58, 0.0), (0.2, 1.0)),),
    "8": (_arc(0.3, 0.24, 0.25, 0.24, 0, 360), _arc(0.3, 0.73, 0.3, 0.27, 0, 360)),
    "9": (_arc(0.3, 0.32, 0.29, 0.31, 0, 360), ((0.54, 0.48), (0.12, 1.0))),
}


@cache
def letter(face: str, character: str) -> NDArray[Any]:
    """Return a character (H, W) float32, 1 where there is ink, cut to its ink; about 96 px high.

    Args:
        face: one of ``TRAINED`` or ``SCORED``.
        character: one of the alphabet.

    Raises:
        ValueError: no such face.
    """
    if face.startswith("outline"):
        return _tight(_outlined(face, character))
    if face == "strokes" and character in _STROKES:
        return _tight(_drawn(character))
    if face == "strokes":
        return letter("Helvetica", character)
    if face in TRAINED + SCORED:
        return _tight(_printed(face, character))
    raise ValueError(f"no face {face!r}; there are {', '.join(TRAINED + SCORED)}")


def _outlined(face: str, character: str) -> NDArray[Any]:
    picture = np.zeros((220, 240), np.uint8)
    weight = 700 if face == "outline-heavy" else 400
    cv2.putText(picture, character, (60, 160), 255, cv2.FontFace("sans"), 130, weight)
    return picture


def _drawn(character: str) -> NDArray[Any]:
    picture = np.zeros((160, 130), np.uint8)
    for stroke in _STROKES[character]:
        points = np.array([(30 + 96 * x, 30 + 96 * y) for x, y in stroke])
        cv2.polylines(picture, [np.round(points * 16).astype(np.int32)], False, 255, 10, cv2.LINE_AA, 4)
    return picture


def _printed(face: str, character: str) -> NDArray[Any]:
    buffer = io.BytesIO()
    if face.startswith("Vera"):
        registerFont(TTFont(face, f"{face}.ttf"))
    canvas = Canvas(buffer, pagesize=(200, 200))
    canvas.setFont(face, 130)
    canvas.drawString(40, 60, character)
    canvas.save()
    document = pypdfium2.PdfDocument(buffer.getvalue())
    try:
        page: NDArray[Any] = document[0].render(scale=1.0, grayscale=True).to_numpy()
        return np.asarray(255 - page.reshape(page.shape[:2]))
    finally:
        document.close()


def _tight(picture: NDArray[Any]) -> NDArray[Any]:
    rows, columns = np.flatnonzero(picture.any(1)), np.flatnonzero(picture.any(0))
    return (picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] / np.float32(255)).astype(np.float32)
