"""Tables out and in: what goes to a spreadsheet, and what comes from other programs."""

import csv
import io
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import Transient
from processors.gateway.edge.routes_csv import ROWS_AT_ONCE
from processors.gateway.import_rows import ImportRules, Row, read_rows
from processors.gateway.spreadsheet import SYNONYMS, Table, TableInvalid, guarded, heading, read_table, unguarded
from schemas.core.envelope import Envelope
from schemas.core.message import Event, Message, View
from schemas.devices import Device
from schemas.tickets import IntakeRefused, SubmitIntake
from tests.processors.gateway.test_lists import in_workspace
from tests.processors.gateway.world import NOW, World, opens, problem, ticket_view

RULES = ImportRules("main", "2026-01", "+49")


def _table(text: str | bytes) -> Table:
    return read_table(text if isinstance(text, bytes) else text.encode(), rows_max=100)


def _rows(text: str | bytes, rules: ImportRules = RULES) -> list[Row]:
    return list(read_rows(_table(text), rules))


# --- out ---------------------------------------------------------------------------------------------------------


async def test_exports_all_tickets_that_the_filters_mean_in_order(world: World) -> None:
    for number in range(ROWS_AT_ONCE * 2 + 3):
        state = "ready" if number % 2 else "qc"
        world.feed(ticket_view(f"T-{number:04}", state=state, opened_at=NOW - timedelta(minutes=number)))
    async with world.client("tickets:read") as client:
        every = await client.get("/v1/tickets/export.csv")
        some = await client.get("/v1/tickets/export.csv?state=ready&columns=state,ticket_id")
    rows = list(csv.DictReader(io.StringIO(every.text, newline="")))
    assert [row["ticket_id"] for row in rows] == [f"T-{number:04}" for number in range(ROWS_AT_ONCE * 2 + 3)]
    assert rows[0]["opened_at"] == "2026-03-02T09:00:00.000000Z"
    assert every.headers["content-type"] == "text/csv; charset=utf-8"
    header, *lines = some.text.split("\r\n")
    assert header == "state,ticket_id"
    assert (lines[0], len(lines), lines[-1]) == ("ready,T-0001", ROWS_AT_ONCE + 2, "")


async def test_writes_for_spreadsheets_without_formulas(world: World) -> None:
    device = Device(category="laptop", brand="=cmd|' /C calc'!A0", model='19" "wide"; x', serial="@SUM(A1)")
    world.feed(ticket_view(device=device, complaint="+1\nsecond line, ünd"))
    async with world.client("tickets:read") as client:
        url = "/v1/tickets/export.csv?bom=true&delimiter=semicolon&columns=brand,model,serial,complaint"
        raw = (await client.get(url)).content
        problem(await client.get("/v1/tickets/export.csv?columns=brand,margin"), 422, "validation")
    assert raw.startswith(b"\xef\xbb\xbfbrand;model;serial;complaint\r\n")
    [row] = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""), delimiter=";"))[1:]
    assert row == ["'=cmd|' /C calc'!A0", '19" "wide"; x', "'@SUM(A1)", "'+1\nsecond line, ünd"]


@given(st.text())
def test_no_cell_begins_a_formula_and_every_guarded_one_comes_back(text: str) -> None:
    cell = guarded(text)
    assert isinstance(cell, str)
    assert cell[:1] not in set("=+-@\t\r\n")
    if not text.startswith("'"):
        assert unguarded(cell) == text


# --- in ----------------------------------------------------------------------------------------------------------

