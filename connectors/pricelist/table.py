"""A price list in a file: CSV for spreadsheets, JSON for programs. Read whole at the start; a fault stops it there.

Columns (CSV) or members (JSON, an array of objects): ``sku``, ``title``, ``refurbished_cents``,
``aftermarket_cents``, ``original_cents``, ``lead_time_days``. Costs and days may be left empty, but a part has at
least one cost.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydantic

from connectors.pricelist.port import GRADES, PartPrice, PriceListError
from schemas.core.ids import Sku

COLUMNS = ("sku", "title", *(f"{grade}_cents" for grade in GRADES), "lead_time_days")
LARGEST_COST_CENTS = 10_000_000
LONGEST_LEAD_TIME_DAYS = 365
_SKU: pydantic.TypeAdapter[str] = pydantic.TypeAdapter(Sku)


class PriceTable:
    """Prices held in memory."""

    def __init__(self, prices: Mapping[str, PartPrice]) -> None:
        self._prices = dict(prices)

    @classmethod
    def load(cls, path: Path) -> "PriceTable":
        """Read a ``.csv`` or ``.json`` file.

        Raises:
            PriceListError: the file cannot be read, or a value in it is wrong.
        """
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except OSError as error:
            raise PriceListError(f"{path}: {error.strerror}; name a readable price list") from error
        except UnicodeDecodeError as error:
            raise PriceListError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from error
        match path.suffix.lower():
            case ".csv":
                rows = _csv_rows(path, text)
            case ".json":
                rows = _json_rows(path, text)
            case other:
                raise PriceListError(f"{path}: a price list ends in .csv or .json, not in {other!r}")
        return cls(_collect(path, rows))

    def __len__(self) -> int:
        return len(self._prices)

    def __iter__(self) -> Iterator[PartPrice]:
        return iter(self._prices.values())

    async def lookup(self, skus: Iterable[str]) -> Mapping[str, PartPrice]:
        """Return the prices of those ``skus`` that have one."""
        return {sku: self._prices[sku] for sku in skus if sku in self._prices}


@dataclass(frozen=True, slots=True)
class _Row:
    """One part as text, with the place to name in an error."""

    where: str
    cells: Mapping[str, str]

    def fault(self, column: str, what: str) -> PriceListError:
        return PriceListError(f"{self.where}, column {column}: {what}")


def _csv_rows(path: Path, text: str) -> Iterator[_Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(path, header)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            where = f"{path}, line {reader.line_num}"
            if len(cells) != len(header):
                raise PriceListError(f"{where}: {len(cells)} cells where the header has {len(header)} columns")
            yield _Row(where, {name: cell.strip() for name, cell in zip(header, cells, strict=True)})
    except csv.Error as error:
        raise PriceListError(f"{path}, line {reader.line_num}: not CSV: {error}") from error


def _check_header(path: Path, header: list[str]) -> None:
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise PriceListError(f"{path}, line 1: column {missing[0]} is missing; the columns are {', '.join(COLUMNS)}")
    for position, name in enumerate(header, start=1):
        if name not in COLUMNS:
            raise PriceListError(f"{path}, line 1, column {position}: {name!r} is not one of {', '.join(COLUMNS)}")
        if header.index(name) != position - 1:
            raise PriceListError(f"{path}, line 1, column {position}: {name} is there twice")


def _json_rows(path: Path, text: str) -> Iterator[_Row]:
    try:
        entries = json.loads(text)
    except json.JSONDecodeError as error:
        raise PriceListError(f"{path}, line {error.lineno}, column {error.colno}: not JSON: {error.msg}") from error
    if not isinstance(entries, list):
        raise PriceListError(f"{path}: a JSON price list is an array of objects, not {type(entries).__name__}")
    for number, entry in enumerate(entries, start=1):
        where = f"{path}, entry {number}"
        if not isinstance(entry, dict):
            raise PriceListError(f"{where}: an object is needed, not {type(entry).__name__}")
        unknown = sorted(set(entry) - set(COLUMNS))
        if unknown:
            raise PriceListError(f"{where}, column {unknown[0]}: not one of {', '.join(COLUMNS)}")
        yield _Row(where, {name: _as_text(entry.get(name)) for name in COLUMNS})


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return value.strip() if isinstance(value, str) else json.dumps(value)


def _collect(path: Path, rows: Iterable[_Row]) -> dict[str, PartPrice]:
    prices: dict[str, PartPrice] = {}
    for row in rows:
        price = _price(row)
        if price.sku in prices:
            raise row.fault("sku", f"{price.sku} is there a second time; keep one line for each part")
        prices[price.sku] = price
    if not prices:
        raise PriceListError(f"{path}: the price list is empty; list at least one part")
    return prices


def _price(row: _Row) -> PartPrice:
    try:
        sku = _SKU.validate_python(row.cells["sku"])
    except pydantic.ValidationError as error:
        raise row.fault(
            "sku", f"{row.cells['sku']!r} is not a part number: 2 to 61 of a-z, 0-9, '_', '.', '-', a letter first"
        ) from error
    if not row.cells["title"]:
        raise row.fault("title", "empty; customers read it on their quote")
    costs = {grade: _number(row, f"{grade}_cents", 1, LARGEST_COST_CENTS) for grade in GRADES}
    known = {grade: cost for grade, cost in costs.items() if cost is not None}
    if not known:
        raise row.fault(f"{GRADES[0]}_cents", f"{sku} has no cost in any grade; give at least one")
    return PartPrice(sku, row.cells["title"], known, _number(row, "lead_time_days", 0, LONGEST_LEAD_TIME_DAYS))


def _number(row: _Row, column: str, lowest: int, highest: int) -> int | None:
    text = row.cells[column]
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise row.fault(column, f"{text!r} is not a whole number (money is in cents, without point or sign)")
    number = int(text) if len(text) <= 12 else highest + 1
    if not lowest <= number <= highest:
        raise row.fault(column, f"{text} is not between {lowest} and {highest}")
    return number
