"""Complaint text as a sparse vector: hashed words, word pairs and character n-grams; words and pairs once more for the
category of the device, because "stuck" is another fault in a printer than in a telephone.

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
"""Buckets of what all categories share. Collisions cost little: frequent features are few against 16,384 buckets."""
OWN_BUCKETS = 1 << 14
"""Buckets of the words and pairs of single categories."""
COLUMNS = BUCKETS + OWN_BUCKETS
"""Length of the feature vector."""
OWN_LENGTH = 0.7
"""Length of the category's part of the vector; the shared part has length 1. Chosen by cross-validation."""
NGRAM_SIZES = (2, 3, 4, 5)
LONGEST_WORD = 24
"""Letters of a word that are read. Longer strings are serial numbers, links or noise."""
MOST_WORDS = 250
"""Words that are read, from the start: the fault is named early, and the time per complaint stays bounded."""

_WORD = re.compile(r"[^\W_]+")
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Features:
    """Sparse vector of one text: the shared part has length 1, the category's ``OWN_LENGTH``.

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


def features(text: str, weights: NDArray[np.float32], category: str | None = None) -> Features:
    """Return the features of ``text``, each counted once a word and weighed by ``weights`` of shape (COLUMNS,).

    Without a ``category`` only the shared part is filled. A text without words gives an empty vector.
    """
    words = words_of(text)[:MOST_WORDS]
    pairs = [f"{first} {second}" for first, second in pairwise(words)]
    terms = tuple(dict.fromkeys((*words, *pairs)))
    listed = [_buckets(term) for term in terms]
    indices = np.array([index for buckets in listed for index in buckets], dtype=np.int64)
    owners = np.repeat(np.arange(len(terms)), [len(buckets) for buckets in listed])
    values = _scaled(indices, weights[indices])
    if category is not None:
        own = np.array([_own_bucket(category, term) for term in terms], dtype=np.int64)
        indices, owners = np.concatenate([indices, own]), np.concatenate([owners, np.arange(len(terms))])
        values = np.concatenate([values, OWN_LENGTH * _scaled(own, weights[own])])
    return Features(terms, indices, values.astype(np.float32), owners)


def _scaled(indices: NDArray[np.int64], values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return values of length 1. It is taken over the summed vector, so that two n-grams in one bucket count as the
    model sees them."""
    summed = np.bincount(indices, weights=values) if len(indices) else np.zeros(1)
    length = np.float32(np.sqrt(np.square(summed).sum()))
    return values / length if length > 0 else values


@lru_cache(maxsize=16_384)
def _own_bucket(category: str, term: str) -> int:
    """Return the bucket of a word or pair in a category."""
    return BUCKETS + crc32(f"{category}|{term}".encode()) % OWN_BUCKETS


@lru_cache(maxsize=16_384)
def _buckets(term: str) -> tuple[int, ...]:
    """Return the buckets of a word (itself and the n-grams of it between blanks) or of a word pair (itself)."""
    named = [f"w:{term}"]
    if " " not in term:
        padded = f" {term} "
        named += [padded[at : at + size] for size in NGRAM_SIZES for at in range(len(padded) - size + 1)]
    return tuple(dict.fromkeys(crc32(name.encode()) % BUCKETS for name in named))