PLAIN = "Ticket ID,Customer Name,Email,Mobile,Device,Manufacturer,IMEI/Serial,Device Issue,Status,Shelf\n"
ADA = "1001,Ada Byron,ada@customers.example,0171 2345678,iPhone 12,Apple,490154203237518,No sound,In progress,B2\n"


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("Name,Email,Brand,Model,Issue", "Ada,a@b.example,Apple,iPhone,no sound"),
        ("Kundenname;E-Mail;Hersteller;Gerät;Fehlerbeschreibung", "Ada;a@b.example;Apple;iPhone;no sound"),
        ("Klantnaam\tE-mail\tMerk\tToestel\tKlacht", "Ada\ta@b.example\tApple\tiPhone\tno sound"),
        ("Nom;Courriel;Marque;Appareil;Problème", "Ada;a@b.example;Apple;iPhone;no sound"),
        ("Navn|Email|Mærke|Enhed|Fejl", "Ada|a@b.example|Apple|iPhone|no sound"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_reads_columns_in_five_languages_and_four_encodings(header: str, row: str, encoding: str) -> None:
    [read] = _rows(f"{header}\r\n{row}\r\n".encode(encoding))
    assert read.form is not None, read.faults
    assert read.form.customer.name == "Ada"
    assert read.form.customer.mail == "a@b.example"
    assert (read.form.device.brand, read.form.device.model) == ("Apple", "iPhone")
    assert read.form.device.category == "mobile"
    assert read.form.complaint == "no sound"


def test_reads_what_another_program_exported() -> None:
    table = _table("sep=,\r\n" + PLAIN + ADA + "1002,Bob,,,MacBook Air,,C02XK,Hinge,Repaired & Collected,\n\n")
    assert table.ignored == ("Shelf",)
    ada, bob = read_rows(table, RULES)
    assert ada.form is not None
    assert ada.line == 3
    assert ada.form.customer.phone == "+491712345678"
    assert (ada.form.device.imei, ada.form.device.serial) == ("490154203237518", None)
    assert bob.form is None
    assert bob.skipped is not None


def test_names_row_and_column_of_what_is_wrong() -> None:
    first, second = _rows("Kunde;Mail;Telefon;Fehler\nAda;no-address;12;\n;;;x\n")
    assert [(fault.column, fault.code) for fault in first.faults] == [
        ("Fehler", "string_too_short"),
        ("Mail", "string_pattern_mismatch"),
        ("Telefon", "string_pattern_mismatch"),
    ]
    assert "+49 171 2345678" in first.faults[2].detail
    assert [(second.line, fault.column) for fault in second.faults] == [(3, "Kunde")]


def test_a_row_is_the_same_ticket_again_by_its_number_or_by_what_it_says() -> None:
    numbered = _rows(PLAIN + ADA)
    corrected = _rows(PLAIN + "1000,Eve,,,TV,,,Dark,,\n" + ADA.replace("No sound", "No sound at all"))
    assert corrected[1].ticket_id == numbered[0].ticket_id
    one, other = _rows("Name,Issue\nAda,dark\nAda,dark\n"), _rows("Name,Issue\nBob,loud\nAda,dark\nAda,dark\n")
    assert [row.ticket_id for row in one] == [row.ticket_id for row in other[1:]]
    assert one[0].ticket_id != one[1].ticket_id
    assert _rows("Name,Issue\nAda,dark\n", ImportRules("west", "1"))[0].ticket_id != one[0].ticket_id
    twice = _rows(PLAIN + ADA + ADA)
    assert [fault.code for fault in twice[1].faults] == ["number_twice"]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no header"),
        (b"Colour,Shape\nred,round\n", "no column for the name was found among Colour, Shape"),
        (b"Name,Colour\nAda,red\n", "no column for the complaint"),
        (b"PK\x03\x04\x00\x00", "workbook"),
        (b'Name,Issue\n"Ada,x\n', "line 2"),
        (b"Name,Issue\nAda," + b"x" * 20_001 + b"\n", "shorten it"),
        (b"Name,Issue\n" + b"Ada,x\n" * 101, "more than 100 rows"),
        (b"\xff\xfeN", "byte 2"),
        (b"Name,Issue\nAda,\x81\xff\n", "byte"),
        (b'sep="\nName,Issue\nAda,x\n', "no column"),
        (b"Name\x00,Issue\nAda,x\n", "workbook"),
        (b"N" * 140_000, "line 1"),
    ],
)
def test_says_what_to_change_in_a_file_that_is_no_table(data: bytes, says: str) -> None:
    with pytest.raises(TableInvalid, match=says):
        _table(data)


@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: f"Name,Issue\n{text}".encode()))
def test_any_bytes_are_a_table_or_a_clear_refusal(data: bytes) -> None:
    try:
        rows = _rows(data)
    except TableInvalid:
        return
    assert all((row.form is None) == bool(row.faults or row.skipped) for row in rows)


def test_no_name_of_a_column_means_two_things() -> None:
    names = [name for names in SYNONYMS.values() for name in names]
    assert len(names) == len(set(names))
    assert [name for name in names if heading(name) != name] == []


# --- the route ---------------------------------------------------------------------------------------------------

URL = "/v1/imports?consent_version=2026-01&phone_prefix=%2B49"


async def _send(client: httpx.AsyncClient, text: str, more: str = "", **headers: str) -> dict[str, Any]:
    response = await client.post(URL + more, content=text.encode(), headers={"Content-Type": "text/csv", **headers})
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


