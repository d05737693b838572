"""A ticket diagnosed again over HTTP: what is known goes to the brain, and its real engine answers."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest

from connectors.blobs.content import put_content
from infra.demo.design import BOARD, FILE, KICAD_PCB
from processors.brain.decide import decide as answer_of
from processors.brain.diagnostician import Diagnostician
from processors.brain.state import evolve
from processors.gateway.bench import board_readings, known_readings
from processors.schematics.decide import Analysed, decide
from processors.schematics.summary import analyse
from schemas.core.envelope import Envelope
from schemas.core.message import Event, Message, View
from schemas.core.outcome import Emit
from schemas.devices import Device
from schemas.diagnoses import DiagnoseFault, DiagnosisView, Reading
from schemas.inspections import BoardInspected, Box, Finding, InspectionView
from schemas.schematics import AnalyseDesign, DesignAnalysed, DesignFile, DesignView
from tests.processors.gateway.world import NOW, TICKET, World, diagnosis, problem, ticket_view
from topics.diagnoses import DIAGNOSIS_VIEWS

URL = f"/v1/tickets/{TICKET}/diagnosis"
DEVICE = Device(category="laptop", brand="Lumen", model="Book 14", board_model=BOARD, serial="LB-1")
DEAD = "It does not turn on at all, completely dead."
RAILS = [
    {"what": "voltage +5V to ground", "where": "+5V", "measured": 5.02, "unit": "V"},
    {"what": "voltage +3V3 to ground", "where": "+3V3", "measured": 30, "unit": "mV"},
]


@cache
def engine() -> Diagnostician:
    return Diagnostician.shipped()


def brain(world: World) -> None:
    """Have commands answered as the brain would, with its shipped engine."""

    def answer(command: Message, envelope: Envelope) -> Sequence[tuple[Event, View | None]]:
        if not isinstance(command, DiagnoseFault):
            return []
        outcome = answer_of(command, engine().offline(command), envelope.time)
        assert isinstance(outcome, Emit)
        [event] = outcome.messages
        assert isinstance(event, Event)
        known = world.views.view(DIAGNOSIS_VIEWS, command.ticket_id, DiagnosisView)
        return [(event, evolve(known, event))]

    world.answer = answer


async def store_design(world: World) -> None:
    """Have the made-up board's file analysed and stored."""
    summary, content = analyse({FILE: KICAD_PCB.encode()})
    file = await world.blobs.put("designs", "uploads/main/x/0", KICAD_PCB.encode(), "application/octet-stream")
    found = Analysed(summary, await put_content(world.blobs, "designs", content, "application/json"))
    whose = {"design_id": f"main/{BOARD}", "workspace_id": "main", "board_model": BOARD}
    outcome = decide(AnalyseDesign(**whose, files=(DesignFile(name=FILE, blob=file),)), found, NOW)
    assert isinstance(outcome, Emit)
    [analysed] = outcome.messages
    assert isinstance(analysed, DesignAnalysed)
    world.feed(DesignView(**whose, analysed=analysed))


@pytest.fixture
async def known(world: World) -> World:
    """A ticket on a board with a stored design, and a brain."""
    brain(world)
    world.feed(ticket_view(device=DEVICE, complaint=DEAD))
    await store_design(world)
    return world


def share(event: dict[str, Any]) -> float:
    """Return the probability of a fault of the board."""
    return next((one["probability"] for one in event["faults"] if one["family"] == "system_board"), 0.0)


def asked(world: World) -> DiagnoseFault:
    command = world.sent[-1][1]
    assert isinstance(command, DiagnoseFault)
    return command


async def test_readings_bring_the_boards_suspect_into_the_diagnosis_and_the_next_measurement(known: World) -> None:
    async with known.client("tickets:read", "tickets:write") as client:
        first = (await client.post(URL, json={})).json()
        assert asked(known).suspects == ()
        second = await client.post(URL, json={"readings": RAILS, "complaint": {"symptom": "dead"}})
        timeline = (await client.get(f"/v1/tickets/{TICKET}/timeline")).json()
    assert second.status_code == 200, second.text
    body = second.json()
    event = body["event"]
    assert first["event"]["next_measurement"]["where"] == first["board"]["next_measurement"]["net"]
    assert share(event) > 1.5 * share(first["event"])
    told = [one["text"] for fault in event["faults"] for one in fault["evidence"] if one["source"] == "measurement"]
    assert any(text.startswith("Schematic: dead regulator on +3V3 in U1") for text in told), told
    assert body["board"]["suspects"][0]["kind"] == "dead_regulator"
    assert body["board"]["used"] == 2
    assert [one["where"] for one in event["readings"]] == ["+5V", "+3V3"]
    assert event["next_measurement"]["what"] == body["board"]["next_measurement"]["what"]
    assert event["next_measurement"]["what"] not in {one["what"] for one in RAILS}
    assert "Measured: voltage +5V to ground 5.02 V, voltage +3V3 to ground 30 mV." in str(timeline)


