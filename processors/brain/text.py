"""Complaint text as a sparse vector: hashed words, word pairs and character n-grams.

The hash is CRC-32, whose value is the same on every machine and Python version; the shipped weights depend on it.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

BUCKETS = 1 << 14
"""Length of the feature vector. Collisions cost little: frequent features are few against 16,384 buckets."""
NGRAM_SIZES = (2, 3, 4, 5)
LONGEST_WORD = 24
"""Letters of a word that are read. Longer strings are serial numbers, links or noise."""
MOST_WORDS = 250
"""Words that are read, from the start: the fault is named early, and the time per complaint stays bounded."""

_WORD = re.compile(r"[^\W_]+")
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Features:
    """Unit-length sparse vector of one text.

    ``indices`` and ``values`` have shape (n,); ``words[owners[i]]`` is the word (or word pair) that feature i
    comes from, so that a score can be explained word by word. An index may occur more than once: its values add.
    """

    words: tuple[str, ...]
    indices: NDArray[np.int64]
    values: NDArray[np.float32]
    owners: NDArray[np.int64]


def normalise(text: str) -> str:
    """Return ``text`` in lower case without accents, compatibility forms folded, whitespace collapsed.

    Characters that are not printable become spaces. ``ø`` and ``ß`` become ``o`` and ``ss``.
    """
    folded = unicodedata.normalize("NFKD", text.casefold().replace("ø", "o").replace("æ", "ae"))
    kept = "".join(
        character if character.isprintable() else " " for character in folded if not unicodedata.combining(character)
    )
    return " ".join(kept.split())


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of ``text`` in order, normalised; every run of digits reads as ``0``."""
    return tuple(_DIGITS.sub("0", found[:LONGEST_WORD]) for found in _WORD.findall(normalise(text)))


def features(text: str, weights: NDArray[np.float32]) -> Features:
    """Return the features of ``text``, each counted once a word and weighed by ``weights`` of shape (BUCKETS,).

    A text without words gives an empty vector.
    """
    words = words_of(text)[:MOST_WORDS]
    pairs = [f"{first} {second}" for first, second in pairwise(words)]
    terms = tuple(dict.fromkeys((*words, *pairs)))
    listed = [_buckets(term) for term in terms]
    indices = np.array([index for buckets in listed for index in buckets], dtype=np.int64)
    owners = np.repeat(np.arange(len(terms)), [len(buckets) for buckets in listed])
    values = weights[indices]
    # The length is taken over the summed vector, so that two n-grams in one bucket count as the model sees them.
    summed = np.bincount(indices, weights=values) if len(indices) else np.zeros(1)
    length = float(np.sqrt(np.square(summed).sum()))
    return Features(terms, indices, (values / length if length > 0 else values).astype(np.float32), owners)


@lru_cache(maxsize=16_384)
def _buckets(term: str) -> tuple[int, ...]:
    """Return the buckets of a word (itself and the n-grams of it between blanks) or of a word pair (itself)."""
    named = [f"w:{term}"]
    if " " not in term:
        padded = f" {term} "
        named += [padded[at : at + size] for size in NGRAM_SIZES for at in range(len(padded) - size + 1)]
    return tuple(dict.fromkeys(crc32(name.encode()) % BUCKETS for name in named))
