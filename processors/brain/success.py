"""How likely a repair works: a logistic regression over what is known of the device, the fault and the complaint.

It learned from recorded community repairs, which were done by volunteers without a parts store: a cautious estimate.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from processors.brain.text import words_of

FORMAT = 1
BUCKETS = 1 << 15
"""Length of the hashed weight vector: about 20,000 traits are frequent enough to matter."""
MOST_WORDS = 120
_AGE_STEP_YEARS, _OLDEST_STEP = 3, 10

_SOLUTION = re.compile(
    r"replac|repair|fix|clean|solder|resold|glu|work|tighten|adjust|advis|reset|reinstall|reconnect|reattach|lubric"
    r"|oil|success|new|chang|remov|install|test|bought|order|need|done|ok|could|unable|not|spare|part"
    r"|vervang|gerepareer|repareer|gemaakt|schoon|gesoldeer|gelijmd|werkt|nieuw|vernieuw|opgelost|hersteld|gesmeerd"
    r"|afgesteld|bestel|advies"
    r"|ersetz|reparier|gereinigt|reinig|gelotet|geklebt|funktionier|neu|getauscht|ausgetausch|behoben|bestell|geolt"
    r"|eingestell"
    r"|udskift|skift|repare|lodde|renset|rens|limet|virker|fikset|ordnet|ny|nyt|smurt|bestil|juster"
    r"|remplac|nettoy|soude|colle|marche|neuf|change|fonctionn|regl"
)
"""Beginnings of words that tell what was done or how it ended. Records were often written after the repair, a
customer's complaint never is: a word that gives the end away must not count."""


@dataclass(frozen=True, slots=True)
class SuccessModel:
    """Weights in nats, shape (BUCKETS,): log-odds of a fixed device is their sum over its traits."""

    weights: NDArray[np.float32]

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "SuccessModel":
        """Read the arrays of ``to_arrays``.

        Raises:
            ValueError: another format or size than this code reads; says which.
        """
        found = (int(arrays["format"]), len(arrays["weights"]))
        if found != (FORMAT, BUCKETS):
            raise ValueError(
                f"success model has format {found[0]} with {found[1]} buckets, this code reads {FORMAT} with "
                f"{BUCKETS}; train it again"
            )
        return cls(arrays["weights"].astype(np.float32))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays that an ``.npz`` file keeps: half precision is far finer than the weights are known."""
        return {"format": np.array(FORMAT), "weights": self.weights.astype(np.float16)}

    def probability(
        self, family: str, category: str, brand: str = "", age_years: float | None = None, complaint: str = ""
    ) -> float:
        """Return P(fixed | the fault is ``family``, and this device and complaint), between 0.02 and 0.98."""
        found = buckets(traits(category, brand, age_years, complaint, family))
        odds = float(self.weights[found].sum())
        return min(0.98, max(0.02, 1 / (1 + float(np.exp(-odds)))))


def traits(
    category: str, brand: str, age_years: float | None, text: str, family: str | None, *, strip: bool = True
) -> list[str]:
    """Return the named traits of a repair. ``strip`` leaves words out that tell what was done or how it ended."""
    age = "?" if age_years is None else str(min(int(age_years / _AGE_STEP_YEARS), _OLDEST_STEP))
    found = ["all", f"category {category}", f"age {age}"]
    if maker := " ".join(brand.split()).casefold():
        found += [f"brand {maker}", f"brand {maker} {category}"]
    if family is not None:
        found += [f"family {family}", f"family {family} {category}"]
    words = dict.fromkeys(word for word in words_of(text)[:MOST_WORDS] if not (strip and _SOLUTION.match(word)))
    return [*found, f"length {min(len(words) // 4, 6)}", *(f"word {word}" for word in words)]


def buckets(named: list[str]) -> NDArray[np.int64]:
    """Return the distinct buckets of traits, sorted. CRC-32, the same on every machine."""
    return np.array(sorted({crc32(one.encode()) % BUCKETS for one in named}), dtype=np.int64)
