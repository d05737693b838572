"""How many codes on small parts are read exactly, in typefaces that the reader never saw."""

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from infra.bench.vision.chips import chip_picture
from infra.train.glyph_fonts import SCORED
from processors.vision.markings.read import read_marking

_PARTS, _PARTS_QUICK = 400, 60


def run(seed: int, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Read 400 drawn parts (60 when quick), lying either way up, without their expected value.

    Returns:
        ``exact``: share whose text is the printed one. ``wrong``: share read as something else, told or not to be
        ambiguous; the rest is "cannot be read". ``by_kind``, ``by_face``: exact shares. ``ms``: mean processor time.
    """
    hits: dict[str, list[bool]] = defaultdict(list)
    wrong, spent = 0, 0.0
    count = _PARTS_QUICK if quick else _PARTS
    for number in range(count):
        made = chip_picture(SCORED, np.random.default_rng((seed, number)))
        started = time.process_time()
        found = read_marking(made.picture, made.kind)
        spent += time.process_time() - started
        hit = found is not None and found.text == made.text
        wrong += found is not None and not hit
        for group in ("all", made.kind, made.face):
            hits[group].append(hit)
    say(f"markings: {sum(hits['all'])} of {count} exact, {wrong} wrong")
    shares = {group: round(sum(each) / len(each), 4) for group, each in sorted(hits.items())}
    return {
        "markings_exact": shares["all"],
        "markings": {
            "wrong": round(wrong / count, 4),
            "by_kind": {kind: share for kind, share in shares.items() if kind in {"resistor", "inductor", "capacitor"}},
            "by_face": {face: shares[face] for face in SCORED if face in shares},
            "ms": round(1000 * spent / count, 1),
        },
    }
