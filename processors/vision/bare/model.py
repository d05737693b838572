"""The trained part: trees that name candidates, trees that place boxes, a threshold. Stored as arrays, without code."""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from connectors.errors import Permanent
from processors.vision.bare.candidates import Candidate
from processors.vision.bare.features import NAMES, features
from processors.vision.bare.kinds import KINDS, Detection
from processors.vision.bare.trees import Trees, softmax

FORMAT = 1
FALSE_ALARM = len(KINDS)
"""The class after the kinds: a candidate that is no defect."""
DEFAULT = Path(__file__).with_name("default.npz")
_MIN_SHARE = 0.02


class ModelRefused(Permanent):
    """A model file cannot be used; says why and what to do."""


@dataclass(frozen=True, slots=True, eq=False)
class BareModel:
    """What training made.

    Attributes:
        kinds: rows of ``features.NAMES`` to scores of the kinds and of the false alarm.
        edges: the same rows to how far left, top, right and bottom of the marked box lie from those of the blob, in
            pixels.
        threshold: least share of all kinds together at which a candidate is called a defect.
    """

    kinds: Trees
    edges: Trees
    threshold: float

    def hypotheses(self, found: Sequence[Candidate], shape: tuple[int, ...]) -> list[list[Detection]]:
        """Return for each candidate the kinds that it may be, surest first; confidence is the kind's share."""
        if not found:
            return []
        rows = features(found, shape)
        shares, edges = softmax(self.kinds.predict(rows)), self.edges.predict(rows)
        return [_named(one, share, edge, shape) for one, share, edge in zip(found, shares, edges, strict=True)]

    def to_bytes(self) -> bytes:
        """Return the file's content; the same model gives the same bytes."""
        arrays = {"format": np.array(FORMAT), "threshold": np.array(self.threshold), "names": np.array(NAMES)}
        arrays |= self.kinds.to_arrays("kinds_") | self.edges.to_arrays("edges_")
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
        return buffer.getvalue()

    @property
    def digest(self) -> str:
        """SHA-256 of the file's content, in hexadecimal."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


def _named(one: Candidate, shares: NDArray[Any], edges: NDArray[Any], shape: tuple[int, ...]) -> list[Detection]:
    box = np.array(one.box, np.float64) + edges
    left, right = (float(side) for side in np.clip(box[[0, 2]], 0, shape[1]))
    top, bottom = (float(side) for side in np.clip(box[[1, 3]], 0, shape[0]))
    order = [int(kind) for kind in np.argsort(-shares[:FALSE_ALARM]) if shares[kind] >= _MIN_SHARE]
    return [Detection(KINDS[kind], left, top, right, bottom, float(shares[kind])) for kind in order]


def read_model(path: Path) -> BareModel:
    """Read a model file.

    Raises:
        ModelRefused: it is missing, damaged, or of other measures than this program's.
    """
    advice = "train it again with `noizylab vision train`"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelRefused(f"model {path} cannot be read ({error}); give another path, or {advice}") from error
    try:
        return from_bytes(content)
    except (ValueError, KeyError, OSError, EOFError, BadZipFile) as error:
        raise ModelRefused(f"model {path} cannot be used: {error}; {advice}") from error


def from_bytes(content: bytes) -> BareModel:
    """Take a model back from the bytes of its file.

    Raises:
        ValueError, KeyError, OSError, EOFError: it is none, or of another version.
    """
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    if int(arrays["format"]) != FORMAT:
        raise ValueError(f"its format is {int(arrays['format'])}, this program reads {FORMAT}")
    if tuple(arrays["names"].tolist()) != NAMES:
        raise ValueError("it was trained on other measures than this program takes")
    kinds = Trees.from_arrays(arrays, "kinds_", len(NAMES))
    edges = Trees.from_arrays(arrays, "edges_", len(NAMES))
    if len(kinds.start) != len(KINDS) + 1 or len(edges.start) != 4:
        raise ValueError("its outputs are not the kinds and four edges")
    return BareModel(kinds, edges, float(arrays["threshold"]))


@cache
def default_model() -> BareModel:
    """Return the shipped model, which was trained on drawn boards."""
    return read_model(DEFAULT)
