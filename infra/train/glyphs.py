"""Trains the shipped reader of glyphs on drawn letters. ``python -m infra.train.glyphs`` writes it with its card."""

import hashlib
import logging
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from infra.train.glyph_fonts import TRAINED, letter
from processors.vision.markings.glyphs import ALPHABET, DEFAULT, NONE, SIZE, Glyphs, patch

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is drawn and how it is learnt."""

    samples: int = 50_000
    hidden: int = 192
    rounds: int = 12
    batch: int = 256
    rate: float = 2e-3
    decay: float = 1e-5
    none_share: float = 0.16
    seed: int = 1


def draw(count: int, none_share: float, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return patches (N, 24, 18) float32 of drawn glyphs, as they come out of a cut, and their classes (N,)."""
    rng = np.random.default_rng(seed)
    seen, classes = np.zeros((count, *SIZE), np.float32), np.zeros(count, np.int64)
    for i in range(count):
        if rng.random() < none_share:
            seen[i], classes[i] = patch(_spoilt(rng)), NONE
        else:
            kind = int(rng.integers(NONE))
            seen[i], classes[i] = patch(_worn(_glyph(ALPHABET[kind], rng), rng)), kind
    return seen, classes


def train(plan: Plan) -> tuple[Glyphs, float]:
    """Learn from drawn glyphs.

    Returns:
        The reader, and the share of other drawings of the same faces that it names rightly.
    """
    seen, classes = draw(plan.samples, plan.none_share, plan.seed)
    glyphs = _learn(seen.reshape(len(seen), -1), classes, plan)
    unseen, truth = draw(max(500, plan.samples // 12), plan.none_share, plan.seed + 1)
    right = float(np.mean(glyphs.log_shares(unseen).argmax(1) == truth))
    return glyphs, right


def _glyph(character: str, rng: np.random.Generator) -> NDArray[Any]:
    """Return a character's ink with a margin, of its own height, width, slant, turn and stroke."""
    face = TRAINED[int(rng.integers(len(TRAINED)))]
    ink = _weighted(letter(face, character), character, rng)
    height = int(rng.integers(10, 46))
    ratio = ink.shape[1] / ink.shape[0] * rng.uniform(0.72, 1.2)
    size = max(3, round(height * ratio)), height
    room = max(4, height // 3)
    turn, slant = np.deg2rad(rng.normal(0, 2.6)), rng.normal(0, 0.05)
    sx, sy = size[0] / ink.shape[1], size[1] / ink.shape[0]
    if min(sx, sy) < 0.5:
        ink = cv2.GaussianBlur(ink, (0, 0), 0.35 / min(sx, sy))
    cos, sin = np.cos(turn), np.sin(turn)
    shape = np.array([[cos, -sin + slant], [sin, cos]]) @ np.diag([sx, sy])
    out = size[0] + 2 * room, size[1] + 2 * room
    offset = np.array(out) / 2 - shape @ (np.array(ink.shape[::-1]) / 2)
    drawn = _bent(cv2.warpAffine(ink, np.column_stack([shape, offset]), out, flags=cv2.INTER_LINEAR), rng)
    stroke = rng.random()
    if stroke < 0.15 and height > 20:
        drawn = cv2.dilate(drawn, np.ones((2, 2), np.uint8))
    elif stroke > 0.9 and height > 24:
        drawn = cv2.erode(drawn, np.ones((2, 2), np.uint8))
    return drawn


def _weighted(ink: NDArray[Any], character: str, rng: np.random.Generator) -> NDArray[Any]:
    """Print thinner or fatter; a nought has a stroke or a dot in it as often as printers give it one."""
    size = int(rng.integers(1, 10))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    framed = np.pad(ink, 10)
    drawn: NDArray[Any] = cv2.dilate(framed, kernel) if rng.random() < 0.65 else framed
    if drawn is framed and rng.random() < 0.4 and cv2.erode(framed, kernel).max() > 0.9:
        thin = cv2.erode(framed, np.ones((min(size, 4), min(size, 4)), np.uint8))
        drawn = thin if np.count_nonzero(thin > 0.5) > 0.35 * np.count_nonzero(framed > 0.5) else framed
    if character == "0" and rng.random() < 0.35:
        height, width = drawn.shape
        drawn = drawn.copy()
        if rng.random() < 0.7:
            ends = (round(width * 0.3), round(height * 0.72)), (round(width * 0.7), round(height * 0.28))
            cv2.line(drawn, *ends, 1.0, int(rng.integers(5, 14)), cv2.LINE_AA)
        else:
            cv2.circle(drawn, (width // 2, height // 2), int(rng.integers(5, 10)), 1.0, -1, cv2.LINE_AA)
    return drawn


def _bent(ink: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    """Bend a glyph smoothly by a few hundredths of its height: no two typefaces draw the same curves."""
    height, width = ink.shape
    reach = rng.uniform(0, 0.026) * height
    dx, dy = (
        cv2.resize(rng.normal(0, reach, (4, 4)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
        for _ in range(2)
    )
    ys, xs = np.indices((height, width), np.float32)
    return np.asarray(cv2.remap(ink, xs + dx, ys + dy, cv2.INTER_LINEAR))


def _worn(ink: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    """Blur, noise, uneven print and what a threshold makes of the contrast."""
    worn: NDArray[Any] = cv2.GaussianBlur(ink, (0, 0), rng.uniform(0.3, 0.055 * ink.shape[0] + 0.35))
    worn = worn / max(float(worn.max()), 0.2)
    if rng.random() < 0.3:
        spots = cv2.resize(
            rng.uniform(0.45, 1, (4, 4)).astype(np.float32), worn.shape[::-1], interpolation=cv2.INTER_CUBIC
        )
        worn = worn * spots
    worn = worn + rng.normal(0, rng.uniform(0, 0.09), worn.shape)
    calm = cv2.GaussianBlur(worn.astype(np.float32), (0, 0), 0.5)
    return np.asarray(np.clip(calm * rng.uniform(0.85, 1.25), 0, 1))


def _spoilt(rng: np.random.Generator) -> NDArray[Any]:
    """Return what a wrong cut leaves: part of a glyph, two glyphs together, or dirt."""
    what = rng.random()
    a, b = (_glyph(ALPHABET[int(rng.integers(NONE))], rng) for _ in range(2))
    if what < 0.45:
        height = min(a.shape[0], b.shape[0])
        pair = np.hstack([_trim(one[:height]) for one in (a, b)])
        reach = rng.uniform(0.35, 0.75)
        start = int(rng.uniform(0, 1 - reach) * pair.shape[1])
        return _worn(pair[:, start : start + max(3, int(reach * pair.shape[1]))], rng)
    if what < 0.9:
        tight = _trim(a)
        share = rng.uniform(0.25, 0.62)
        width = max(2, int(share * tight.shape[1]))
        half = tight[:, :width] if rng.random() < 0.5 else tight[:, -width:]
        return _worn(np.pad(half, 3), rng)
    blot = cv2.GaussianBlur(rng.random((24, 20)).astype(np.float32), (0, 0), rng.uniform(1, 4))
    return np.asarray((blot - blot.min()) / (blot.max() - blot.min() + 1e-6))


def _trim(ink: NDArray[Any]) -> NDArray[Any]:
    columns = np.flatnonzero((ink > 0.3).any(0))
    return ink[:, columns[0] : columns[-1] + 1] if columns.size else ink


def _learn(rows: NDArray[Any], classes: NDArray[Any], plan: Plan) -> Glyphs:
    """Fit both layers by Adam (Kingma and Ba, 2015) on the cross entropy; the rate falls along a half cosine."""
    rng = np.random.default_rng(plan.seed)
    sizes = (rows.shape[1], plan.hidden, NONE + 1)
    layers = [
        np.vstack([rng.normal(0, np.sqrt(2 / a), (a, b)), np.zeros((1, b))]).astype(np.float32)
        for a, b in pairwise(sizes)
    ]
    first: list[NDArray[Any]] = [np.zeros_like(one) for one in layers]
    second: list[NDArray[Any]] = [np.zeros_like(one) for one in layers]
    steps = plan.rounds * (len(rows) // plan.batch)
    step = 0
    for number in range(plan.rounds):
        order, loss = rng.permutation(len(rows)), 0.0
        for chosen in np.split(order[: len(rows) // plan.batch * plan.batch], len(rows) // plan.batch):
            step += 1
            gradients, cost = _gradients(layers, rows[chosen], classes[chosen])
            loss += cost
            rate = plan.rate * 0.5 * (1 + np.cos(np.pi * step / steps))
            for i, gradient in enumerate(gradients):
                first[i] = 0.9 * first[i] + 0.1 * gradient
                second[i] = 0.999 * second[i] + 0.001 * gradient**2
                moved = first[i] / (1 - 0.9**step) / (np.sqrt(second[i] / (1 - 0.999**step)) + 1e-8)
                layers[i] -= (rate * (moved + plan.decay * layers[i])).astype(np.float32)
        log.info("round %d of %d: loss %.4f", number + 1, plan.rounds, loss / (len(rows) // plan.batch))
    return Glyphs(layers[0], layers[1])


def _gradients(
    layers: list[NDArray[Any]], rows: NDArray[Any], classes: NDArray[Any]
) -> tuple[list[NDArray[Any]], float]:
    inner = np.maximum(rows @ layers[0][:-1] + layers[0][-1], 0)
    scores = inner @ layers[1][:-1] + layers[1][-1]
    scores -= scores.max(1, keepdims=True)
    shares = np.exp(scores)
    shares /= shares.sum(1, keepdims=True)
    at = np.arange(len(rows))
    cost = float(-np.log(shares[at, classes] + 1e-9).mean())
    shares[at, classes] -= 1
    shares /= len(rows)
    back = (shares @ layers[1][:-1].T) * (inner > 0)
    return [
        np.vstack([rows.T @ back, back.sum(0)[None]]),
        np.vstack([inner.T @ shares, shares.sum(0)[None]]),
    ], cost


def main() -> None:
    """Train and write; takes about two minutes."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    plan = Plan()
    glyphs, right = train(plan)
    content = glyphs.to_bytes()
    DEFAULT.write_bytes(content)
    card = f"""# The shipped reader of glyphs

A network of {plan.hidden} hidden units over {SIZE[0]} x {SIZE[1]} points of ink; classes: `{ALPHABET}` and "no glyph".
Made by `python -m infra.train.glyphs` (seed {plan.seed}); SHA-256 `{hashlib.sha256(content).hexdigest()}`.

| | |
|---|---|
| trained on | {plan.samples} drawn glyphs of the faces {", ".join(TRAINED)} |
| right on other drawings of these faces | {right:.4f} |
| whole codes in faces it never saw | `markings_exact` of the vision benchmark |

Nothing third-party is in it but the shapes of the letters that OpenCV and PDFium draw.
"""
    DEFAULT.with_suffix(".md").write_text(card, "utf-8")


if __name__ == "__main__":
    main()
