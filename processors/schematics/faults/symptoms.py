"""What a customer or the bench says of a board, and how likely that is under each hypothesis."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

import numpy as np

from processors.schematics.faults.predict import Prediction
from processors.schematics.faults.readings import Floats
from schemas.suspects import BoardSymptom

Symptom = BoardSymptom
SYMPTOMS: tuple[Symptom, ...] = get_args(Symptom)
_STATES = ("most", "some", "line", "nothing")
_CHANCES: Mapping[str, tuple[float, float, float, float]] = {
    # What is down:      most  some  a line  nothing
    "dead":             (0.75, 0.12, 0.10, 0.08),
    "no_boot":          (0.60, 0.30, 0.35, 0.10),
    "partly_dead":      (0.15, 0.65, 0.35, 0.15),
    "bus_silent":       (0.04, 0.10, 0.60, 0.05),
    "works":            (0.02, 0.03, 0.06, 0.60),
    "intermittent":     (0.10, 0.15, 0.20, 0.30),
}  # fmt: skip
"""Our estimates of how often a bench hears each of them in each state. Symptoms that are not here are of one function:
they say what ``partly_dead`` says."""
_MISNAMED = 0.25
"""How often the function that a customer names hangs on something else than what is down."""
_MOST = 0.5


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is known before the first reading: a symptom, and chips whose functions are missed or are seen to work."""

    symptom: Symptom | None = None
    fails: tuple[str, ...] = ()
    works: tuple[str, ...] = ()


NOTHING_SAID = Complaint()


def complaint_weights(said: Prediction, complaint: Complaint) -> Floats:
    """Return the likelihood of a complaint under each hypothesis and sample; ones where nothing is said.

    Chips that need no supply of the board's say nothing.
    """
    weights = np.ones(said.volts.shape[:2])
    if complaint.symptom in {"draws_too_much", "hot"}:
        weights *= _current_weights(said)
    elif complaint.symptom is not None:
        chances = np.array(_CHANCES.get(complaint.symptom, _CHANCES["partly_dead"]))
        weights *= chances[_states(said)]
    for named, state in ((complaint.fails, said.affected), (complaint.works, 1 - said.affected)):
        count = np.maximum(state.sum(axis=2), 1.0)
        for ref in named:
            if ref in said.refs:
                mine = state[:, :, said.refs.index(ref)]
                weights *= (1 - _MISNAMED) * mine / count + _MISNAMED / len(said.refs)
    return weights


def _states(said: Prediction) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
    """Return what is down, as a place in ``_STATES``."""
    share = said.affected.mean(axis=2) if said.refs else np.zeros(said.volts.shape[:2])
    state = np.where(share > _MOST, 0, np.where(share > 0, 1, 3))
    # A reset that holds most chips is a dead board, whatever its rails say.
    return np.where((said.line_down > 0) & (state != 0), 2, state)


def _current_weights(said: Prediction) -> Floats:
    """Return 0.8 where a board takes three times what a good one of the same draw takes, 0.2 else."""
    if said.amps.shape[2] == 0:
        return np.ones(said.volts.shape[:2])
    total = np.abs(said.amps).sum(axis=2)
    return np.where(total > 3 * total[:1], 0.8, 0.2)