async def test_opens_a_ticket_for_each_row_once_with_the_contact_in_the_vault(world: World) -> None:
    text = PLAIN + ADA + "1002,,x@y.example,,TV,,,Dark,,\n"
    async with world.client("tickets:write") as client:
        dry = await _send(client, text, "&dry_run=true")
        assert [row["status"] for row in dry["rows"]] == ["valid", "invalid"]
        assert world.sent == []
        first = await _send(client, text)
        assert first["counts"] == {"opened": 1, "invalid": 1}
        assert first["columns"]["complaint"] == "Device Issue"
        assert first["ignored_columns"] == ["Shelf"]
        again = await _send(client, text.replace(",,x@y", ",Bob,x@y"))
        assert [row["status"] for row in again["rows"]] == ["there_already", "opened"]
    command = world.sent[0][1]
    assert isinstance(command, SubmitIntake)
    assert (command.channel, command.no_photos_reason, command.workspace_id) == ("counter", "imported", "main")
    contact = await world.vault.get(command.customer_id)
    assert contact is not None
    assert (contact.name, contact.mail) == ("Ada Byron", "ada@customers.example")
    assert "Ada Byron" not in command.to_json().decode()


async def test_an_import_belongs_to_the_workspace_of_its_key(world: World) -> None:
    async with world.client("tickets:write") as client:
        in_workspace(world, "west")
        await _send(client, PLAIN + ADA)
    command = world.sent[0][1]
    assert isinstance(command, SubmitIntake)
    assert command.workspace_id == "west"


def _refuses(reason: str) -> Any:
    def answer(command: Message, envelope: Envelope) -> Sequence[tuple[Event, View | None]]:
        assert isinstance(command, SubmitIntake)
        return [(IntakeRefused(ticket_id=command.ticket_id, reason=reason, detail="No.", refused_at=NOW), None)]

    return answer


@pytest.mark.parametrize(("reason", "kept"), [("imei_invalid", False), ("ticket_exists", True)])
async def test_forgets_the_contact_of_a_refused_row_but_never_that_of_a_ticket(
    world: World, reason: str, kept: bool
) -> None:
    world.answer = _refuses(reason)
    async with world.client("tickets:write") as client:
        body = await _send(client, PLAIN + ADA)
    assert (body["rows"][0]["status"], body["rows"][0]["reason"]) == ("refused", reason)
    command = world.sent[0][1]
    assert isinstance(command, SubmitIntake)
    assert (await world.vault.get(command.customer_id) is not None) is kept


async def test_says_when_nobody_answers_and_when_the_log_is_away(world: World) -> None:
    async with world.client("tickets:write") as client:
        world.silent()
        assert (await _send(client, PLAIN + ADA))["counts"] == {"late": 1}
        world.down = Transient("away")
        assert (await _send(client, PLAIN + ADA + "7,Bob,,,TV,,,Dark,,\n"))["counts"] == {"failed": 2}
        world.down, world.answer = None, opens
        assert (await _send(client, PLAIN + ADA))["counts"]["late"] == 1


async def test_reports_as_a_table_or_line_by_line(world: World) -> None:
    text = PLAIN + "1,Ada,,,=TV,,,Dark,,\n2,,,,,,,,,\n"
    async with world.client("tickets:write") as client:
        table = await client.post(URL, content=text, headers={"Accept": "text/csv"})
        header, opened, invalid = csv.reader(io.StringIO(table.text, newline=""))
        assert header == ["line", "status", "ticket_id", "detail"]
        assert (opened[:2], invalid[:2]) == (["2", "opened"], ["3", "invalid"])
        assert "Customer Name: " in invalid[3]
        lines = await client.post(URL, content=text, headers={"Accept": "application/x-ndjson"})
        head, *rows, tail = (json.loads(line) for line in lines.text.splitlines())
        assert head["total"] == len(rows) == 2
        assert tail["counts"] == {"there_already": 1, "invalid": 1}


async def test_refuses_a_file_without_consent_without_a_table_or_too_large(world: World) -> None:
    async with world.client("tickets:write") as client:
        missing = problem(await client.post("/v1/imports", content=PLAIN + ADA), 422, "validation")
        assert missing["errors"][0]["field"] == "consent_version"
        assert "header" in problem(await client.post(URL, content=b""), 422, "table_invalid")["detail"]
        big = b"x" * (world.policy.import_max_bytes + 1)
        problem(await client.post(URL, content=big), 413, "too_large")
