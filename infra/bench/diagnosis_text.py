"""The words of ``noizylab bench diagnosis``: fault families from complaints, chance of success, time of an answer.

A fifth of the labelled texts (by a keyed hash of their words, :func:`infra.train.repairs.is_held_back`) is kept from
training; the classifier is trained on the other four fifths by the code that trains the shipped one, and scored on the
fifth. The chance of success is trained on all years but the last of the given rows and scored on the last.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from infra.bench.diagnosis_options import Options
from infra.train.brain import fit_model, measure
from infra.train.repairs import LabelledText, labelled_texts, outcomes
from infra.train.success import last_year
from processors.brain.diagnostician import Diagnostician
from schemas.devices import Device
from schemas.diagnoses import DiagnoseFault

TIMED = 400
"""Complaints whose answers are timed."""


def run(options: Options, say: Callable[[str], None]) -> dict[str, Any]:
    """Return ``text`` (accuracy of ``mobiles`` and ``laptops``), ``ece`` over all label files, ``success_auc``, and
    ``offline_ms_p95``; ``details`` hold what stands behind them. Without records: nothing.

    Raises:
        FileNotFoundError: the table or a label file is missing; says which.
    """
    if options.repairs is None or options.labels is None:
        say("no records are given (--repairs, --labels): complaints and the chance of success are not scored")
        return {}
    rows = labelled_texts(options.labels)
    known = [row for row in rows if not row.held_back]
    say(f"training the classifier on {len(known)} texts; {len(rows) - len(known)} are held back")
    model = fit_model(known)
    figures = measure(model, rows)
    say("training the chance of success on the years before the last")
    records = list(outcomes(options.repairs))
    ends = {
        "stripped": last_year(records, rows),
        "unstripped": last_year(records, rows, strip=False),
    }
    say(f"timing {TIMED} whole diagnoses")
    return {
        "text": {
            "mobiles": round(figures["mobifix"]["accuracy"], 4),
            "laptops": round(figures["compcat_laptops"]["accuracy"], 4),
        },
        "ece": round(figures["all"]["ece"], 4),
        "success_auc": ends["stripped"]["auc"],
        "offline_ms_p95": offline_ms_p95([row for row in rows if row.held_back][:TIMED]),
        "details": {"text": figures, "success": ends},
    }


def offline_ms_p95(rows: Sequence[LabelledText]) -> float:
    """Return the 95th percentile of the time that the shipped engine takes for a whole diagnosis, in ms, cold words
    included."""
    engine = Diagnostician.shipped()
    times = []
    for number, row in enumerate(rows):
        device = Device(category=row.category, brand=row.brand[:60], age_years=row.age_years)
        said = "".join(sign if sign.isprintable() else " " for sign in row.text)
        question = DiagnoseFault(ticket_id=f"T-{number:08d}", device=device, complaint=said)
        started = time.perf_counter()
        engine.offline(question)
        times.append(time.perf_counter() - started)
    return round(float(np.percentile(times, 95)) * 1000, 2) if times else 0.0
