"""Open repair records as training rows: where the files are, what their labels mean here.

Data: "Open Repair Data by the Open Repair Alliance (The Restart Project, anstiftung, Repair Café International,
Repair Café Denmark, Repair Café Wales)", CC BY-SA 4.0. Everything computed from it carries the same licence.
"""

import csv
import io
import lzma
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from zlib import crc32

from processors.brain.text import words_of

ATTRIBUTION = (
    "Open Repair Data by the Open Repair Alliance "
    "(The Restart Project, anstiftung, Repair Café International, Repair Café Denmark, Repair Café Wales)"
)
LICENCE = "CC BY-SA 4.0, https://creativecommons.org/licenses/by-sa/4.0/"
UNCLEAR = "unclear"
"""The class of texts that volunteers could not label: it teaches the model what a useless text looks like."""
FOLDS = 5
HELD_BACK_SALT = b"held back: "

_BATTERY = re.compile(r"batt|akku|accu|\bpile")
_COMPUTER = {
    "Boot": "boot",
    "Case/chassis": "housing",
    "Configuration": "software",
    "Integrated keyboard": "keyboard",
    "Integrated pointing device": "keyboard",
    "Integrated screen": "screen",
    "Integrated optical drive": "optical_drive",
    "Internal damage": "system_board",
    "Internal storage": "storage",
    "Operating system": "software",
    "Overheating": "overheating",
    "Performance": "performance",
    "Ports/slots/connectors": "charging_port",
    "Power/battery": "power",
    "System board": "system_board",
    "Unknown": UNCLEAR,
    "Virus/malware": "software",
}
_POCKET = {
    "Access issue": "software",
    "Bluetooth": "network",
    "Camera": "camera",
    "Charger": "cable",
    "External damage": "housing",
    "Headphone jack": "audio_jack",
    "Help/configuration": "software",
    "Internal damage": "system_board",
    "Liquid damage": "liquid",
    "Memory card slot": "card_slot",
    "Microphone": "microphone",
    "On/Off button": "button",
    "Other buttons": "button",
    "Performance": "performance",
    "Poor data": UNCLEAR,
    "Power/battery": "power",
    "Screen": "screen",
    "Sim card slot": "card_slot",
    "Software issue": "software",
    "Software update": "software",
    "Speaker/amplifier": "speaker",
    "Storage problem": "storage",
    "Stuck booting": "boot",
    "USB/charging port": "charging_port",
    "Unknown": UNCLEAR,
    "Volume buttons": "button",
}
_PRINTER = {
    "Card reader": "card_slot",
    "Configuration": "software",
    "Control buttons": "button",
    "Display panel": "screen",
    "External damage": "housing",
    "Imaging unit/drum": "print_head",
    "Ink cartridge": "ink_supply",
    "Internal damage": "system_board",
    "Paper feed": "paper_feed",
    "Paper output": "paper_feed",
    "Power supply/connectors": "power",
    "Print quality": "print_head",
    "Printhead cleaning": "print_head",
    "Printhead failure": "print_head",
    "Software issue/update": "software",
    "Toner": "ink_supply",
    "USB port/cable": "charging_port",
    "Unknown": UNCLEAR,
    "Vendor lock-in": "ink_supply",
    "Waste toner/ink box": "ink_supply",
    "WiFi": "network",
}
_VACUUM = {
    "Accessories/attachments": "attachment",
    "Blockage": "blockage",
    "Brush": "attachment",
    "Button/switch": "button",
    "Cable/cord": "cable",
    "Display/LED": "screen",
    "Dustbag/canister": "attachment",
    "External damage": "housing",
    "Filter": "blockage",
    "Hose/tube/pipe": "attachment",
    "Internal damage": "system_board",
    "Liquid damage": "liquid",
    "Motor": "motor",
    "Overheating": "overheating",
    "Poor data": UNCLEAR,
    "Power/battery": "power",
    "Wheels/rollers": "housing",
}
LABEL_FILES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "compcat_laptops": ("laptop", _COMPUTER),
    "compcat_desktops": ("desktop", _COMPUTER),
    "mobifix": ("mobile", _POCKET),
    "tabicat": ("tablet", _POCKET),
    "printcat": ("printer", _PRINTER),
    "dustup": ("vacuum", _VACUUM),
}
"""Label file -> device category and family of each label. Labels that are not listed (Other, Multiple, Scanner,
Integrated media component) name no one family: their rows are left out."""

