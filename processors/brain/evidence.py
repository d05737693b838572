"""Reasons for and against a fault: words of the complaint, findings on the board, the device's age."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from processors.brain.language import FUNCTION_WORDS
from processors.brain.text import MOST_WORDS, words_of
from schemas.diagnoses import Evidence
from schemas.inspections import Finding

_LEAST_NATS = 0.1
_LONG_NUMBER = re.compile(r"\d{4}")
_SEVERITY = {"low": 0.5, "medium": 0.8, "high": 1.0}

FINDING_NATS: Mapping[str, Mapping[str, float]] = {
    "burn": {"system_board": 2.5, "power": 2.0, "cable": 0.5, "software": -2.0, "performance": -2.0},
    "residue": {"liquid": 3.0, "system_board": 0.8, "charging_port": 0.5, "software": -1.0, "performance": -1.0},
    "corrosion": {"liquid": 3.0, "system_board": 1.0, "charging_port": 0.7, "battery": 0.4, "software": -1.0,
                  "performance": -1.0},
    "missing_part": {"system_board": 2.8, "power": 0.6, "software": -1.5, "performance": -1.5},
    "bridge": {"system_board": 2.8, "power": 0.8, "liquid": 0.3, "software": -1.5, "performance": -1.5},
    "open": {"system_board": 2.2, "charging_port": 0.6, "power": 0.5, "software": -1.0, "performance": -1.0},
    "shifted_part": {"system_board": 1.8, "housing": 0.7, "software": -0.7, "performance": -0.7},
    "rotated_part": {"system_board": 2.4, "power": 0.5, "software": -1.2, "performance": -1.2},
    "wrong_part": {"system_board": 2.0, "power": 0.5, "software": -1.0, "performance": -1.0},
    "scratch": {"housing": 0.8, "system_board": 0.3},
    "difference": {"system_board": 0.4},
    "short": {"system_board": 2.8, "power": 0.8, "liquid": 0.3, "software": -1.5, "performance": -1.5},
    "mouse_bite": {"system_board": 0.6},
    "spur": {"system_board": 0.6},
    "spurious_copper": {"system_board": 0.6},
    "pin_hole": {"system_board": 0.3},
}  # fmt: skip
"""Log-likelihood ratio of a fault family when a finding of full confidence and high severity is seen.

Set by hand from bench practice, not learned: no public records pair board photos with causes. 2.8 nats is a factor
of 16, so that one sure finding outweighs an ordinary complaint but not a telling one."""

_AGE_NATS: tuple[tuple[frozenset[str], float, str, float], ...] = (
    (frozenset({"laptop", "mobile", "tablet"}), 3.0, "battery", 0.3),
    (frozenset({"laptop", "desktop"}), 6.0, "storage", 0.3),
    (frozenset({"audio", "tv", "musical_instrument", "desktop"}), 10.0, "power", 0.4),
    (frozenset({"audio"}), 15.0, "motor", 0.4),
    (frozenset({"audio", "musical_instrument"}), 15.0, "button", 0.3),
)
"""Categories, age in years from which it counts, family, nats. Set by hand: cells, drives, electrolytic capacitors,
belts and carbon tracks wear out."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """One observation: its words, and the nats it adds to each family it speaks about."""

    source: Literal["inspection", "history", "measurement"]
    text: str
    nats: Mapping[str, float]


def finding_weights(findings: Sequence[Finding]) -> tuple[Weighed, ...]:
    """Return what the findings add. Each kind counts once, by its surest finding: ten bridges are one fault."""
    strongest: dict[str, tuple[float, Finding]] = {}
    for finding in findings:
        strength = finding.confidence * _SEVERITY[finding.severity]
        if finding.kind not in strongest or strength > strongest[finding.kind][0]:
            strongest[finding.kind] = (strength, finding)
    return tuple(
        Weighed(
            "inspection",
            f"{kind.replace('_', ' ')} on photo {finding.photo + 1} ({finding.severity}, "
            f"{round(100 * finding.confidence)} % sure)",
            {family: nats * strength for family, nats in FINDING_NATS[kind].items()},
        )
        for kind, (strength, finding) in sorted(strongest.items())
    )


def age_weights(category: str, age_years: float | None) -> tuple[Weighed, ...]:
    """Return what the device's age adds; nothing when it is not known."""
    if age_years is None:
        return ()
    nats = {
        family: added for categories, years, family, added in _AGE_NATS if category in categories and age_years >= years
    }
    return (Weighed("history", f"{age_years:.0f} years old", nats),) if nats else ()


def spoken_evidence(complaint: str, nats_by_term: Mapping[str, float]) -> list[Evidence]:
    """Return the words that count, in the customer's spelling, strongest first, without words of grammar."""
    spelling = _spelling(complaint)
    told = []
    for term, nats in sorted(nats_by_term.items(), key=lambda item: (-abs(item[1]), item[0])):
        words = term.split(" ")
        if abs(nats) < _LEAST_NATS:
            break
        if len(words) == 1 and (words[0] in FUNCTION_WORDS or len(words[0]) < 2):
            continue
        quoted = " ".join(spelling.get(word, word) for word in words)
        told.append(Evidence(source="complaint", text=f"“{quoted}” in the complaint", weight_nats=round(nats, 3)))
    return told


def _spelling(complaint: str) -> dict[str, str]:
    """Return the first written form of each normalised word."""
    forms: dict[str, str] = {}
    for written in re.findall(r"[^\W_]+", complaint)[:MOST_WORDS]:
        if _LONG_NUMBER.search(written):
            continue  # a telephone or serial number must not be quoted: evidence is shown and kept
        for word in words_of(written)[:1]:
            forms.setdefault(word, written[:40])
    return forms
