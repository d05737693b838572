"""Before and after for a slider, and a heat map: three pictures of one size in the golden picture's frame."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from processors.vision.align import Aligned
from processors.vision.compare import CompareLimits, difference
from processors.vision.frame import project, warp_into
from schemas.inspections import Finding

Picture = NDArray[Any]

_QUALITY = 88
_UNKNOWN_LIGHT = 0.35
"""What the photo does not reach is shown this dark."""


@dataclass(frozen=True, slots=True)
class Slider:
    """JPEG files of one size: the golden picture, the photo brought into its frame, and where they differ.

    Attributes:
        before: the golden picture.
        after: the photo in the golden picture's frame, in its own light.
        heat: the photo in grey; the warmer, the nearer to a finding or above.
        width_px: of each.
        height_px: of each.
        boxes: left, top, right, bottom of the findings in the frame, in their order.
    """

    before: bytes
    after: bytes
    heat: bytes
    width_px: int
    height_px: int
    boxes: tuple[tuple[int, int, int, int], ...]


def slider(
    aligned: Aligned, golden: Picture, photo: Picture, findings: Sequence[Finding], limits: CompareLimits
) -> Slider:
    """Return the pictures of one comparison; ``golden`` and ``photo`` are (H, W, 3) as they were opened."""
    height, width = aligned.valid.shape
    before = cv2.resize(golden, (width, height), interpolation=cv2.INTER_AREA)
    after, reached = warp_into(photo, aligned.to_photo, (width, height))
    after[reached == 0] = (before[reached == 0] * _UNKNOWN_LIGHT).astype(np.uint8)
    heat = heat_map(aligned, after, limits)
    back = np.linalg.inv(aligned.to_photo)
    boxes = tuple(_in_frame(one, back, width, height) for one in findings)
    return Slider(_jpeg(before), _jpeg(after), _jpeg(heat), width, height, boxes)


def heat_map(aligned: Aligned, picture: Picture, limits: CompareLimits) -> Picture:
    """Return ``picture`` (H, W, 3) in grey under the difference in colour: blue is slight, red would be a finding."""
    fine, wide = difference(aligned, limits)
    share = np.maximum(fine / np.float32(limits.fine_high), wide / np.float32(limits.wide_high))
    share = cv2.GaussianBlur(np.clip(share, 0, 1).astype(np.float32), (0, 0), 1.5)
    colours = cv2.applyColorMap((share * 255).astype(np.uint8), cv2.COLORMAP_TURBO)
    cover = np.clip((share - 0.25) * 2, 0, 0.8)[..., None]
    grey = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    shown: Picture = (grey * (1 - cover) * np.float32(0.8) + colours * cover).astype(np.uint8)
    return shown


def _in_frame(finding: Finding, back: NDArray[Any], width: int, height: int) -> tuple[int, int, int, int]:
    box = finding.box
    right, bottom = box.x_px + box.width_px, box.y_px + box.height_px
    corners = project(back, np.array([(box.x_px, box.y_px), (right, box.y_px), (right, bottom), (box.x_px, bottom)]))
    x0, y0 = np.clip(np.floor(corners.min(0)), 0, (width - 1, height - 1)).astype(int)
    x1, y1 = np.clip(np.ceil(corners.max(0)), (x0 + 1, y0 + 1), (width, height)).astype(int)
    return int(x0), int(y0), int(x1), int(y1)


def _jpeg(picture: Picture) -> bytes:
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    assert done, "a picture that was decoded can be encoded"
    return data.tobytes()
