import os
from pathlib import Path

import pytest

from infra.bench.diagnosis_options import Options
from infra.bench.diagnosis_text import offline_ms_p95, run
from infra.train.repairs import LabelledText


def test_a_whole_diagnosis_takes_far_less_than_its_bound() -> None:
    rows = [
        LabelledText("mobifix", "mobile", "screen", f"the screen of phone {number} is cracked\u0007", 0, True)
        for number in range(20)
    ]
    assert 0 < offline_ms_p95(rows) < 1500
    assert offline_ms_p95([]) == 0.0


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_reaches_its_figures_on_texts_that_were_held_back() -> None:
    samples = os.environ.get("NOIZYLAB_SAMPLES")
    if not samples or not (Path(samples) / "repairs").exists():
        pytest.skip("NOIZYLAB_SAMPLES is not set, or holds no repairs/")
    folder = Path(samples) / "repairs"
    told: list[str] = []
    result = run(Options(repairs=folder / "repairs_before_2024.csv.xz", labels=folder / "fault_labels"), told.append)
    assert result["text"]["mobiles"] > 0.8
    assert result["text"]["laptops"] > 0.72
    assert result["ece"] < 0.04
    assert result["success_auc"] >= 0.66
    assert result["offline_ms_p95"] < 1500
    assert len(told) == 3
