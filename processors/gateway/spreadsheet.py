"""Reading tables that other programs wrote: encoding, delimiter, and what their columns are called. Pure."""

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from processors.gateway.search_text import folded

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t"}
CELL_MAX = 20_000
_CANDIDATES = (",", ";", "\t", "|")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "number": (
        "number", "ticket", "ticket id", "ticket number", "ticket no", "job id", "job number", "order number",
        "work order", "ticketnummer", "auftragsnummer", "auftrag", "reparaturnummer", "opdrachtnummer", "bonnummer",
        "numero", "numero de ticket", "numero de dossier", "ordrenummer", "sagsnummer",
    ),
    "name": (
        "name", "customer", "customer name", "client", "full name", "customer business then name", "kunde",
        "kundenname", "klant", "klantnaam", "naam", "nom", "nom du client", "kundenavn", "navn",
    ),
    "first_name": ("first name", "firstname", "vorname", "voornaam", "prenom", "fornavn"),
    "last_name": ("last name", "lastname", "surname", "nachname", "achternaam", "nom de famille", "efternavn"),
    "mail": (
        "mail", "email", "e mail", "email address", "customer email", "e mail adresse", "emailadres", "courriel",
        "adresse e mail",
    ),
    "phone": (
        "phone", "mobile", "phone number", "mobile number", "customer phone", "cell", "telefon", "telefonnummer",
        "handynummer", "mobilnummer", "telefoon", "telefoonnummer", "telephone", "portable", "mobil", "tlf",
    ),
    "language": ("language", "sprache", "taal", "langue", "sprog"),
    "category": (
        "category", "device type", "device category", "type", "geratetyp", "kategorie", "gerateart", "soort",
        "apparaattype", "categorie", "type d appareil", "enhedstype", "kategori",
    ),
    "brand": ("brand", "manufacturer", "make", "hersteller", "marke", "merk", "fabrikant", "marque", "maerke"),
    "model": (
        "model", "device", "device model", "device name", "asset", "assets", "modell", "gerat", "toestel", "apparaat",
        "modele", "appareil", "enhed",
    ),
    "serial": (
        "serial", "serial number", "serial no", "asset serial", "seriennummer", "serienummer", "numero de serie",
    ),
    "imei": ("imei", "imei number", "imei nummer"),
    "imei_or_serial": ("imei serial", "imei or serial", "serial imei", "imei sn", "imei serial number"),
    "complaint": (
        "complaint", "issue", "device issue", "problem", "problem type", "fault", "subject", "problem description",
        "fehler", "fehlerbeschreibung", "problembeschreibung", "defekt", "klacht", "storing", "probleemomschrijving",
        "panne", "probleme", "description du probleme", "fejl", "fejlbeskrivelse",
    ),
    "details": (
        "description", "initial issue", "customer comments", "diagnostic notes", "additional problem description",
        "task", "service", "beschreibung", "bemerkung", "omschrijving", "opmerking", "remarque", "beskrivelse",
        "bemaerkning",
    ),
    "status": ("status", "ticket status", "state", "statut", "etat"),
}  # fmt: skip
"""Names of columns, folded and without punctuation, in English, German, Dutch, French and Danish, and as exports of
RepairDesk and RepairShopr call them. Columns that are called otherwise are reported, not guessed."""
_FIELDS = {name: field for field, names in SYNONYMS.items() for name in names}

REQUIRED: tuple[tuple[str, ...], ...] = (("name", "first_name", "last_name"), ("complaint", "details"))
"""Of each group a file needs one."""


