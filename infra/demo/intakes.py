"""The intakes of the demo: built in, or real photographs and complaints from a folder. Each is made when asked for."""

import csv
import hashlib
import json
import lzma
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.images.decode import ImageRefused, inspect_header
from infra.demo.boards import BOARD_NAMES, DefectKind, golden, photo, to_jpeg
from infra.demo.complaints import COMPLAINTS

DEFECTS: tuple[tuple[DefectKind, ...], ...] = (
    ("missing_part",),
    ("burn",),
    ("residue",),
    (),
    ("bridge", "residue"),
    ("open",),
    ("missing_part", "burn"),
    (),
)
WIDTH_PX = 1800
"""Width of a drawn photo."""


@dataclass(frozen=True, slots=True)
class DemoIntake:
    """One device that somebody brings: the form's fields, and photo files."""

    form: dict[str, Any]
    photos: tuple[bytes, ...]


def built_in_goldens() -> Iterator[tuple[str, bytes]]:
    """Yield the golden picture of each drawn board, by its model."""
    for name in BOARD_NAMES:
        yield name, to_jpeg(golden(name, WIDTH_PX))


def built_in_intakes(count: int, *, first: int = 0, seed: int = 1, width_px: int = WIDTH_PX) -> Iterator[DemoIntake]:
    """Yield ``count`` intakes from number ``first`` on: our complaints, and two photos each of a drawn board."""
    for number in range(first, first + count):
        complaint = COMPLAINTS[number % len(COMPLAINTS)]
        board = BOARD_NAMES[number % len(BOARD_NAMES)]
        defects = DEFECTS[number % len(DEFECTS)]
        shots = tuple(
            to_jpeg(photo(board, seed * 1000 + number * 2 + shot, width_px=width_px, defects=defects).picture)
            for shot in range(2)
        )
        form = _form(
            complaint.category, complaint.brand, complaint.text, complaint.language, complaint.name, board_model=board
        )
        yield DemoIntake(form, shots)


def sample_goldens(samples: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the golden pictures of a samples folder, by the name of their board."""
    for path in sorted((samples / "photos" / "pairs").glob("*.golden.jpg")):
        yield _board_of(path), path.read_bytes()


def sample_intakes(samples: Path, count: int, seed: int = 1) -> Iterator[DemoIntake]:
    """Yield intakes of real photographs and real complaints: golden pairs first, then single photographs.

    Raises:
        FileNotFoundError: the folder is not a samples folder; names what is missing.
    """
    pairs = json.loads((samples / "photos" / "pairs.json").read_text())["pairs"]
    tests = [samples / "photos" / pair["test"] for pair in pairs]
    singles = [path for path in sorted((samples / "photos" / "boards").glob("*.jpg")) if _large_enough(path)]
    told = sample_complaints(samples, count, seed)
    for number in range(count):
        category, brand, text = told[number]
        if number < len(tests):
            shots = (tests[number], singles[number % len(singles)])
            board = _board_of(tests[number])
        else:
            first = (number - len(tests)) * 2
            shots = (singles[first % len(singles)], singles[(first + 1) % len(singles)])
            board = None
        form = _form(category, brand, text, None, f"Customer {number + 1}", board_model=board)
        yield DemoIntake(form, tuple(path.read_bytes() for path in shots))


def sample_complaints(samples: Path, count: int, seed: int = 1) -> list[tuple[str, str, str]]:
    """Return real complaints (category, brand, text) of electronic devices, chosen by seed."""
    with lzma.open(samples / "repairs" / "repairs_before_2024.csv.xz", "rt", encoding="utf-8") as file:
        rows = [
            (_CATEGORIES[row["product_category"]], row["brand"][:60], _printable(row["problem"]))
            for row in csv.DictReader(file)
            if row["product_category"] in _CATEGORIES and 15 <= len(row["problem"]) <= 2000
        ]
    chosen = random.Random(seed).choices(rows, k=count)  # noqa: S311 - a sample, not a secret
    return [(category, "" if brand.lower() == "unknown" else brand, text) for category, brand, text in chosen]


_CATEGORIES = {
    "Laptop": "laptop",
    "Desktop computer": "desktop",
    "Mobile": "mobile",
    "Tablet": "tablet",
    "Printer/scanner": "printer",
    "Vacuum": "vacuum",
    "Hi-Fi integrated": "audio",
    "Hi-Fi separates": "audio",
    "Portable radio": "audio",
    "Flat screen": "tv",
    "Games console": "console",
    "Digital compact camera": "camera",
    "DSLR/video camera": "camera",
    "Musical instrument": "musical_instrument",
}


def _large_enough(path: Path) -> bool:
    """Whether the edge would take the photo: one that it refuses is shot again at the counter."""
    try:
        inspect_header(path.read_bytes())
    except ImageRefused:
        return False
    return True


def _board_of(path: Path) -> str:
    return path.name.split(".")[0]


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable() or character in "\n\t").strip()


def _form(
    category: str, brand: str, text: str, language: str | None, name: str, *, board_model: str | None
) -> dict[str, Any]:
    mailbox = hashlib.sha256(f"{name}{text}".encode()).hexdigest()[:10]
    return {
        "device": {
            "category": category,
            "brand": brand,
            "model": "",
            "board_model": board_model,
            "lock_state": "unlocked"
            if category in {"laptop", "mobile", "tablet", "desktop", "console"}
            else "not_applicable",
        },
        "complaint": text,
        "language": language,
        "customer": {"name": name, "mail": f"{mailbox}@customers.example", "language": language or "en"},
        "channel": "kiosk",
        "consent_version": "2026-01",
    }
