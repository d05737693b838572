"""The whole way from two pictures of a bare board to its defects. Pure."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from processors.vision.bare.candidates import candidates
from processors.vision.bare.kinds import Detection, copper
from processors.vision.bare.locate import locate
from processors.vision.bare.model import BareModel, default_model

MAX_DISAGREEMENT = 0.12
"""Above this share of differing pixels the picture shows another board, or lies further off than the search reaches.

On the development boards pairs differ by 0.04 at most; pictures of different places by 0.41 in the median, and by more
than this in 97 of 100 cases (the rest show hardly any copper).
"""


@dataclass(frozen=True, slots=True)
class BareInspection:
    """What was found.

    Attributes:
        defects: one for each difference that is called a defect, surest first.
        hypotheses: everything that any difference may be, for curves over confidence; no two defects of one place.
        disagreement: share of the pixels that differ after the template was brought into place.
        comparable: whether the picture shows the template's board at all; if not, nothing is reported.
    """

    defects: tuple[Detection, ...]
    hypotheses: tuple[Detection, ...]
    disagreement: float
    comparable: bool


def inspect_bare(golden: NDArray[Any], photo: NDArray[Any], model: BareModel | None = None) -> BareInspection:
    """Hold the picture of a bare board against its template.

    Args:
        golden: template, (H, W) or (H, W, 3) uint8, copper dark; at the scale of the photo.
        photo: tested picture, likewise, within 48 px and about 2 degrees of the template.
        model: the trained part; the shipped one by default.
    """
    model = model or default_model()
    found = locate(copper(golden), copper(photo))
    if found.disagreement > MAX_DISAGREEMENT:
        return BareInspection((), (), found.disagreement, comparable=False)
    named = model.hypotheses(candidates(found), photo.shape)
    defects = [each[0] for each in named if each and sum(one.confidence for one in each) >= model.threshold]
    every = tuple(one for each in named for one in each)
    ranked = tuple(sorted(defects, key=lambda one: -one.confidence))
    return BareInspection(ranked, every, found.disagreement, comparable=True)
