"""How many codes are read, and how many wrongly: four symbologies under ten conditions."""

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from infra.bench.vision.labels import CONDITIONS, SYMBOLOGIES, label_picture
from processors.vision.codes.read import read_codes

_EACH, _EACH_QUICK = 10, 1


def run(seed: int, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Read drawn labels, ten of each symbology and condition (one when quick).

    Returns:
        ``barcodes``, with ``read``: share of the codes that were read rightly, 0 to 1. ``wrong``: readings of anything
        else. ``by_symbology`` and ``by_condition``: the same shares. ``ms``: mean processor time a picture.
    """
    each = _EACH_QUICK if quick else _EACH
    right: dict[str, list[bool]] = defaultdict(list)
    wrong = 0
    spent = 0.0
    for condition in CONDITIONS:
        for kind, symbology in enumerate(SYMBOLOGIES):
            for number in range(each):
                rng = np.random.default_rng((seed, CONDITIONS.index(condition), kind, number))
                made = label_picture(symbology, condition, rng)
                started = time.process_time()
                found = [(one.symbology, one.text) for one in read_codes(made.picture)]
                spent += time.process_time() - started
                hit = (symbology, made.text) in found
                wrong += len(found) - hit
                right[symbology].append(hit)
                right[condition].append(hit)
        say(f"codes, {condition}: {sum(right[condition])} of {len(right[condition])}")
    total = [hit for symbology in SYMBOLOGIES for hit in right[symbology]]
    return {
        "barcodes": {
            "read": _share(total),
            "wrong": wrong,
            "by_symbology": {name: _share(right[name]) for name in SYMBOLOGIES},
            "by_condition": {name: _share(right[name]) for name in CONDITIONS},
            "ms": round(1000 * spent / len(total), 1),
        }
    }


def _share(hits: list[bool]) -> float:
    return round(sum(hits) / len(hits), 4)
