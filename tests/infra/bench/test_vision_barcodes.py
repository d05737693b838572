"""The section on codes: its figures, and that its cases are the seed's."""

import numpy as np

from infra.bench.vision.barcodes import run
from infra.bench.vision.labels import label_picture


def test_reads_nine_of_ten_codes_and_none_wrongly() -> None:
    said: list[str] = []
    found = run(51, True, said.append)["barcodes"]
    assert found["read"] >= 0.9
    assert found["wrong"] == 0
    assert len(said) == len(found["by_condition"]) == 10


def test_draws_the_same_label_from_the_same_seed_only() -> None:
    first, again, other = (label_picture("qr", "hard", np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first.picture, again.picture)
    assert first.text == again.text != other.text
