"""What a shop's own outcomes ask of the next model."""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from processors.brain.diagnostician import engine_name
from processors.brain.faultmodel import FaultModel


def shop_temperature(report: Mapping[str, Any], replaced: Path) -> float:
    """Return what the log-odds of the next model's first family are to be divided by.

    ``report`` is that of ``noizylab brain calibration --json``, ``replaced`` the artefact that answered till now: only
    its own outcomes count. They ask for a temperature on top of the one that it was cooled by already.

    Raises:
        ValueError: no ``faults.npz`` there, the report does not know that model, or has too few outcomes of it; says
            what to do.
    """
    if not replaced.exists():
        raise ValueError(f"{replaced}: no such model; give the folder of the model that made the outcomes as OUT")
    stored = replaced.read_bytes()
    name = engine_name(stored)
    found = report["temperatures"].get(name)
    if found is None:
        raise ValueError(
            f"the report has no temperature of {name}, which is {replaced}: {report['least_outcomes']} outcomes of it "
            "are needed, which noizylab brain calibration counts; train without --calibration until then"
        )
    with np.load(BytesIO(stored), allow_pickle=False) as arrays:
        before = FaultModel.from_arrays({name: arrays[name] for name in arrays.files}).cooled_by
    return float(found * before)