class TableInvalid(ValueError):
    """A file that cannot be read as a table of tickets; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Table:
    """A read table. ``columns``: field to position; ``ignored``: names of columns that mean nothing to us.

    ``rows``: line number in the file (of the end of the row) and cells.
    """

    header: tuple[str, ...]
    columns: Mapping[str, int]
    ignored: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    encoding: str
    delimiter: str


def guarded(value: object) -> object:
    """Return a cell that no spreadsheet takes for a formula: text that begins like one gets an apostrophe."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def unguarded(cell: str) -> str:
    """Return what :func:`guarded` was given."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell


def read_table(data: bytes, *, rows_max: int) -> Table:
    """Return the table in ``data``; encoding and delimiter are found out.

    Raises:
        TableInvalid: no table, no column that is needed, too many rows, or a cell that is too long.
    """
    text, encoding = _decoded(data)
    # Spreadsheets in some countries begin with a line that names the delimiter.
    named = re.match(r"sep=([,;\t|])\r?\n", text)
    text = text[named.end() :] if named else text
    delimiter = named[1] if named else _delimiter(text)
    rows = _rows(text, delimiter, rows_max, 1 if named else 0)
    if not rows:
        raise TableInvalid("the file has no header; its first line must name the columns")
    header = rows[0][1]
    columns, ignored = _columns(header)
    for group in REQUIRED:
        if not any(field in columns for field in group):
            wanted = SYNONYMS[group[0]]
            raise TableInvalid(
                f"no column for the {group[0]} was found among {', '.join(header)[:300]}; name one of them "
                f"{', '.join(repr(name) for name in wanted[:4])}, or as in any of the languages en, de, nl, fr, da"
            )
    return Table(header, columns, ignored, tuple(rows[1:]), encoding, delimiter)


def heading(name: str) -> str:
    """Return a column's name as it is looked up: folded, words only."""
    return " ".join(re.findall(r"[^\W_]+", folded(name)))


def _decoded(data: bytes) -> tuple[str, str]:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _decode(data, encoding), encoding
    if b"\0" in data[:4096]:
        raise TableInvalid("this is no text file (a workbook?); export it as CSV, in UTF-8")
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return _decode(data, "cp1252"), "cp1252"


def _decode(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise TableInvalid(f"byte {error.start} is no {encoding} text; export the file as CSV in UTF-8") from error


def _delimiter(text: str) -> str:
    """Return the delimiter under which most columns of the first line have a name that we know."""
    first = re.split("[\r\n]", text.lstrip(), maxsplit=1)[0]

    def known(delimiter: str) -> tuple[int, int]:
        try:
            cells = next(csv.reader([first], delimiter=delimiter), [])
        except csv.Error:  # it will be met again, and reported, when the rows are read
            return 0, 0
        return sum(heading(cell) in _FIELDS for cell in cells), len(cells)

    return max(_CANDIDATES, key=known)


def _rows(text: str, delimiter: str, most: int, line: int) -> list[tuple[int, tuple[str, ...]]]:
    rows: list[tuple[int, tuple[str, ...]]] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(rows) > most:
                raise TableInvalid(f"more than {most} rows; split the file and send its parts one after the other")
            where = reader.line_num + line
            if any(len(cell) > CELL_MAX for cell in cells):
                raise TableInvalid(f"line {where} has a cell of more than {CELL_MAX} characters; shorten it")
            rows.append((where, tuple(_plain(cell) for cell in cells)))
    except csv.Error as error:
        raise TableInvalid(f"line {reader.line_num + line}: {error}; a quote is not closed, or not doubled") from error
    return rows


def _columns(header: Sequence[str]) -> tuple[dict[str, int], tuple[str, ...]]:
    """Return where each field stands. Of two columns for one field the first is taken and the other is reported."""
    columns: dict[str, int] = {}
    ignored = []
    for position, name in enumerate(header):
        field = _FIELDS.get(heading(name))
        if field is None or field in columns:
            ignored.append(name)
        else:
            columns[field] = position
    return columns, tuple(ignored)


def _plain(cell: str) -> str:
    """Return a cell without what is not to be seen in it: control characters, odd blanks at its ends."""
    kept = "".join(one for one in cell if one in "\n\t" or unicodedata.category(one) != "Cc")
    return unguarded(kept.strip())
