"""A ticket on a board with a stored design: diagnosed, measured, diagnosed again, and replayed from its evidence."""

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.intake.submit import new_ticket_id
from infra.demo.design import BOARD, KICAD_PCB
from schemas.diagnoses import DiagnosisAbstained, FaultDiagnosed
from schemas.tickets import TicketOpened
from tests.scenarios.live import bare_clerk, command, eventually, intake_by_phone, live_shop
from tests.scenarios.test_schematics import URL, put

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

DEAD = "The laptop does not turn on at all, it is completely dead."
RAILS = [
    {"what": "voltage +5V to ground", "where": "+5V", "measured": 5.02, "unit": "V"},
    {"what": "voltage +3V3 to ground", "where": "TP1", "measured": 30, "unit": "mV"},
]


async def test_readings_change_a_diagnosis_and_it_can_be_made_again_from_its_evidence(tmp_path: Path) -> None:
    workers = ("schematics", "tickets", "brain")
    async with live_shop(tmp_path / "home", workers, gateway=True) as shop, await bare_clerk(shop) as client:
        await put(client, KICAD_PCB)

        async def stored() -> bool:
            return (await client.get(f"{URL}/parts/U1")).status_code == 200

        await eventually("index of the board", stored, 60.0)
        ticket = new_ticket_id()
        intake = intake_by_phone(ticket, DEAD)
        await shop.send(
            intake.model_copy(update={"device": intake.device.model_copy(update={"board_model": BOARD})}), ticket
        )
        await shop.log.first(ticket, TicketOpened)

        async def known() -> bool:
            return (await client.get(f"/v1/tickets/{ticket}")).status_code == 200

        await eventually("view of the ticket", known)

        async def diagnosed(bench: dict[str, Any], so_far: int) -> dict[str, Any]:
            """Ask again; the brain may take longer than the gateway waits. Return the event and the board's answer."""
            answer = await client.post(f"/v1/tickets/{ticket}/diagnosis", json=bench)
            assert answer.status_code in {200, 202}, answer.text

            def said() -> list[FaultDiagnosed | DiagnosisAbstained]:
                return [*shop.log.of(ticket, FaultDiagnosed), *shop.log.of(ticket, DiagnosisAbstained)]

            await shop.log.until("a diagnosis", lambda: len(said()) > so_far, 60.0)
            [event] = [one for one in said() if len(one.readings) == len(bench.get("readings", ()))]
            return {**answer.json(), "event": event}

        first = await diagnosed({}, 0)
        second = await diagnosed({"readings": RAILS, "complaint": {"symptom": "dead"}}, 1)
        asked = first["event"].next_measurement
        assert asked.where == first["board"]["next_measurement"]["net"]
        [board] = [one for one in second["event"].faults if one.family == "system_board"]
        before = [one.probability for one in first["event"].faults if one.family == "system_board"]
        assert board.probability > max(before, default=0.0)
        assert any(one.text.startswith("Schematic: dead regulator on +3V3 in U1") for one in board.evidence), board
        following = second["event"].next_measurement
        assert following.what == second["board"]["next_measurement"]["what"]

        replayed = await command(shop.settings, "brain", "replay", ticket, "--json")
        assert replayed.status == 0, replayed.err
        assert [one["equal"] for one in json.loads(replayed.out)] == [True, True], replayed.out
