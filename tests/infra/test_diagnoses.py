import json
from pathlib import Path
from uuid import UUID

import pytest
from typer.testing import CliRunner

from connectors.bus.cluster import Cluster
from connectors.bus.publisher import KafkaPublisher
from connectors.bus.records import Outgoing
from infra.cli import brain as verbs
from infra.diagnoses import Replayed, read_calibration, replay_diagnoses
from processors.brain.agent import wire
from processors.brain.diagnostician import Diagnostician
from schemas.core.envelope import Envelope
from tests.infra.tickets import TICKET, two_tickets
from tests.processors.brain.cases import question
from tests.support.driver import START, Driver
from tests.support.vault import vault_in
from topics.diagnoses import DIAGNOSIS_COMMANDS, DIAGNOSIS_EVENTS

COMMAND = UUID(int=7)


async def diagnosed(path: Path) -> list[Outgoing]:
    """Return the log of a brain that diagnosed a ticket, with the command that asked, whose complaint lies sealed."""
    vault = vault_in(path)
    sealed = await vault.seal_text(TICKET, "the battery drains within an hour")
    asked = question("x").model_copy(update={"ticket_id": TICKET, "complaint": sealed})
    driver = Driver(lambda app: wire(app, Diagnostician.shipped(), vault), "brain")
    await driver.pipe(asked, id=COMMAND, correlation_id=TICKET)
    envelope = Envelope(COMMAND, "/noizylab/test", asked.TYPE, TICKET, START, START, TICKET)
    return [
        Outgoing(DIAGNOSIS_COMMANDS.name, TICKET.encode(), asked.to_json(), envelope.to_headers()),
        *driver.log.records,
    ]


async def test_a_diagnosis_is_made_again_from_the_command_that_asked(
    shop_log: Cluster, publisher: KafkaPublisher, tmp_path: Path
) -> None:
    records = await diagnosed(tmp_path)
    await publisher.publish(records)
    (found,) = await replay_diagnoses(shop_log, vault_in(tmp_path), TICKET)
    assert found.equal
    assert found.ticket_id == TICKET
    assert await replay_diagnoses(shop_log, vault_in(tmp_path), str(found.event_id)) == [found]
    assert await replay_diagnoses(shop_log, vault_in(tmp_path), "T-0404") == []


async def test_says_when_the_evidence_is_gone(shop_log: Cluster, publisher: KafkaPublisher, tmp_path: Path) -> None:
    records = await diagnosed(tmp_path)
    await publisher.publish([one for one in records if one.topic == DIAGNOSIS_EVENTS.name])
    (found,) = await replay_diagnoses(shop_log, vault_in(tmp_path), TICKET)
    assert found.differences == ("evidence: the command that asked is no longer on the log; its retention is over",)


async def test_reads_how_far_the_brain_can_be_believed_from_the_views(
    shop_log: Cluster, publisher: KafkaPublisher, tmp_path: Path
) -> None:
    assert (await read_calibration(shop_log))["all"]["outcomes"] == 0
    tickets = await two_tickets(fault_family="battery")
    await publisher.publish([*tickets.log.records, *await diagnosed(tmp_path)])
    report = await read_calibration(shop_log)
    assert report["all"]["outcomes"] == 1
    assert report["by_family"]["battery"]["accuracy"] == 1.0


def test_the_verb_says_which_diagnosis_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    async def found(*_: object) -> list[Replayed]:
        return [Replayed(COMMAND, TICKET, "offline/x", ("hazards: it was [], now it is [1]",))]

    monkeypatch.setattr(verbs, "_replay", found)
    told = CliRunner().invoke(verbs.app, ["replay", TICKET])
    assert told.exit_code == 1
    assert "hazards: it was [], now it is [1]" in told.output
    assert json.loads(CliRunner().invoke(verbs.app, ["replay", TICKET, "--json"]).output)[0]["equal"] is False
