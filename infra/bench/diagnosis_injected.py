"""Injected faults: boards with a fault that nobody sees, diagnosed with at most six readings, scored by class."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from infra.bench.diagnosis_boards import boards_in, drawn_boards
from infra.bench.diagnosis_options import Options
from processors.schematics.faults.diagnose import SURE, Diagnoser
from processors.schematics.faults.hypotheses import FaultKind
from processors.schematics.faults.readings import Floats, Measured
from processors.schematics.faults.simulated import SimulatedBoard
from processors.schematics.faults.symptoms import NOTHING_SAID

MOST_READINGS = 6
INJECTED: tuple[FaultKind, ...] = ("short", "open", "dead_regulator", "no_enable", "no_pull_up")
NO_FAULT = 0.10
DEVELOPED_ON = frozenset({
    "buspirate5_rev10a", "buspirate6_rev2b", "gb_DMG-CPU-06", "pic_programmer", "flat_hierarchy", "tiny_tapeout",
    "video",
})  # fmt: skip
"""Boards that were looked at while the diagnosis was made, never scored. Revisions of a board are on one side."""
DRAWN_FROM = 10_000
"""Drawn boards of the score have numbers from here on; those below were used for development."""
DRAWN = 20


@dataclass(frozen=True, slots=True)
class Case:
    """One diagnosis: what was in the board, the rank of its class from 1, the readings, and the probability given."""

    kind: FaultKind
    board: str
    rank: int
    rank_alone: int
    readings: int
    chance: float
    members: int
    sure: bool
    minutes: float


def run(options: Options, say: Callable[[str], None]) -> dict[str, Any]:
    """Return ``injected``: top1, top3, measurements, and by fault and by board; the first and third by class."""
    if options.designs is None:
        boards = drawn_boards(range(DRAWN_FROM + options.seed * DRAWN, DRAWN_FROM + (options.seed + 1) * DRAWN))
    else:
        found = boards_in(options.designs)
        boards = {name: index for name, index in found.items() if name not in DEVELOPED_ON} or found
    say(f"{options.cases} faults into {len(boards)} boards")
    diagnosers = {name: Diagnoser(index, seed=options.seed) for name, index in boards.items()}
    result = summary(list(play(diagnosers, options.cases, options.seed)))
    say("the same with nothing said of what fails")
    silent = summary(list(play(diagnosers, options.cases // 2, options.seed + 1, complaints=False)))
    result["without_complaint"] = {name: silent[name] for name in ("top1", "top3", "measurements", "cases")}
    return {"injected": result}


def play(diagnosers: Mapping[str, Diagnoser], cases: int, seed: int, complaints: bool = True) -> Iterator[Case]:
    """Yield the cases: a kind, then a board with room for it, then a place, all by chance.

    Raises:
        ValueError: no board has room for a fault.
    """
    rng = np.random.default_rng([seed, 77])
    room: dict[FaultKind, list[tuple[str, int]]] = defaultdict(list)
    for name, one in diagnosers.items():
        for number, fault in enumerate(one.hypotheses):
            room[fault.kind].append((name, number))
    kinds = [kind for kind in INJECTED if room[kind]]
    if not kinds:
        raise ValueError("no board has room for a fault: give schematics or boards that carry the supply")
    for _ in range(cases):
        kind: FaultKind = "none" if rng.random() < NO_FAULT else kinds[int(rng.integers(len(kinds)))]
        names = sorted({name for name, _ in room[kind]})
        name = names[int(rng.integers(len(names)))]
        places = [number for board, number in room[kind] if board == name]
        yield _case(diagnosers[name], name, places[int(rng.integers(len(places)))], rng, complaints)


def _case(one: Diagnoser, name: str, fault: int, rng: np.random.Generator, complaints: bool) -> Case:
    board = SimulatedBoard(one.index, one.supply, one.hypotheses[fault], rng)
    complaint = board.complaint() if complaints else NOTHING_SAID
    readings: list[Measured] = []
    belief = one.belief(readings, complaint)
    while len(readings) < MOST_READINGS and one.posterior(belief).max() < SURE:
        spot = one.next_spot(belief, [reading.spot for reading in readings])
        if spot is None:
            break
        readings.append(board.measure(spot))
        belief = one.belief(readings, complaint)
    chances, truth = one.posterior(belief), int(one.class_of[fault])
    return Case(
        one.hypotheses[fault].kind, name, rank_of(chances, truth), rank_of(belief.sum(axis=1), fault), len(readings),
        float(chances.max()), len(one.classes[truth]), bool(chances.max() >= SURE),
        sum(reading.spot.minutes for reading in readings),
    )  # fmt: skip


def rank_of(chances: Floats, truth: int) -> int:
    """Return the place of the truth, from 1. What is as likely counts as before it: a tie is no answer."""
    return int((chances >= chances[truth]).sum())


def summary(cases: list[Case]) -> dict[str, Any]:
    """Return the figures. ``top1_alone`` counts only the fault itself, not its class: what merging does not give."""
    by_fault, by_board = defaultdict(list), defaultdict(list)
    for case in cases:
        by_fault[case.kind].append(case)
        by_board[case.board].append(case)
    return {
        **_figures(cases),
        "top1_alone": _share(cases, lambda case: case.rank_alone == 1),
        "class_size_mean": round(float(np.mean([case.members for case in cases])), 2),
        "minutes_mean": round(float(np.mean([case.minutes for case in cases])), 2),
        "confidence_mean": round(float(np.mean([case.chance for case in cases])), 3),
        "sure_and_right": _share([case for case in cases if case.sure], lambda case: case.rank == 1),
        "cases": len(cases),
        "by_fault": {kind: _figures(some) for kind, some in sorted(by_fault.items())},
        "by_board": {name: _figures(some) for name, some in sorted(by_board.items())},
        "readings": dict(sorted(Counter(case.readings for case in cases).items())),
    }


def _figures(cases: list[Case]) -> dict[str, Any]:
    return {
        "top1": _share(cases, lambda case: case.rank == 1),
        "top3": _share(cases, lambda case: case.rank <= 3),
        "measurements": round(float(np.mean([case.readings for case in cases])), 2),
        "cases": len(cases),
    }


def _share(cases: list[Case], holds: Callable[[Case], bool]) -> float:
    return round(sum(holds(case) for case in cases) / len(cases), 3) if cases else 0.0