PRODUCT_CATEGORIES: Mapping[str, str] = {
    "Laptop": "laptop",
    "Desktop computer": "desktop",
    "Mobile": "mobile",
    "Tablet": "tablet",
    "Printer/scanner": "printer",
    "Vacuum": "vacuum",
    "Hi-Fi integrated": "audio",
    "Hi-Fi separates": "audio",
    "Headphones": "audio",
    "Portable radio": "audio",
    "Flat screen": "tv",
    "Games console": "console",
    "Digital compact camera": "camera",
    "DSLR/video camera": "camera",
    "Musical instrument": "musical_instrument",
    **dict.fromkeys(
        (
            "Aircon/dehumidifier", "Coffee maker", "Fan", "Food processor", "Hair & beauty item", "Hair dryer", "Iron",
            "Kettle", "Large home electrical", "Paper shredder", "Power tool", "Sewing machine",
            "Small home electrical", "Small kitchen item", "Toaster",
        ),
        "appliance",
    ),
}  # fmt: skip
"""The records' product category -> device category; everything else is ``other``."""


@dataclass(frozen=True, slots=True)
class LabelledText:
    """One labelled record.

    ``fold`` is 0..4; ``held_back`` marks the fifth that is for scoring alone. Both are hashes of the normalised text,
    independent of each other, so no text stands on both sides of a split. ``date`` is ISO, empty where unknown.
    """

    file: str
    category: str
    family: str
    text: str
    fold: int
    fixed: bool | None
    held_back: bool = False
    brand: str = ""
    age_years: float | None = None
    date: str = ""


def labelled_texts(labels: Path, files: tuple[str, ...] = tuple(LABEL_FILES)) -> list[LabelledText]:
    """Return the labelled rows with a text and a usable label, in file order. ``labels`` is the folder of label files.

    Raises:
        FileNotFoundError: ``labels`` has no ``<file>.csv``.
    """
    found = []
    for file in files:
        category, mapping = LABEL_FILES[file]
        for row in _rows(labels / f"{file}.csv"):
            family, text = mapping.get(row["fault_type"]), row["problem"].strip()
            if family is None or not text:
                continue
            if row["fault_type"] == "Power/battery" and _BATTERY.search(text.casefold()):
                family = "battery"
            found.append(
                LabelledText(
                    file=file,
                    category=category,
                    family=family,
                    text=text,
                    fold=crc32(normal(text)) % FOLDS,
                    fixed=_fixed(row["repair_status"]),
                    held_back=is_held_back(text),
                    brand=_brand(row["brand"]),
                    age_years=_age_years(row),
                    date=row["event_date"],
                )
            )
    return found


def normal(text: str) -> bytes:
    """Return the words of a text as the splits hash them."""
    return " ".join(words_of(text)).encode()


def is_held_back(text: str) -> bool:
    """Return whether a text belongs to the fifth for scoring: a salted BLAKE2b, no function of ``fold``."""
    return salted_fold(text, HELD_BACK_SALT) == 0


def salted_fold(text: str, salt: bytes) -> int:
    """Return the fold of a text, 0..4, by its normalised words; another salt gives another split."""
    return int.from_bytes(blake2b(salt + normal(text), digest_size=8).digest(), "big") % FOLDS


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """What became of one recorded repair. ``age_years`` is None when it is not known, ``date`` is ISO."""

    category: str
    age_years: float | None
    fixed: bool
    brand: str = ""
    text: str = ""
    date: str = ""


def outcomes(repairs: Path) -> Iterator[OutcomeRow]:
    """Yield the records of the big table, plain or packed by xz, whose outcome is known."""
    opened = lzma.open if repairs.suffix == ".xz" else open
    with opened(repairs, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            fixed = _fixed(row["repair_status"])
            if fixed is not None:
                category = PRODUCT_CATEGORIES.get(row["product_category"], "other")
                yield OutcomeRow(
                    category, _age_years(row), fixed, _brand(row["brand"]), row["problem"], row["event_date"]
                )


def _rows(path: Path) -> Iterator[dict[str, str]]:
    return csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline=""))


def _fixed(status: str) -> bool | None:
    return None if status == "Unknown" else status == "Fixed"


def _brand(written: str) -> str:
    return "" if written.casefold() == "unknown" else written.strip()


def _age_years(row: Mapping[str, str]) -> float | None:
    made, event = row.get("year_of_manufacture") or "", row["event_date"][:4]
    if not (made.isdigit() and event.isdigit()):
        return None
    age = int(event) - int(made)
    return float(age) if 0 <= age <= 100 else None
