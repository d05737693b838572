"""``noizylab brain``, as a process would see it."""

import json
from pathlib import Path

import pytest

from connectors.boards.memory import MemoryBoards
from connectors.bus.admin import apply_topics
from connectors.bus.app import App
from connectors.bus.cluster import Cluster
from connectors.bus.lookup import LogFollower
from connectors.bus.publisher import KafkaPublisher
from connectors.llm.port import Estimate, OverBudget, PartialSuggestion, Usage
from infra.cli import main
from infra.cli.brain import NO_KEY
from infra.model_costs import as_json, follow_progress, read_spending
from processors.brain.agent import around
from processors.brain.consult import Around
from processors.brain.photos import Photos
from processors.brain.purse import Budget
from processors.brain.spending import Spending
from tests.support.brokers import embedded_broker
from tests.support.vault import NO_PLACE
from topics.models import MODEL_EVENTS
from topics.progress import DIAGNOSIS_PROGRESS

ESTIMATE = Estimate("claude-opus-5-5", 1_000, 40.0)


def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["noizylab", "brain", *words])
    with pytest.raises(SystemExit) as left:
        main()
    out, err = capsys.readouterr()
    return int(left.value.code or 0), out, err


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "CLAUDE_MODEL"):
        monkeypatch.delenv(f"NOIZYLAB_{name}", raising=False)
    monkeypatch.setenv("NOIZYLAB_HOME", str(tmp_path))


def test_check_says_what_is_missing_without_a_key(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, err = said(monkeypatch, capsys, "check")
    assert status == 1
    assert NO_KEY in err


def test_check_goes_through_everything_against_the_fake(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = said(monkeypatch, capsys, "check", "--fake")
    assert status == 0
    lines = {line.split()[0] for line in out.splitlines()}
    assert lines == {"service", "models", "tokens", "look-ups", "stream", "answer", "cost"}
    assert "claude-opus-5-5 is active" in out
    assert "known_faults(battery)" in out


@pytest.mark.filterwarnings("ignore:The model:DeprecationWarning")  # the SDK's own, which says not what to set
def test_check_warns_of_a_model_that_ends_and_says_which_to_take(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NOIZYLAB_CLAUDE_MODEL", "claude-sonnet-4-5")
    status, out, _ = said(monkeypatch, capsys, "check", "--fake", "--json")
    found = json.loads(out)
    assert status == 1
    assert (found["ok"], found["listed"]) == (False, False)
    assert "set NOIZYLAB_CLAUDE_MODEL to claude-sonnet-5-5" in found["advice"]
    assert found["usage"]["turns"] == 2


def test_check_reports_what_a_wrong_key_meets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NOIZYLAB_ANTHROPIC_API_KEY", "k")
    monkeypatch.setenv("NOIZYLAB_ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    status, _, err = said(monkeypatch, capsys, "check")
    assert status == 1
    assert "check the network and the base URL" in err


class Worker:
    """The brain's part of a real log, as one worker has it."""

    def __init__(self, cluster: Cluster, publisher: KafkaPublisher, budget: Budget) -> None:
        spending = Spending()
        self.follower = LogFollower(
            cluster, "test-spending", (MODEL_EVENTS,), lambda record: spending.read(record.headers, record.value)
        )
        app = App("brain", cluster, publisher)
        photos = Photos(NO_PLACE, 0)
        self.around: Around = around(
            app, self.follower.catch_up, spending, budget, "claude-opus-5-5", photos, MemoryBoards()
        )


async def test_workers_on_a_real_log_share_one_budget_and_the_book_shows_it(tmp_path: Path) -> None:
    with embedded_broker(tmp_path) as address:
        cluster = Cluster(address)
        await apply_topics(cluster, (MODEL_EVENTS, DIAGNOSIS_PROGRESS), replicas=1)
        publisher = KafkaPublisher(cluster, client_id="test")
        await publisher.start()
        first, second = (Worker(cluster, publisher, Budget(day_cents=70)) for _ in range(2))
        try:
            await first.around.purse("T-00001").hold(ESTIMATE)
            other = second.around.purse("T-00002")
            with pytest.raises(OverBudget, match="day's budget"):
                await other.hold(ESTIMATE)
            third = Worker(cluster, publisher, Budget(day_cents=90))
            purse = third.around.purse("T-00002")
            await purse.hold(ESTIMATE)
            used = Usage(model="claude-opus-5-5", turns=1, input_tokens=5, output_tokens=6, cost_cents=1.25)
            await purse.settle(used, "answered")
            await third.follower.close()
            book = as_json(await read_spending(cluster), 7)
            first.around.tell("T-00001", PartialSuggestion("answering", "Wet inside"))
            async for progress in follow_progress(cluster, from_start=True):
                assert (progress.ticket_id, progress.summary) == ("T-00001", "Wet inside")
                break
        finally:
            await first.follower.close()
            await second.follower.close()
            await publisher.stop()
    [day] = book["days"]
    assert (day["usd"], day["held_usd"], day["requests"]) == (0.0125, 0.4, 1)
    assert day["outcomes"] == {"over_budget": 1, "answered": 1}
    assert book["repairs"][0] == {"repair_id": "T-00001", "usd": 0.4}


def test_costs_and_its_budgets_are_shown_from_the_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with embedded_broker(tmp_path) as address:
        monkeypatch.setenv("NOIZYLAB_KAFKA", address)
        status, out, _ = said(monkeypatch, capsys, "costs")
    assert status == 0
    assert "no language model was asked yet" in out
