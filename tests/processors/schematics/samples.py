"""Open-hardware projects with the netlists that KiCad makes of them, where the sample data are at hand."""

import csv
import os
from pathlib import Path

import pytest

from processors.schematics.model import Design
from processors.schematics.read import read_design

FOLDER = Path(os.environ.get("NOIZYLAB_SAMPLES") or "/nonexistent") / "schematics"
PROJECTS = list(csv.DictReader((FOLDER / "projects.csv").open())) if (FOLDER / "projects.csv").is_file() else []
needed = pytest.mark.skipif(not PROJECTS, reason="NOIZYLAB_SAMPLES is not set, or holds no schematics/")
names = [row["project"] for row in PROJECTS]


def load(path: str) -> Design:
    """Return the design of a sample, with the files beside it."""
    file = FOLDER / path

    def beside(name: str) -> bytes | None:
        found = file.parent / name
        return found.read_bytes() if found.is_file() else None

    return read_design(file.name, file.read_bytes(), beside)
