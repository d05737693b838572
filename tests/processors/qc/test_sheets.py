from pathlib import Path
from typing import get_args

import pytest

from processors.qc.sheets import SHIPPED, SheetError, Sheets
from schemas.devices import DEVICE_CATEGORIES
from schemas.qc import RepairToCheck
from schemas.qc_plans import CheckpointKind

GOOD = """
sheet = "own"
version = 3
[[checkpoints]]
checkpoint_id = "volts"
kind = "measurement"
title = "Rail"
unit = "V"
low = 3.2
"""


def shop(folder: Path, **files: str) -> Sheets:
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text)
    return Sheets.load(folder)


def test_every_kind_of_device_has_something_to_check_and_every_kind_of_checkpoint_is_used() -> None:
    sheets = Sheets.load(SHIPPED)
    for category in DEVICE_CATEGORIES:
        repair = RepairToCheck.model_validate({"category": category})
        assert any(point.required for point in sheets.plan_for(repair).checkpoints)
    assert {point.kind for sheet in sheets.sheets for point in sheet.checkpoints} == set(get_args(CheckpointKind))


def test_a_shop_without_sheets_of_its_own_has_those_of_the_house(tmp_path: Path) -> None:
    assert Sheets.load(tmp_path / "checks") == Sheets.load(SHIPPED)
    own = shop(tmp_path, own=GOOD)
    assert [sheet.sheet for sheet in own.sheets] == ["own"]


def test_a_plan_is_frozen_with_versions_and_a_hash_over_what_is_checked(tmp_path: Path) -> None:
    repair = RepairToCheck()
    first = shop(tmp_path, own=GOOD).plan_for(repair)
    assert first.sheets == ("own/3",)
    assert shop(tmp_path, own=GOOD.replace("version = 3", "version = 4")).plan_for(repair).sha256 == first.sha256
    assert shop(tmp_path, own=GOOD.replace("3.2", "3.3")).plan_for(repair).sha256 != first.sha256


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("version = 3", "version = 0", "version"),
        ("version = 3", "colour = 'red'\nversion = 3", "colour"),
        ("kind =", "kind ?", "cannot be read"),
        ('kind = "measurement"', 'kind = "guess"', "checkpoints.0.kind"),
        ('unit = "V"', "", "give its unit"),
        ("low = 3.2", "", "low, high or both"),
        ("low = 3.2", "low = nan", "finite"),
        ("low = 3.2", "low = 3.2\nhigh = 3.1", "exchange them"),
        ("low = 3.2", 'low = 3.2\nagainst = "golden"', "comparison"),
        ('kind = "measurement"', 'kind = "comparison"', "take out unit"),
        ("version = 3", "version = 3\nfaults = ['power']", "no sheet is for every repair"),
        ("version = 3", "version = 3\ncategories = ['spaceship']", "categories.0"),
        ('"volts"', '"Volts !"', "checkpoint_id"),
    ],
)
def test_a_sheet_that_cannot_be_used_is_named_with_what_to_do(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in GOOD
    with pytest.raises(SheetError, match=says) as caught:
        shop(tmp_path, own=GOOD.replace(old, new))
    assert ";" in str(caught.value)


def test_two_sheets_do_not_say_the_same(tmp_path: Path) -> None:
    with pytest.raises(SheetError, match="the sheet own is there more than once"):
        shop(tmp_path, a=GOOD, b=GOOD)
    with pytest.raises(SheetError, match="the checkpoint volts is there more than once"):
        shop(tmp_path, a=GOOD, b=GOOD.replace('"own"', '"other"'))
