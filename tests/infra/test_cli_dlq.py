"""``noizylab dlq`` beside a broker: what each verb says about letters that wait, and that were dealt with."""

import asyncio

import pytest
from typer.testing import CliRunner

from connectors.bus.cluster import Cluster
from connectors.bus.publisher import KafkaPublisher
from infra.cli.main import app
from infra.letters import read_letters
from tests.infra.test_letters import letters_of_tickets


@pytest.fixture
async def spoken(
    shop_log: Cluster, publisher: KafkaPublisher, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> "Spoken":
    monkeypatch.setenv("NOIZYLAB_KAFKA", shop_log.bootstrap)
    await publisher.publish(await letters_of_tickets())
    [letter] = await read_letters(shop_log)
    return Spoken(capsys, letter.name)


class Spoken:
    """The command, and the name of the one letter there is."""

    def __init__(self, capsys: pytest.CaptureFixture[str], letter: str) -> None:
        self._capsys, self.letter = capsys, letter

    async def of(self, *arguments: str) -> tuple[int, str]:
        """Run a verb in a thread, as it has an event loop of its own; return its status and all that it says."""
        result = await asyncio.to_thread(CliRunner().invoke, app, ("dlq", *arguments))
        captured = self._capsys.readouterr()
        return result.exit_code, captured.out + captured.err + result.output


async def test_a_letter_that_was_dropped_says_by_whom_and_why_and_asks_for_nothing_more(spoken: Spoken) -> None:
    status, told = await spoken.of("show", spoken.letter)
    assert (status, "Next: " in told) == (0, True)
    drop = ("replay", "tickets", "--policy", "drop", "--name", spoken.letter, "--by", "ada", "--because", "a test")
    assert await spoken.of(*drop) == (0, "1 letter dropped\n")
    status, told = await spoken.of("show", spoken.letter)
    assert (status, "Next: " in told) == (0, False)
    assert told.splitlines()[-1].startswith("dropped ")
    assert told.endswith(" by ada: a test\n")


async def test_a_replay_that_finds_nothing_says_so(spoken: Spoken) -> None:
    assert (await spoken.of("replay", "tickets", "--policy", "drop"))[0] == 0
    for policy in ("stop", "reinsert", "drop"):
        status, told = await spoken.of("replay", "tickets", "--policy", policy)
        assert (status, told.startswith("no letters to deal with; ")) == (0, True)


async def test_a_replay_of_a_letter_that_is_not_there_touches_no_other(spoken: Spoken) -> None:
    status, told = await spoken.of("replay", "tickets", "--name", spoken.letter, "--name", "tickets/7/7")
    assert status == 1
    assert "no dead letter tickets/7/7, so nothing was done" in told
    assert "Next: " in (await spoken.of("show", spoken.letter))[1]
