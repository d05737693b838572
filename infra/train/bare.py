"""Trains the classifier of bare-board defects from labelled and from drawn pairs, and says how good it is.

The threshold and every figure come from cross-validation over boards: each board is judged by a model that saw none of
its pairs. The same pairs and seed give the same model.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.train.bare_boards import draw_pair
from infra.train.boost import BoostPlan, fit_classes, fit_values
from processors.vision.bare.candidates import Candidate, candidates
from processors.vision.bare.detect import MAX_DISAGREEMENT, inspect_bare
from processors.vision.bare.features import features
from processors.vision.bare.kinds import KINDS, Detection, Mark, Mask, copper
from processors.vision.bare.locate import locate
from processors.vision.bare.model import FALSE_ALARM, BareModel
from processors.vision.bare.pairs import Pair, read_grey
from processors.vision.bare.score import Pictures, Rates, mean_average_precision, rates

Array = NDArray[Any]
Progress = Callable[[str], None]

DRAWN = "drawn"
"""The board that drawn pairs count as. It is never left out: it is there to teach what real boards are short of."""
EXTRA_COPPER = ("short", "spur", "spurious_copper")
_SLACK_PX = 3.0
_HELD_SHARE = 0.5
_TELL_EVERY = 100
_THRESHOLDS = tuple(round(0.2 + 0.05 * step, 2) for step in range(14))
_UNTRIED_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class TrainPlan:
    """How to train. Depth, rounds and weight were chosen by cross-validation over the four development boards."""

    seed: int = 1
    drawn: int = 1000
    drawn_weight: float = 0.5
    kinds: BoostPlan = field(default_factory=lambda: BoostPlan(rounds=150, depth=3, min_weight=1.0))
    edges: BoostPlan = field(default_factory=lambda: BoostPlan(rounds=50, depth=3, min_weight=5.0))


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One pair, measured: its candidates' rows and labels (N,), wanted edges (N, 4; NaN for false alarms), marks."""

    board: str
    marks: tuple[Mark, ...]
    shape: tuple[int, int]
    found: tuple[Candidate, ...]
    rows: Array
    labels: Array
    edges: Array


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A model and its figures: of cross-validation as a whole and by board (None and none with a single board)."""

    model: BareModel
    figures: dict[str, float] | None
    boards: dict[str, dict[str, float]]
    counts: dict[str, int]


def train(pairs: Sequence[Pair], plan: TrainPlan, tell: Progress) -> Trained:
    """Measure the pairs, draw more, cross-validate over the boards, and fit all of it once more."""
    real = measure_pairs(pairs, tell)
    drawn = draw_examples(plan, tell)
    boards = sorted({one.board for one in real})
    threshold, figures = _UNTRIED_THRESHOLD, None
    by_board: dict[str, dict[str, float]] = {}
    if len(boards) > 1:
        threshold, figures, by_board = _cross_validate(real, drawn, boards, plan, tell)
    elif real:
        tell(f"one board only ({boards[0]}): no cross-validation; the threshold stays at {threshold}")
    else:
        threshold, figures = _drawn_threshold(drawn, plan, tell)
    tell("fitting the model on everything")
    model = _fit([*real, *drawn], plan, threshold)
    counts = {"pairs": len(real), "boards": len(boards), "drawn": len(drawn)}
    counts |= {kind: sum(mark.kind == kind for one in real for mark in one.marks) for kind in KINDS}
    return Trained(model, figures, by_board, counts)


def measure_pairs(pairs: Sequence[Pair], tell: Progress) -> list[Example]:
    """Read and measure labelled pairs."""
    listed = []
    for number, pair in enumerate(pairs, 1):
        template, tested = (copper(read_grey(path)) for path in (pair.template, pair.tested))
        listed.append(example(pair.board, template, tested, pair.marks))
        if number % _TELL_EVERY == 0 or number == len(pairs):
            tell(f"measured {number} of {len(pairs)} pairs")
    return listed


def draw_examples(plan: TrainPlan, tell: Progress) -> list[Example]:
    """Draw and measure as many pairs as planned; one in eight is without defects."""
    listed = []
    for number in range(plan.drawn):
        pair = draw_pair(plan.seed, number, defects=0 if number % 8 == 7 else None)
        listed.append(example(DRAWN, pair.template, pair.tested, pair.marks))
        if (number + 1) % _TELL_EVERY == 0 or number + 1 == plan.drawn:
            tell(f"drew and measured {number + 1} of {plan.drawn} boards")
    return listed


def example(board: str, template: Mask, tested: Mask, marks: Sequence[Mark]) -> Example:
    """Measure one pair. A candidate gets the kind of the mark that it lies in; of several, the largest one gets it."""
    located = locate(template, tested)
    found = candidates(located) if located.disagreement <= MAX_DISAGREEMENT else []
    labels, edges = _labelled(found, marks)
    shape = (tested.shape[0], tested.shape[1])
    return Example(board, tuple(marks), shape, tuple(found), features(found, shape), labels, edges)


def _labelled(found: Sequence[Candidate], marks: Sequence[Mark]) -> tuple[Array, Array]:
    labels = np.full(len(found), FALSE_ALARM)
    edges = np.full((len(found), 4), np.nan)
    largest: dict[int, tuple[int, int]] = {}
    for index, one in enumerate(found):
        held = [_held(one, mark) for mark in marks]
        best = int(np.argmax(held)) if held else -1
        if best < 0 or held[best] <= _HELD_SHARE or one.extra != (marks[best].kind in EXTRA_COPPER):
            continue
        largest[best] = max(largest.get(best, (0, 0)), (int(np.count_nonzero(one.blob)), index))
    for mark_index, (_, index) in largest.items():
        mark = marks[mark_index]
        labels[index] = KINDS.index(mark.kind)
        edges[index] = np.array((mark.left, mark.top, mark.right, mark.bottom)) - found[index].box
    return labels, edges


def _held(one: Candidate, mark: Mark) -> float:
    """Return the share of the candidate's box that lies in the mark's."""
    left, top, right, bottom = one.box
    width = min(right, mark.right + _SLACK_PX) - max(left, mark.left - _SLACK_PX)
    height = min(bottom, mark.bottom + _SLACK_PX) - max(top, mark.top - _SLACK_PX)
    return max(0.0, width) * max(0.0, height) / ((right - left) * (bottom - top))


def _fit(examples: Sequence[Example], plan: TrainPlan, threshold: float) -> BareModel:
    rows = np.concatenate([one.rows for one in examples])
    labels = np.concatenate([one.labels for one in examples])
    edges = np.concatenate([one.edges for one in examples])
    weights = np.concatenate([_weights(one, plan) for one in examples])
    kinds = fit_classes(rows, labels, len(KINDS) + 1, plan.kinds, plan.seed, weights)
    # How much room people leave is a habit: where people marked, drawn marks have no say in it.
    marked = (labels < FALSE_ALARM) & (weights == weights.max())
    return BareModel(kinds, fit_values(rows[marked], edges[marked], plan.edges, plan.seed, clip=4.0), threshold)


def _weights(one: Example, plan: TrainPlan) -> Array:
    return np.full(len(one.labels), plan.drawn_weight if one.board == DRAWN else 1.0)


def _cross_validate(
    real: Sequence[Example], drawn: Sequence[Example], boards: Sequence[str], plan: TrainPlan, tell: Progress
) -> tuple[float, dict[str, float], dict[str, dict[str, float]]]:
    judged: dict[str, list[tuple[Example, list[list[Detection]]]]] = {}
    for board in boards:
        model = _fit([*(one for one in real if one.board != board), *drawn], plan, _UNTRIED_THRESHOLD)
        own = [one for one in real if one.board == board]
        judged[board] = [(one, model.hypotheses(one.found, one.shape)) for one in own]
        tell(f"cross-validation: {board}, {len(own)} pairs, F {_best([*judged[board]])[1].f:.4f} at its own best")
    every = [pair for board in boards for pair in judged[board]]
    threshold, _ = _best(every)
    return threshold, _figures(every, threshold), {board: _figures(judged[board], threshold) for board in boards}


def _drawn_threshold(drawn: Sequence[Example], plan: TrainPlan, tell: Progress) -> tuple[float, dict[str, float]]:
    """Without labelled pairs: two halves of the drawn ones judge each other."""
    judged = []
    for half in (0, 1):
        model = _fit(drawn[half::2], plan, _UNTRIED_THRESHOLD)
        judged += [(one, model.hypotheses(one.found, one.shape)) for one in drawn[1 - half :: 2]]
        tell(f"cross-validation: half {half + 1} of the drawn boards")
    threshold, _ = _best(judged)
    return threshold, _figures(judged, threshold)


Judged = Sequence[tuple[Example, list[list[Detection]]]]


def _decided(judged: Judged, threshold: float) -> Pictures:
    return [
        (one.marks, [each[0] for each in named if each and sum(kind.confidence for kind in each) >= threshold])
        for one, named in judged
    ]


def _best(judged: Judged) -> tuple[float, Rates]:
    """Return the threshold with the greatest F; of equals the one nearest to a half."""
    tried = [(threshold, rates(_decided(judged, threshold))) for threshold in _THRESHOLDS]
    return max(tried, key=lambda pair: (round(pair[1].f, 4), -abs(pair[0] - 0.5)))


def _figures(judged: Judged, threshold: float) -> dict[str, float]:
    every = [(one.marks, [kind for each in named for kind in each]) for one, named in judged]
    return summary(_decided(judged, threshold), every)


def summary(decided: Pictures, every: Pictures) -> dict[str, float]:
    """Return the figures of what was called defects (precision, recall, f) and of every hypothesis (map33, map50)."""
    counted = rates(decided)
    return {
        "images": len(decided),
        "precision": round(counted.precision, 4),
        "recall": round(counted.recall, 4),
        "f": round(counted.f, 4),
        "map33": round(mean_average_precision(every, 0.33), 4),
        "map50": round(mean_average_precision(every, 0.5), 4),
    }


def inspected(pairs: Sequence[Pair], model: BareModel) -> tuple[Pictures, Pictures]:
    """Inspect pairs from their files; return what was called defects, and every hypothesis, of each picture."""
    decided: list[tuple[Sequence[Mark], Sequence[Detection]]] = []
    every: list[tuple[Sequence[Mark], Sequence[Detection]]] = []
    for pair in pairs:
        result = inspect_bare(read_grey(pair.template), read_grey(pair.tested), model)
        decided.append((pair.marks, result.defects))
        every.append((pair.marks, result.hypotheses))
    return decided, every
