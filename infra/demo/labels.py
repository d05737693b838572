"""Labels of devices, drawn: lines of Code 128, a QR code beside them, on white paper."""

from typing import Any

import cv2
import numpy as np
import segno
import zxingcpp
from numpy.typing import NDArray

Picture = NDArray[Any]

_MODULE_PX, _BARS_PX, _EDGE_PX, _GAP_PX = 4, 110, 60, 50
_LEAST_PX = 640


def label(*lines: str) -> Picture:
    """Return a label (H, W, 3) with the lines as codes from its top down: links as QR codes, others as Code 128."""
    codes = [_qr(line) if line.startswith("http") else _bars(line) for line in lines]
    width = max(_LEAST_PX, *(code.shape[1] + 2 * _EDGE_PX for code in codes))
    height = max(_LEAST_PX, sum(code.shape[0] + _GAP_PX for code in codes) + 2 * _EDGE_PX)
    paper = np.full((height, width), 235, np.uint8)
    top = _EDGE_PX
    for code, line in zip(codes, lines, strict=True):
        paper[top : top + code.shape[0], _EDGE_PX : _EDGE_PX + code.shape[1]] = code
        top += code.shape[0] + _GAP_PX
        cv2.putText(paper, line, (_EDGE_PX, top - 16), cv2.FONT_HERSHEY_SIMPLEX, 0.9, 20, 2, cv2.LINE_AA)
    return cv2.cvtColor(cv2.GaussianBlur(paper, (0, 0), 0.7), cv2.COLOR_GRAY2BGR)


def _bars(text: str) -> Picture:
    made = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.Code128)
    drawn = np.array(zxingcpp.write_barcode_to_image(made, scale=1, add_quiet_zones=False))
    row = np.pad(drawn[drawn.shape[0] // 4], 10, constant_values=255).repeat(_MODULE_PX)
    return np.repeat(row[None], _BARS_PX, 0)


def _qr(text: str) -> Picture:
    matrix = np.array([list(row) for row in segno.make_qr(text, error="m").matrix], np.uint8)
    modules = np.pad(np.where(matrix > 0, 0, 255).astype(np.uint8), 4, constant_values=255)
    return modules.repeat(2 * _MODULE_PX, 0).repeat(2 * _MODULE_PX, 1)