async def test_earlier_readings_stay_known_and_a_newer_one_of_the_same_place_replaces_them(known: World) -> None:
    again = {"what": "Voltage  +3V3 to ground", "where": "+3V3", "measured": 3.31, "unit": "V"}
    async with known.client("tickets:read", "tickets:write") as client:
        await client.post(URL, json={"readings": RAILS})
        await client.post(URL, json={"readings": [again]})
    assert [(one.where, one.measured) for one in asked(known).readings] == [("+5V", 5.02), ("+3V3", 3.31)]


async def test_what_the_board_cannot_take_is_told_and_goes_to_the_brain_all_the_same(known: World) -> None:
    readings = [
        {"what": "voltage", "where": "+3V2", "measured": 1, "unit": "V"},
        {"what": "Battery voltage at rest and under load", "normal": False},
    ]
    async with known.client("tickets:read", "tickets:write") as client:
        body = (await client.post(URL, json={"readings": readings})).json()
    assert "alike are +3V3" in body["board"]["unused"][0]
    assert len(asked(known).readings) == 2
    assert any("Battery voltage" in one["text"] for fault in body["event"]["faults"] for one in fault["evidence"])


async def test_findings_and_the_workspace_go_with_the_question(known: World) -> None:
    box = Box(x_px=1, y_px=1, width_px=5, height_px=5)
    seen = Finding(kind="burn", confidence=0.9, severity="high", photo=0, box=box, area_px=25)
    inspected = BoardInspected(
        ticket_id=TICKET, compared=True, findings=(seen,), photos_usable=1, photos_refused=0, engine="e",
        inspected_at=NOW,
    )  # fmt: skip
    known.feed(InspectionView(ticket_id=TICKET, status="inspected", inspected=inspected))
    async with known.client("tickets:read", "tickets:write") as client:
        assert (await client.post(URL, json={})).status_code == 200
    command = asked(known)
    assert (command.findings, command.workspace_id, command.earlier) == ((seen,), "main", ())


@pytest.mark.parametrize(
    ("device", "said"),
    [
        ({"board_model": None}, "names no board"),
        ({"board_model": "NZL-NB14-2"}, "PUT /v1/schematics/NZL-NB14-2"),
    ],
)
async def test_without_a_stored_design_the_readings_count_and_a_note_says_what_to_do(
    world: World, device: dict[str, Any], said: str
) -> None:
    brain(world)
    world.feed(ticket_view(device=DEVICE.model_copy(update=device), complaint=DEAD))
    async with world.client("tickets:write") as client:
        body = (await client.post(URL, json={"readings": RAILS})).json()
    assert (body["status"], body["board"]) == ("done", None)
    assert said in body["note"]


async def test_the_same_key_asks_once_and_a_brain_that_thinks_is_waited_for_elsewhere(known: World) -> None:
    known.answer = lambda command, envelope: []
    async with known.client("tickets:read", "tickets:write") as client:
        late = await client.post(URL, json={}, headers={"Idempotency-Key": "k-1"})
        again = await client.post(URL, json={}, headers={"Idempotency-Key": "k-1"})
    assert (late.status_code, late.json()["status"]) == (202, "accepted")
    assert late.headers["location"].endswith("/timeline")
    assert again.json()["status"] == "accepted"
    ids = {envelope.id for envelope, message in known.sent if isinstance(message, DiagnoseFault)}
    assert len(ids) == 1


async def test_an_unknown_part_a_full_record_and_an_erased_ticket_are_refused(known: World) -> None:
    async with known.client("tickets:read", "tickets:write") as client:
        wrong = await client.post(URL, json={"complaint": {"fails": ["U11"]}})
        assert "alike are U1" in problem(wrong, 404, "not_found")["detail"]
        many = [{"what": f"reading {number}", "normal": True} for number in range(200)]
        assert (await client.post(URL, json={"readings": many})).status_code == 200
        problem(await client.post(URL, json={"readings": RAILS}), 422, "validation")
        known.feed(ticket_view(device=DEVICE, erased_at=NOW, version=2))
        sent = len(known.sent)
        assert problem(await client.post(URL, json={}), 409, "refused")["guard"] == "erased"
    assert len(known.sent) == sent


def test_a_place_is_a_net_two_nets_or_a_part() -> None:
    def place(where: str, what: str = "resistance") -> tuple[str, str, str | None]:
        [one] = board_readings([Reading(what=what, where=where, measured=1, unit="ohm")])
        return one.net, one.other, one.quantity

    assert place("+3V3") == ("+3V3", "", None)
    assert place(" +5V to +3V3 ") == ("+5V", "+3V3", None)
    assert place("+3V3 to ground") == ("+3V3", "", None)
    assert place("PP3V3 at C512") == ("PP3V3", "", None)
    assert place("C512", "Diode mode") == ("C512", "", "diode")
    assert board_readings([Reading(what="x", where="y", unit="V"), Reading(what="x", measured=1, unit="V")]) == ()


def test_a_diagnosis_without_readings_knows_none() -> None:
    assert known_readings(None, ()) == ()
    assert known_readings(diagnosis(), [Reading(what="x")]) == (Reading(what="x"),)
