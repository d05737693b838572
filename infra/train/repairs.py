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
    """One labelled record. ``fold`` is 0..4, the same for equal texts, so no text stands on both sides of a split."""

    file: str
    category: str
    family: str
    text: str
    fold: int
    fixed: bool | None


def labelled_texts(samples: Path, files: tuple[str, ...] = tuple(LABEL_FILES)) -> list[LabelledText]:
    """Return the labelled rows with a text and a usable label, in file order.

    Raises:
        FileNotFoundError: ``samples`` has no ``repairs/fault_labels/<file>.csv``.
    """
    found = []
    for file in files:
        category, mapping = LABEL_FILES[file]
        for row in _rows(samples / "repairs" / "fault_labels" / f"{file}.csv"):
            family, text = mapping.get(row["fault_type"]), row["problem"].strip()
            if family is None or not text:
                continue
            if row["fault_type"] == "Power/battery" and _BATTERY.search(text.casefold()):
                family = "battery"
            fold = crc32(" ".join(words_of(text)).encode()) % FOLDS
            found.append(LabelledText(file, category, family, text, fold, _fixed(row["repair_status"])))
    return found


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """What became of one recorded repair. ``age_years`` is None when it is not known."""

    category: str
    age_years: float | None
    fixed: bool


def outcomes(samples: Path) -> Iterator[OutcomeRow]:
    """Yield the records of the big table whose outcome is known."""
    path = samples / "repairs" / "repairs_before_2024.csv.xz"
    with lzma.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            fixed = _fixed(row["repair_status"])
            if fixed is not None:
                category = PRODUCT_CATEGORIES.get(row["product_category"], "other")
                yield OutcomeRow(category, _age_years(row), fixed)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    return csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline=""))


def _fixed(status: str) -> bool | None:
    return None if status == "Unknown" else status == "Fixed"


def _age_years(row: Mapping[str, str]) -> float | None:
    made, event = row["year_of_manufacture"], row["event_date"][:4]
    if not (made.isdigit() and event.isdigit()):
        return None
    age = int(event) - int(made)
    return float(age) if 0 <= age <= 100 else None
