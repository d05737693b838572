"""From the row of a foreign table to an intake form, with what is wrong named by column. Pure."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from connectors.intake.form import IntakeForm
from connectors.intake.submit import repeated_ticket_id
from processors.gateway.search_text import folded
from processors.gateway.spreadsheet import Table
from schemas.core.ids import WorkspaceId
from schemas.devices import DEVICE_CATEGORIES

_CATEGORIES: Mapping[str, tuple[str, ...]] = {
    "mobile": ("phone", "mobile phone", "smartphone", "cell phone", "iphone", "handy", "telefoon", "telephone",
               "mobiltelefon", "galaxy"),
    "laptop": ("notebook", "macbook", "computer portable", "ordinateur portable", "barbar", "thinkpad"),
    "desktop": ("pc", "computer", "imac", "ordinateur", "stationaer"),
    "tablet": ("ipad", "tablette", "tab"),
    "printer": ("drucker", "imprimante"),
    "vacuum": ("vacuum cleaner", "staubsauger", "stofzuiger", "aspirateur", "stovsuger"),
    "audio": ("headphones", "speaker", "kopfhorer", "koptelefoon", "casque", "hojttaler"),
    "tv": ("television", "fernseher", "televisie", "televiseur", "fjernsyn"),
    "console": ("game console", "playstation", "xbox", "nintendo", "switch", "spielkonsole", "spelcomputer"),
    "camera": ("kamera", "appareil photo"),
    "musical_instrument": ("instrument", "musikinstrument"),
    "appliance": ("haushaltsgerat", "huishoudapparaat", "electromenager", "husholdningsapparat"),
}  # fmt: skip
_CATEGORY_OF = {word: name for name, words in _CATEGORIES.items() for word in (*words, name.replace("_", " "))}
_OVER = (
    "closed", "completed", "complete", "done", "resolved", "cancelled", "canceled", "invoiced", "collected",
    "picked up", "delivered", "repaired and collected", "repaired collected", "unrepaired and collected",
    "abgeschlossen", "erledigt", "abgeholt", "storniert", "afgerond", "opgehaald", "geannuleerd", "gesloten",
    "termine", "cloture", "annule", "recupere", "afsluttet", "afhentet", "annulleret",
)  # fmt: skip
"""States in which other programs leave a ticket that is over: importing it would begin a repair, and tell its
customer so."""
_PLACES: Mapping[str, tuple[str, ...]] = {
    "device.category": ("category",),
    "device.brand": ("brand",),
    "device.model": ("model",),
    "device.serial": ("serial", "imei_or_serial"),
    "device.imei": ("imei", "imei_or_serial"),
    "complaint": ("complaint", "details"),
    "customer.name": ("name", "first_name", "last_name"),
    "customer.mail": ("mail",),
    "customer.phone": ("phone",),
    "customer.language": ("language",),
}


@dataclass(frozen=True, slots=True)
class CellFault:
    """What is wrong with a cell. ``column`` is its name in the file."""

    column: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Row:
    """A row that was read. ``form`` None: it has faults, or ``skipped`` says why it is left out."""

    line: int
    ticket_id: str
    form: IntakeForm | None = None
    faults: tuple[CellFault, ...] = ()
    skipped: str | None = None


@dataclass(frozen=True, slots=True)
class ImportRules:
    """What holds for all rows. ``phone_prefix``: of numbers without a country, ``+49``; None: they are refused."""

    workspace: WorkspaceId
    consent_version: str
    phone_prefix: str | None = None


def read_rows(table: Table, rules: ImportRules) -> Iterator[Row]:
    """Yield every row as a form, or with what is wrong with it.

    A row's ticket id comes from its number in the other program, or from what it says: sending a file again, or one
    that was corrected, opens no ticket twice.
    """
    alike: Counter[str] = Counter()
    for line, cells in table.rows:
        said = {name: cells[place] for name, place in table.columns.items() if place < len(cells) and cells[place]}
        number = said.get("number")
        key = f"number/{number}" if number else "row/" + hashlib.sha256(repr(sorted(said.items())).encode()).hexdigest()
        alike[key] += 1
        ticket_id = repeated_ticket_id(f"import/{rules.workspace}", f"{key}/{alike[key]}")
        if number and alike[key] > 1:
            fault = CellFault(_name(table, "number"), "number_twice", f"{number!r} stands in an earlier row already")
            yield Row(line, ticket_id, faults=(fault,))
        else:
            yield _row(table, line, ticket_id, said, rules)


def _row(table: Table, line: int, ticket_id: str, said: Mapping[str, str], rules: ImportRules) -> Row:
    status = said.get("status", "")
    if " ".join(re.findall(r"[^\W_]+", folded(status).replace("&", " and "))) in _OVER:
        return Row(line, ticket_id, skipped=f"it is over there ({status}), so there is nothing left to do")
    try:
        return Row(line, ticket_id, IntakeForm.model_validate(_form(said, rules)))
    except ValidationError as error:
        faults = tuple(_fault(table, said, one) for one in error.errors(include_url=False, include_input=False))
        return Row(line, ticket_id, faults=faults)


def _form(said: Mapping[str, str], rules: ImportRules) -> dict[str, Any]:
    either = said.get("imei_or_serial", "")
    is_imei = re.fullmatch(r"[0-9 /-]{15,20}", either) is not None
    imei = said.get("imei") or (either if is_imei else None)
    return {
        "device": {
            "category": _category(said),
            "brand": said.get("brand", ""),
            "model": said.get("model", ""),
            "serial": said.get("serial") or (either if either and not is_imei else None),
            "imei": None if imei is None else re.sub(r"[ /-]", "", imei),
        },
        "complaint": "\n".join(filter(None, (said.get("complaint"), said.get("details")))),
        "customer": {
            "name": said.get("name") or " ".join(filter(None, (said.get("first_name"), said.get("last_name")))),
            "mail": said.get("mail"),
            "phone": _phone(said["phone"], rules.phone_prefix) if "phone" in said else None,
            "language": re.sub("[-_].*", "", said["language"].lower()) if "language" in said else None,
        },
        "channel": "counter",
        "consent_version": rules.consent_version,
    }


def _category(said: Mapping[str, str]) -> str:
    """Return the category that is named, or that the device's name tells, else ``other``."""
    named = folded(said.get("category", "")).strip()
    if named.replace(" ", "_") in DEVICE_CATEGORIES:
        return named.replace(" ", "_")
    words = " ".join(folded(said.get(name, "")) for name in ("category", "model", "brand"))
    for word in sorted(_CATEGORY_OF, key=len, reverse=True):
        if re.search(rf"\b{re.escape(word)}", words):
            return _CATEGORY_OF[word]
    return "other"


def _phone(text: str, prefix: str | None) -> str:
    """Return a number as E.164 wants it, as far as it can be told; a wrong one is refused by the form."""
    digits = re.sub(r"[\s()./-]", "", text)
    if digits.startswith("00"):
        return f"+{digits[2:]}"
    return f"{prefix}{digits[1:]}" if prefix is not None and digits.startswith("0") else digits


def _fault(table: Table, said: Mapping[str, str], error: Any) -> CellFault:
    place = ".".join(str(part) for part in error["loc"])
    fields = _PLACES.get(place, ())
    named = next((name for name in fields if name in said), fields[0] if fields else place)
    detail = str(error["msg"]).removeprefix("Value error, ")
    if place == "customer.phone":
        detail = "write it with its country, +49 171 2345678, or send phone_prefix for numbers without one"
    return CellFault(_name(table, named), str(error["type"]), detail)


def _name(table: Table, name: str) -> str:
    place = table.columns.get(name)
    return name if place is None else table.header[place]
