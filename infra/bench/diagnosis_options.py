"""What every section of ``noizylab bench diagnosis`` is told."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """``designs`` is a folder of design files; without it boards are drawn. ``repairs`` and ``labels`` are records."""

    seed: int = 1
    cases: int = 600
    designs: Path | None = None
    repairs: Path | None = None
    labels: Path | None = None
