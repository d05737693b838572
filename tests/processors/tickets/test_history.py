"""The history of a device over its tickets, what models are known for, and how an erasure ends both."""

from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from processors.tickets.agent import wire
from processors.tickets.checks import checks_for, known_checks
from processors.tickets.device_history import decide_device, evolve_device
from schemas.core.outcome import Drop, Reject
from schemas.device_history import DeviceFlagged, DeviceHistoryView, FlagDevice, RecordDeviceVisit, device_id
from schemas.devices import Device
from schemas.ticket_links import EraseTicket, TicketErased
from schemas.ticket_records import AmendTicket, FieldEdit
from schemas.tickets import TicketView
from tests.processors.tickets.builders import NOW, POLICY, TICKET, intake, move
from tests.support.driver import Driver
from tests.support.vault import NO_PLACE, vault_in

PHONE = Device(category="mobile", brand="Norden", imei="490154203237518")


async def told_devices(driver: Driver) -> dict[str, DeviceHistoryView]:
    """Hand the visits that the tickets sent to the devices' own step; return the histories by id."""
    for envelope, command in driver.envelopes(RecordDeviceVisit):
        await driver.pipe(command, id=envelope.id)
    return {key: view for key, view in driver.views().items() if isinstance(view, DeviceHistoryView)}


async def test_every_ticket_of_a_device_adds_to_its_history_and_its_end_completes_the_visit() -> None:
    driver = Driver(lambda app: wire(app, POLICY, vault_in(NO_PLACE)), "tickets", redeliver=True)
    await driver.pipe(intake(device=PHONE))
    await driver.pipe(move("cancelled", collector_verified=True))
    driver.clock.advance(timedelta(days=5))
    await driver.pipe(intake(device=PHONE, ticket_id="T-0002-abcd"))
    [history] = (await told_devices(driver)).values()
    assert history.device_id == device_id("main", PHONE)
    assert [(one.ticket_id, one.ended_as) for one in history.visits] == [(TICKET, "cancelled"), ("T-0002-abcd", None)]
    assert driver.dead() == []


async def test_a_visit_tells_what_a_technician_found_once_it_has_ended() -> None:
    driver = Driver(lambda app: wire(app, POLICY, vault_in(NO_PLACE)), "tickets")
    await driver.pipe(intake(device=PHONE))
    await driver.pipe(move("triage", bin="a1"))
    await driver.pipe(move("cancelled", collector_verified=True, fault_family="battery"))
    [history] = (await told_devices(driver)).values()
    assert [(one.ended_as, one.fault_family) for one in history.visits] == [("cancelled", "battery")]


async def test_a_corrected_number_moves_the_visit_to_the_right_device() -> None:
    driver = Driver(lambda app: wire(app, POLICY, vault_in(NO_PLACE)), "tickets")
    await driver.pipe(intake(device=PHONE))
    edit = FieldEdit(field="device.imei", to="356938035643809")
    await driver.pipe(AmendTicket(ticket_id=TICKET, actor="ann", reason="typing_error", changes=(edit,)))
    right = device_id("main", PHONE.model_copy(update={"imei": "356938035643809"}))
    assert [one.device_id for one in driver.read(RecordDeviceVisit)] == [device_id("main", PHONE), right]


def test_a_device_is_known_by_workspace_and_number_whatever_the_case_and_blanks() -> None:
    laptop = Device(category="laptop", brand="Lumen", serial=" lb14 23a ")
    same = Device(category="laptop", brand="LUMEN ", serial="LB1423A")
    assert device_id("main", laptop) == device_id("main", same) != device_id("harbour", same)
    assert device_id("main", Device(category="laptop", serial="  ")) is None


def test_flags_are_of_known_devices_and_are_set_once() -> None:
    name = device_id("main", PHONE) or ""
    wish = FlagDevice(device_id=name, kind="stolen", actor="ann")
    assert isinstance(decide_device(wish, None, NOW), Reject)
    history = DeviceHistoryView(device_id=name, workspace_id="main", device=PHONE)
    flagged = evolve_device(history, DeviceFlagged(device_id=name, kind="stolen", actor="ann", flagged_at=NOW))
    assert [one.kind for one in flagged.flags] == ["stolen"]
    assert decide_device(wish, flagged, NOW) == Drop("already_so")


@pytest.mark.parametrize(
    ("brand", "model", "asked"),
    [("Apple", "iPhone  7", "audio"), ("apple", "Apple iPhone 7", "audio"), ("Apple", "iPhone 8", ""), ("", "", "")],
)
def test_a_model_with_known_faults_asks_for_its_check(brand: str, model: str, asked: str) -> None:
    found = checks_for(Device(category="mobile", brand=brand, model=model))
    assert [asked in check for check in found] == ([True] if asked else [])


def test_names_in_the_file_are_written_as_they_are_compared() -> None:
    for one in known_checks():
        assert [one.brand, *one.models] == [" ".join(name.split()).casefold() for name in (one.brand, *one.models)]


async def test_an_erasure_destroys_the_key_first_and_makes_every_copy_unreadable(tmp_path: Path) -> None:
    vault = vault_in(tmp_path)
    driver = Driver(lambda app: wire(app, POLICY, vault), "tickets", redeliver=True)
    words = await vault.seal_text(TICKET, "It fell into the bath.")
    await driver.pipe(intake(complaint=words))
    await driver.pipe(move("cancelled", collector_verified=True), id=UUID(int=2))
    assert await vault.open_text(words) == "It fell into the bath."
    await driver.pipe(EraseTicket(ticket_id=TICKET, actor="ann", reason="customer_asked"))
    assert len(driver.read(TicketErased)) == 1
    assert words.encode() in b"".join(record.value or b"" for record in driver.log.records)
    assert await vault.open_text(words) is None
    view = driver.views()[TICKET]
    assert isinstance(view, TicketView)
    assert view.complaint == "(erased)"
