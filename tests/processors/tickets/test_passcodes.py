"""The rules of the passcode's ledger, by table, by random commands, and as they are wired."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.blobs.local import LocalBlobs
from connectors.bus.app import App
from connectors.bus.cluster import Cluster
from connectors.bus.engine import EngineLimits
from connectors.bus.publisher import KafkaPublisher
from connectors.bus.restore import LogReader
from connectors.clock.clock import SettableClock
from connectors.vault.master_key import MasterKey
from connectors.vault.passcodes import Passcode, SealedPasscodes
from processors.tickets.following.agent import wire_following
from processors.tickets.passcodes.agent import wire_passcodes
from processors.tickets.passcodes.decide import PasscodePolicy, decide, held_of, next_due
from processors.tickets.passcodes.state import evolve
from schemas.core.envelope import Envelope
from schemas.core.message import Command, Event
from schemas.core.outcome import Drop, Reject
from schemas.passcodes import (
    CheckPasscode,
    EndPasscode,
    PasscodeExpired,
    PasscodePurged,
    PasscodePurgePlanned,
    PasscodeReadAgain,
    PasscodeRefused,
    PasscodeStored,
    PasscodesView,
    PasscodeUnlocked,
    PurgePasscode,
    ReadPasscode,
    StorePasscode,
    UnlockPasscode,
)
from schemas.tickets import TicketMoved, TicketState
from tests.support.driver import Driver
from topics.passcodes import PASSCODE_COMMANDS, PASSCODE_EVENTS
from topics.registry import class_of

T = "T-0001"
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RULES = PasscodePolicy()
STORE = StorePasscode(ticket_id=T, kind="pin", tasks=("diagnosis", "repair"), stored_by="ann", caller="api_key:a")
PURGE = PurgePasscode(ticket_id=T)


def unlock(caller: str = "api_key:b", **changes: object) -> UnlockPasscode:
    base = UnlockPasscode(ticket_id=T, task="repair", reason="test", unlocked_by="bob", caller=caller)
    return base.model_copy(update=changes)


class Ledger:
    """The decisions and the fold, one command after another."""

    def __init__(self) -> None:
        self.view: PasscodesView | None = None
        self.ids: list[UUID] = []

    def say(self, command: Command, at: datetime = NOON) -> list[Event]:
        outcome = decide(command, self.view, at, RULES)
        assert not isinstance(outcome, Reject)
        if isinstance(outcome, Drop):
            return []
        self.ids += [one for one in outcome.ids if one is not None]
        events = [event for event in outcome.messages if isinstance(event, Event)]
        for event in events:
            if not isinstance(event, PasscodeRefused):
                self.view = evolve(self.view or PasscodesView(ticket_id=T), event)
        return events


@pytest.fixture
def stored() -> Ledger:
    ledger = Ledger()
    ledger.say(STORE)
    return ledger


def refusal(events: Sequence[Event]) -> str:
    [event] = events
    assert isinstance(event, PasscodeRefused)
    assert event.detail.endswith(".")
    return event.reason


def test_an_unlock_lasts_a_quarter_of_an_hour_and_each_reading_is_counted(stored: Ledger) -> None:
    [opened] = stored.say(unlock())
    assert isinstance(opened, PasscodeUnlocked)
    assert (opened.passcode, opened.unlock, opened.open_until) == (1, 1, NOON + 15 * MINUTE)
    read = ReadPasscode(ticket_id=T, unlock=1, caller="api_key:b")
    counts = [event.read for event in stored.say(read) + stored.say(read) if isinstance(event, PasscodeReadAgain)]
    assert counts == [1, 2]
    expired, refused = stored.say(read, NOON + 15 * MINUTE)
    assert expired == PasscodeExpired(ticket_id=T, unlock=1, reads=2, expired_at=NOON + 15 * MINUTE)
    assert refusal([refused]) == "expired"


def test_what_somebody_else_opened_is_not_read_but_may_be_opened_again(stored: Ledger) -> None:
    stored.say(unlock())
    other = "api_key:c"
    assert refusal(stored.say(ReadPasscode(ticket_id=T, unlock=1, caller=other))) == "not_yours"
    [again] = stored.say(unlock(other, unlocked_by="cleo"))
    assert isinstance(again, PasscodeUnlocked)
    assert stored.view is not None
    assert [one.unlocked_by for one in stored.view.unlocks] == ["bob", "cleo"]


def test_it_is_opened_only_for_the_tasks_that_the_customer_agreed_to(stored: Ledger) -> None:
    assert refusal(stored.say(unlock(task="data_backup"))) == "task_not_agreed"


@pytest.mark.parametrize("command", [unlock(), PURGE])
def test_without_a_passcode_there_is_nothing_to_open_or_destroy(command: Command) -> None:
    assert refusal(Ledger().say(command)) == "no_passcode"


def test_it_is_opened_six_times_in_any_hour_and_no_more(stored: Ledger) -> None:
    for minute in range(6):
        stored.say(unlock(), NOON + minute * MINUTE)
    *_, refused = stored.say(unlock("api_key:z"), NOON + 59 * MINUTE)
    assert refusal([refused]) == "too_many_unlocks"
    assert isinstance(refused, PasscodeRefused)
    assert "13:00 UTC" in refused.detail
    assert isinstance(stored.say(unlock(), NOON + 60 * MINUTE)[-1], PasscodeUnlocked)
    assert refusal(stored.say(unlock(), NOON + 60 * MINUTE)[-1:]) == "too_many_unlocks"


def test_a_new_passcode_destroys_the_one_before_and_ends_its_unlocks(stored: Ledger) -> None:
    stored.say(unlock())
    purged, again = stored.say(STORE, NOON + MINUTE)
    assert purged == PasscodePurged(ticket_id=T, passcode=1, reason="replaced", purged_at=NOON + MINUTE)
    assert isinstance(again, PasscodeStored)
    assert again.passcode == 2
    late = ReadPasscode(ticket_id=T, unlock=1, caller="api_key:b")
    assert refusal(stored.say(late, NOON + 2 * MINUTE)) == "expired"


def test_it_is_destroyed_some_days_after_the_end_and_at_once_on_request(stored: Ledger) -> None:
    ended_at = NOON + timedelta(hours=5)
    [planned] = stored.say(EndPasscode(ticket_id=T, ended_at=ended_at), ended_at)
    gone_at = ended_at + timedelta(days=3)
    assert planned == PasscodePurgePlanned(ticket_id=T, passcode=1, purge_at=gone_at)
    assert stored.say(EndPasscode(ticket_id=T, ended_at=ended_at), ended_at) == []
    [purged] = stored.say(CheckPasscode(ticket_id=T, looked_at=gone_at), gone_at + timedelta(days=1))
    assert purged == PasscodePurged(ticket_id=T, passcode=1, reason="ended", purged_at=gone_at)
    stored.say(STORE, gone_at)
    [asked] = stored.say(PURGE, gone_at + MINUTE)
    assert isinstance(asked, PasscodePurged)
    assert (asked.passcode, asked.reason) == (2, "asked")


def test_the_passcode_of_a_ticket_that_never_ends_is_destroyed_too(stored: Ledger) -> None:
    late = NOON + timedelta(days=180)
    purged, refused = stored.say(unlock(), late)
    assert purged == PasscodePurged(ticket_id=T, passcode=1, reason="kept_too_long", purged_at=late)
    assert refusal([refused]) == "no_passcode"
    ended = EndPasscode(ticket_id=T, ended_at=late)
    assert isinstance(decide(ended, stored.view, late, RULES), Drop)


def test_an_unlock_ends_with_the_passcode_and_only_once(stored: Ledger) -> None:
    purge_at = NOON + timedelta(days=180)
    stored.say(unlock(), purge_at - 5 * MINUTE)
    [purged] = stored.say(CheckPasscode(ticket_id=T, looked_at=purge_at + timedelta(days=1)))
    assert isinstance(purged, PasscodePurged)
    assert stored.view is not None
    assert [one.ended_at for one in stored.view.unlocks] == [purge_at]


def test_an_erasure_destroys_it_and_asks_for_nothing_where_there_is_none(stored: Ledger) -> None:
    erase = PurgePasscode(ticket_id=T, reason="erased")
    [purged] = stored.say(erase)
    assert isinstance(purged, PasscodePurged)
    assert stored.say(erase) == []


COMMANDS = st.one_of(
    st.just(STORE),
    st.builds(unlock, st.sampled_from(["api_key:b", "api_key:c"])),
    st.builds(lambda n: ReadPasscode(ticket_id=T, unlock=n, caller="api_key:b"), st.integers(1, 5)),
    st.just(PURGE),
    st.just("end"),
    st.just("check"),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(COMMANDS, st.integers(0, 3000)), max_size=40))
def test_whatever_is_asked_nothing_stays_open_past_its_time_and_each_end_is_stated_once(
    asked: list[tuple[Command | str, int]],
) -> None:
    ledger, at = Ledger(), NOON
    for command, minutes in asked:
        at += minutes * MINUTE
        if command == "end":
            command = EndPasscode(ticket_id=T, ended_at=at)
        elif command == "check":
            command = CheckPasscode(ticket_id=T, looked_at=at)
        assert isinstance(command, Command)
        ledger.say(command, at)
        view = ledger.view
        if view is None:
            continue
        due = next_due(view)
        assert due is None or due > at
        held = held_of(view)
        assert sum(one.purged_at is None for one in view.passcodes) == (held is not None)
        for one in view.unlocks:
            open_now = one.ended_at is None
            assert not open_now or (at < one.open_until and held is not None and held.passcode == one.passcode)
            assert one.ended_at is None or one.ended_at <= one.open_until
    assert len(ledger.ids) == len(set(ledger.ids))


# --- as it is wired


class Shop:
    """The processor over a log in memory with a real vault, its inbox fed back to it, killed between all records."""

    def __init__(self, path: Path, *, times: int = 1) -> None:
        self.vault = SealedPasscodes(LocalBlobs(path), MasterKey(b"k" * 32))
        self.driver = Driver(self._wire, "tickets", clock=SettableClock(NOON))
        self.times, self.fed = times, 0

    def _wire(self, app: App) -> None:
        wire_following(app)
        wire_passcodes(app, self.vault, RULES)

    async def hear(self, message: Command | Event) -> None:
        sent = uuid4()
        for _ in range(self.times):
            await self.driver.pipe(message, id=sent)
            self.driver.restart()
        inbox = self.driver.log.of(PASSCODE_COMMANDS)
        while self.fed < len(inbox):
            for _ in range(self.times):
                await self.driver.feed(inbox[self.fed])
                self.driver.restart()
            self.fed += 1


def moved(state: TicketState) -> TicketMoved:
    return TicketMoved(ticket_id=T, from_state="ready", to_state=state, reason="r", actor="a", version=9, moved_at=NOON)


@pytest.mark.parametrize("times", [1, 2])
async def test_a_collected_device_loses_its_passcode_in_the_vault_after_some_days(tmp_path: Path, times: int) -> None:
    shop = Shop(tmp_path, times=times)
    await shop.hear(STORE)
    await shop.vault.keep(T, 1, Passcode(kind="pin", code="483917"))
    await shop.hear(moved("rework"))
    assert shop.driver.read(EndPasscode) == []
    await shop.hear(moved("collected"))
    [planned] = shop.driver.read(PasscodePurgePlanned)
    await shop.hear(CheckPasscode(ticket_id=T, looked_at=planned.purge_at - MINUTE))
    assert await shop.vault.open(T, 1) is not None
    await shop.hear(CheckPasscode(ticket_id=T, looked_at=planned.purge_at))
    assert await shop.vault.open(T, 1) is None
    [purged] = shop.driver.read(PasscodePurged)
    assert purged.reason == "ended"
    assert shop.driver.dead() == []


async def test_events_of_tickets_go_on_to_the_clocks_as_well(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    await shop.driver.pipe(moved("collected"))
    written = {record.topic for record in shop.driver.log.records}
    assert written == {"clocks.commands.v1", "passcodes.commands.v1"}


# --- on a real log, with its own timer


async def _said(cluster: Cluster, until: type[Event]) -> list[Event]:
    """Follow the events of passcodes until one of a type comes; each id counts once."""
    found: dict[UUID, Event] = {}
    async with LogReader(cluster, "test") as reader, asyncio.timeout(40):
        async for batch in reader.follow(await reader.partitions([PASSCODE_EVENTS.name]), from_start=True):
            for record in batch:
                envelope = Envelope.from_headers(record.headers)
                event = class_of(envelope.type).model_validate_json(record.value or b"")
                assert isinstance(event, Event)
                found.setdefault(envelope.id, event)
            if any(isinstance(event, until) for event in found.values()):
                return list(found.values())
    raise AssertionError("the log ended")


async def test_after_standstill_ends_what_was_open_and_destroys_what_was_due_at_their_true_times(
    cluster: Cluster, tmp_path: Path
) -> None:
    vault = SealedPasscodes(LocalBlobs(tmp_path / "blobs"), MasterKey(b"k" * 32))
    publisher, clock = KafkaPublisher(cluster, client_id="test"), SettableClock(NOON)

    def worker() -> App:
        # Within this time the broker must answer where its logs end, on a busy machine too.
        app = App("tickets", cluster, publisher, clock=clock, engine_limits=EngineLimits(watch_interval_s=1.0))
        wire_passcodes(app, vault, RULES)
        return app

    await publisher.start()
    try:
        first = worker()
        await first.start()
        await first.tell(STORE, correlation_id=T)
        await first.tell(unlock(), correlation_id=T)
        await _said(cluster, PasscodeUnlocked)
        await vault.keep(T, 1, Passcode(kind="pin", code="483917"))
        await first.stop()
        clock.advance(timedelta(days=200))
        second = worker()
        await second.start()
        events = await _said(cluster, PasscodePurged)
        await second.stop()
    finally:
        await publisher.stop()
    assert [type(event) for event in events] == [PasscodeStored, PasscodeUnlocked, PasscodeExpired, PasscodePurged]
    expired, purged = events[-2:]
    assert isinstance(expired, PasscodeExpired)
    assert expired.expired_at == NOON + RULES.unlock_for
    assert isinstance(purged, PasscodePurged)
    assert (purged.purged_at, purged.reason) == (NOON + RULES.keep_at_most, "kept_too_long")
    assert await vault.open(T, 1) is None
