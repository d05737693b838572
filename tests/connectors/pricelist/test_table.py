"""Price lists in files: what is read, and what a faulty file is told."""

import csv
import json
from pathlib import Path

import pytest

from connectors.errors import Misconfigured
from connectors.pricelist.port import GRADES, PriceListError
from connectors.pricelist.table import COLUMNS, PriceTable
from schemas.devices import DEVICE_CATEGORIES

HEADER = ",".join(COLUMNS)
GOOD = "battery.laptop,Laptop battery,,3400,5440,4"
SHIPPED = Path(__file__).parents[3] / "infra" / "demo" / "data" / "prices.csv"


def written(folder: Path, text: str, name: str = "prices.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


async def test_reads_a_table_and_leaves_out_parts_it_does_not_know(tmp_path: Path) -> None:
    table = PriceTable.load(written(tmp_path, f"\ufeff{HEADER}\n{GOOD}\n\n"))
    found = await table.lookup(["battery.laptop", "nowhere.laptop"])
    assert set(found) == {"battery.laptop"}
    battery = found["battery.laptop"]
    assert battery.cost_cents == {"aftermarket": 3_400, "original": 5_440}
    assert (battery.title, battery.lead_time_days) == ("Laptop battery", 4)


async def test_reads_the_same_from_json_as_from_csv(tmp_path: Path) -> None:
    entry = {"sku": "battery.laptop", "title": "Laptop battery", "aftermarket_cents": 3400, "original_cents": 5440}
    from_json = PriceTable.load(written(tmp_path, json.dumps([entry | {"lead_time_days": 4}]), "prices.json"))
    from_csv = PriceTable.load(written(tmp_path, f"{HEADER}\n{GOOD}\n"))
    assert list(from_json) == list(from_csv)


async def test_finds_columns_by_name_whatever_their_order(tmp_path: Path) -> None:
    turned = ",".join(reversed(COLUMNS)) + "\n" + ",".join(reversed(GOOD.split(",")))
    assert next(iter(PriceTable.load(written(tmp_path, turned)))).cost_cents["original"] == 5_440


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", r"prices\.csv, line 1: column sku is missing"),
        (HEADER.replace("title,", "") + "\n", "line 1: column title is missing"),
        (HEADER + ",colour\n", r"line 1, column 7: 'colour' is not one of"),
        (HEADER + ",title\n", "line 1, column 7: title is there twice"),
        (HEADER + "\n", "the price list is empty"),
        (f"{HEADER}\n{GOOD}\n{GOOD}\n", "line 3, column sku: battery.laptop is there a second time"),
        (f"{HEADER}\n{GOOD},9\n", "line 2: 7 cells where the header has 6 columns"),
        (f"{HEADER}\n{GOOD.replace('3400', '34.00')}\n", r"line 2, column aftermarket_cents: '34\.00' is not a whole"),
        (f"{HEADER}\n{GOOD.replace('3400', '-1')}\n", "line 2, column aftermarket_cents: '-1' is not a whole number"),
        (f"{HEADER}\n{GOOD.replace('3400', '0')}\n", "line 2, column aftermarket_cents: 0 is not between 1 and"),
        (f"{HEADER}\n{GOOD.replace('3400', '9' * 5000)}\n", "column aftermarket_cents: 9+ is not between"),
        (f"{HEADER}\n{GOOD[:-1]}400\n", "line 2, column lead_time_days: 400 is not between 0 and 365"),
        (f"{HEADER}\nBattery!,x,,1,,\n", "line 2, column sku: 'Battery!' is not a part number"),
        (f"{HEADER}\nbattery.tv, ,,1,,\n", "line 2, column title: empty"),
        (f"{HEADER}\nbattery.tv,x,,,,4\n", "line 2, column refurbished_cents: battery.tv has no cost in any grade"),
        (f'{HEADER}\n"battery.tv,x,,1,,4\n', "line 2: not CSV"),
    ],
)
def test_faulty_table_is_refused_with_its_file_line_and_column(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(PriceListError, match=told) as caught:
        PriceTable.load(written(tmp_path, text))
    assert "prices.csv" in str(caught.value)
    assert isinstance(caught.value, Misconfigured)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[", r"prices\.json, line 1, column 2: not JSON"),
        ("{}", "an array of objects, not dict"),
        ("[3]", "entry 1: an object is needed, not int"),
        ('[{"sku": "a.b", "price": 3}]', "entry 1, column price: not one of"),
        ('[{"sku": "a.b", "title": "x", "original_cents": 1.5}]', r"entry 1, column original_cents: '1\.5' is not"),
        ('[{"sku": "a.b", "title": "x", "original_cents": true}]', "entry 1, column original_cents: 'true' is not"),
    ],
)
def test_faulty_json_is_refused_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(PriceListError, match=told):
        PriceTable.load(written(tmp_path, text, "prices.json"))


def test_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PriceListError, match="name a readable price list"):
        PriceTable.load(tmp_path / "nowhere.csv")
    latin = tmp_path / "latin.csv"
    latin.write_bytes(b"\xe6")
    with pytest.raises(PriceListError, match="byte 0 is not UTF-8"):
        PriceTable.load(latin)
    with pytest.raises(PriceListError, match=r"\.csv or \.json"):
        PriceTable.load(written(tmp_path, "x", "prices.xlsx"))


def test_shipped_list_prices_the_common_parts_of_every_category() -> None:
    table = {price.sku: price for price in PriceTable.load(SHIPPED)}
    common = (
        "mainboard",
        "board_components",
        "power_supply",
        "cable",
        "switch",
        "fuse",
        "housing",
        "screen",
        "battery",
    )
    assert not [
        f"{part}.{category}" for part in common for category in DEVICE_CATEGORIES if f"{part}.{category}" not in table
    ]


def test_shipped_list_has_better_grades_that_cost_more() -> None:
    with SHIPPED.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 300
    for price in PriceTable.load(SHIPPED):
        costs = [price.cost_cents[grade] for grade in GRADES if grade in price.cost_cents]
        assert costs == sorted(costs), price.sku
        assert price.lead_time_days is not None
