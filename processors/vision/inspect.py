"""One inspection, from the bytes of the photos to findings and drawn pictures. Pure: runs in a process of its own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from connectors.images.decode import decode
from connectors.images.header import ImageRefused
from processors.vision.align import Aligned, align
from processors.vision.annotate import annotate
from processors.vision.bare.binarised import is_binarised
from processors.vision.bare.findings import hold_against
from processors.vision.board_mask import board_mask
from processors.vision.classify import classify, measure, prepare
from processors.vision.compare import Allowance, Blob, find_blobs
from processors.vision.condition import condition_of, soil_of, suspects_of
from processors.vision.config import Policy
from processors.vision.frame import same_colours
from processors.vision.gate import judge
from processors.vision.labels import SeenCode, codes_on
from processors.vision.parts.found import Found, find_parts
from processors.vision.parts.places import Places, read_places
from processors.vision.pose import is_moved, is_same_side, stands_out
from processors.vision.references import Reference, allowance
from processors.vision.register import Features, features, match, project, register
from processors.vision.severity import severity_of
from processors.vision.slider import Slider, slider
from schemas.images import ImageProblem
from schemas.inspections import BoardCondition, Box, Finding, PartsSeen

ENGINE = "golden-compare-4"
"""Named in every inspection; raised when the same photos could get another answer."""

Picture = NDArray[Any]

_LEARNED = 1.25
"""How many more features another golden picture must have in common to be preferred over a learned one."""
_UNREADABLE = "Take the photo again and send it as JPEG, PNG or WebP."
_MOVED = "Lay the board flat and photograph it straight from above, like the golden picture."


@dataclass(frozen=True, slots=True)
class PhotoResult:
    """What one photo gave. ``compared`` is false when it does not show the side of the golden picture."""

    problems: tuple[ImageProblem, ...]
    metrics: dict[str, float]
    compared: bool = False
    findings: tuple[Finding, ...] = ()
    annotated: bytes | None = None
    slider: Slider | None = None
    """Before and after, when the policy asks for it; not of bare boards."""
    condition: BoardCondition | None = None
    """How soiled the board is; of usable photos, not of bare boards."""
    codes: tuple[SeenCode, ...] = ()
    """Codes on labels, of spoilt photos too: a label is no board."""
    parts: PartsSeen | None = None
    """What stands where, when the golden picture's set says where parts belong."""

    @property
    def usable(self) -> bool:
        """Whether the photo can be judged."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class Inspection:
    """The results, in the order of the photos."""

    photos: tuple[PhotoResult, ...]
    engine: str = ENGINE
    golden_problem: str | None = None
    """Why the golden picture could not be used, when it could not."""


@dataclass(frozen=True, slots=True, eq=False)
class _Golden:
    picture: Picture
    mask: Picture
    features: Features
    allowed: Allowance | None = None
    places: Places | None = None


@dataclass(frozen=True, slots=True, eq=False)
class OpenGoldens:
    """Golden pictures ready for any number of photos: those in colour, and templates of bare boards."""

    colour: tuple[_Golden, ...] = ()
    bare: tuple[Picture, ...] = ()
    problem: str | None = None
    """Why one of them could not be used, when one could not."""


def inspect(
    photos: Sequence[bytes | None], golden: bytes | Sequence[Reference] | None, policy: Policy | None = None
) -> Inspection:
    """Judge each photo and compare those that show the golden picture's side with it.

    Args:
        photos: image files; None stands for one that the store could not give.
        golden: image file of a sound board of this model, photographed from straight above, or the references of its
            set (sides, revisions): each photo is held against the one it shows. None or empty: photos are only judged.
        policy: all limits.
    """
    policy = policy or Policy()
    goldens = open_goldens(golden, policy)
    results = tuple(_with_codes(inspect_photo(n, data, goldens, policy), data, policy) for n, data in enumerate(photos))
    return Inspection(results, golden_problem=goldens.problem)


def _with_codes(result: PhotoResult, data: bytes | None, policy: Policy) -> PhotoResult:
    limits = policy.codes
    if result.compared:
        limits = replace(limits, most_looks=limits.looks_on_board)
    return replace(result, codes=codes_on(data, limits, policy.decode))


def open_goldens(golden: bytes | Sequence[Reference] | None, policy: Policy) -> OpenGoldens:
    """Decode golden pictures and find the board and its features in them; what cannot be used is left out."""
    listed = (Reference(golden),) if isinstance(golden, bytes) else golden or ()
    colour: list[_Golden] = []
    bare: list[Picture] = []
    problem = None
    for one in listed:
        try:
            picture, allowed = decode(one.picture, policy.decode), allowance(one)
        except (ImageRefused, ValueError) as refusal:
            problem = str(refusal)
            continue
        if is_binarised(picture):
            bare.append(picture)
            continue
        mask = board_mask(picture)
        places = None
        try:
            places = None if one.places is None else read_places(one.name, one.places, one.picture)
        except ValueError as refusal:
            problem = str(refusal)  # the picture serves without them
        colour.append(_Golden(picture, mask, features(picture, mask), allowed, places))
    return OpenGoldens(tuple(colour), tuple(bare), problem)


def _nearest(picture: Picture, goldens: Sequence[_Golden]) -> _Golden:
    """Return the golden picture that a photo shows: the one with most features in common, a learned one for choice."""
    if len(goldens) == 1:
        return goldens[0]
    own = features(picture)
    return max(goldens, key=lambda one: match(own, one.features)[1] * (1.0 if one.allowed is None else _LEARNED))


def inspect_photo(index: int, data: bytes | None, goldens: OpenGoldens, policy: Policy) -> PhotoResult:
    """Judge one photo and compare it; ``index`` is its place among the photos, for the findings."""
    if data is None:
        return PhotoResult((_problem("unreadable", _UNREADABLE, 0, 1),), {})
    try:
        picture = decode(data, policy.decode)
    except ImageRefused as refusal:
        return PhotoResult((_refused(refusal, policy),), {})
    if is_binarised(picture):
        # The gate is for photos: black and white alone are neither glare nor a page to it.
        return _bare(index, picture, goldens.bare, policy)
    quality = judge(picture, policy.gate)
    if quality.problems:
        return PhotoResult(quality.problems, quality.metrics)
    if not goldens.colour:
        return PhotoResult((), quality.metrics, condition=_suspected(index, picture))
    return _compared(index, picture, _nearest(picture, goldens.colour), quality.metrics, policy)


def _suspected(index: int, picture: Picture) -> BoardCondition:
    return condition_of(index, suspects_of(picture), with_golden=False)


def _bare(index: int, picture: Picture, templates: Sequence[Picture], policy: Policy) -> PhotoResult:
    metrics = {"side_px": float(min(picture.shape[:2])), "binarised": 1.0}
    if not templates:
        return PhotoResult((), metrics)
    held = hold_against(index, picture, templates, policy.max_findings_per_photo)
    metrics["disagreement"] = round(held.disagreement, 4)
    if not held.comparable:
        return PhotoResult((), metrics)
    drawn = annotate(picture, held.findings, policy.annotated_side_px)
    return PhotoResult((), metrics, compared=True, findings=held.findings, annotated=drawn)


def _refused(refusal: ImageRefused, policy: Policy) -> ImageProblem:
    if refusal.code == "too_small":
        return _problem("too_small", refusal.detail, 0, policy.decode.min_side_px)
    return _problem("unreadable", f"{refusal.code}: {refusal.detail}", 0, 1)


def _compared(index: int, picture: Picture, golden: _Golden, metrics: dict[str, float], policy: Policy) -> PhotoResult:
    found = register(picture, golden.picture, golden.mask, golden.features)
    if found is not None:
        metrics = metrics | {
            "inliers": float(found.inliers),
            "inlier_ratio": round(found.inlier_ratio, 4),
            "spread": round(found.spread, 4),
            "zncc": round(found.zncc, 4),
            "moved_px": round(found.moved_px, 4),
            "stray": round(found.stray, 4),
            "stray_places": float(found.stray_places),
        }
    if found is None or not is_same_side(found, policy.pose):
        moved = found is not None and is_moved(found, policy.pose)
        problem = _problem("moved", _MOVED, metrics.get("zncc", 0.0), policy.pose.min_zncc)
        if moved:
            return PhotoResult((problem,), metrics)
        return PhotoResult((), metrics, condition=_suspected(index, picture))
    shown, reference = same_colours(picture, golden.picture)
    aligned = align(shown, reference, golden.mask, found.homography, policy.compare.side_px)
    blobs = find_blobs(aligned, policy.compare, golden.allowed)
    changed = sum(blob.area_px for blob in blobs) / max(1, int(np.count_nonzero(aligned.valid)))
    metrics = metrics | {
        "changed_share": round(changed, 5),
        "blur_px": aligned.blur_px,
        "noise": round(aligned.noise, 2),
    }
    if changed > policy.pose.max_changed_share or len(blobs) > policy.pose.max_findings:
        # So much difference is a pose or a light that the model does not cover, not a list of defects.
        return PhotoResult((_problem("moved", _MOVED, round(changed, 4), policy.pose.max_changed_share),), metrics)
    if blobs and stands_out(found, policy.pose):
        return PhotoResult((_problem("moved", _MOVED, found.stray_places, policy.pose.max_stray_places),), metrics)
    blobs = blobs[: policy.max_findings_per_photo]
    found_all = _findings(index, picture.shape, aligned, blobs)
    parts = None
    if golden.places is not None:
        looked = Found(picture, golden.picture, found.homography, aligned, blobs, golden.places)
        found_all, parts = find_parts(looked, found_all, index)
    findings = _ranked(found_all)
    drawn = annotate(picture, findings, policy.annotated_side_px)
    before_after = slider(aligned, golden.picture, picture, findings, policy.compare) if policy.slider else None
    condition = condition_of(index, soil_of(aligned, blobs), with_golden=True)
    return PhotoResult((), metrics, True, findings, drawn, before_after, condition, parts=parts)


def _findings(photo: int, shape: tuple[int, ...], aligned: Aligned, blobs: Sequence[Blob]) -> list[Finding]:
    """Return one finding a blob, in their order."""
    scene = prepare(aligned)
    board_px = max(1, int(np.count_nonzero(aligned.valid)))
    listed = []
    for blob in blobs:
        kind, fit = classify(measure(scene, blob))
        box, area = _in_photo(aligned, blob, shape)
        listed.append(
            Finding(
                kind=kind,
                confidence=round(_certainty(blob) * (0.4 + 0.5 * fit), 3),
                severity=severity_of(kind, blob.area_px / board_px),
                photo=photo,
                box=box,
                area_px=area,
                note=f"{blob.mean:.0f} levels off the golden picture",
            )
        )
    return listed


def _ranked(listed: Sequence[Finding]) -> tuple[Finding, ...]:
    rank = {"high": 0, "medium": 1, "low": 2}
    return tuple(sorted(listed, key=lambda one: (rank[one.severity], -one.confidence, one.box.y_px, one.box.x_px)))


def _certainty(blob: Blob) -> float:
    """How surely the blob is a difference at all: grows with its strength in levels and with its size."""
    strength = (blob.peak - 12.0) / 18.0 + float(np.log(blob.area_px / 16.0)) * 0.5
    return float(1 / (1 + np.exp(-strength)))


def _in_photo(aligned: Aligned, blob: Blob, shape: tuple[int, ...]) -> tuple[Box, int]:
    left, top, _, _ = blob.box
    outlines, _ = cv2.findContours(blob.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    points = np.concatenate(outlines).reshape(-1, 2) + np.array((left, top))
    # A pixel is a square: its four corners, not its centre, bound what it covers.
    corners = np.concatenate([points + shift for shift in ((-0.5, -0.5), (0.5, -0.5), (-0.5, 0.5), (0.5, 0.5))])
    seen = project(aligned.to_photo, corners)
    x0, y0 = np.clip(np.floor(seen.min(0) + 0.5), 0, (shape[1] - 1, shape[0] - 1)).astype(int)
    x1, y1 = np.clip(np.ceil(seen.max(0) + 0.5), (x0 + 1, y0 + 1), (shape[1], shape[0])).astype(int)
    middle = points.mean(0)
    square = project(aligned.to_photo, middle + np.array([(0, 0), (1, 0), (0, 1)]))
    grown = abs(float(np.linalg.det(square[1:] - square[0])))
    box = Box(x_px=int(x0), y_px=int(y0), width_px=int(x1 - x0), height_px=int(y1 - y0))
    return box, round(blob.area_px * grown)


def _problem(code: str, advice: str, measured: float, limit: float) -> ImageProblem:
    return ImageProblem(code=code, advice=advice, measured=measured, limit=limit)
