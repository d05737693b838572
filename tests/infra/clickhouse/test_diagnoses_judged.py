"""What the warehouse says of the brain's calibration is what the brain says of the same events."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from connectors.clickhouse.port import Row
from connectors.clickhouse.server import ServerWarehouse
from infra.clickhouse.migrate import Migrator
from processors.analytics.rows import Record
from processors.analytics.sink import Sink
from processors.brain.reliability import Outcome, Reliability, reliability
from tests.support.facts import ListedLog, again, fact

BEGIN = datetime.now(UTC) - timedelta(days=20)
ENGINES, FAMILIES = ("offline/1", "offline/2", "claude/x"), ("screen", "battery", "power")


class Written(NamedTuple):
    """What a generated log says, in order, and the outcomes that the brain makes of it."""

    log: list[Record]
    outcomes: list[Outcome]


def _written(tickets: int, seed: int) -> Written:
    source, log, outcomes = random.Random(seed), list[Record](), list[Outcome]()

    def tell(kind: str, ticket: str, **data: Any) -> None:
        # Clocks of several machines: a later event may carry an earlier time.
        at = BEGIN + timedelta(minutes=len(log) + source.uniform(-60, 60))
        log.append(fact(kind, at, len(log), ticket, **data))

    for number in range(tickets):
        ticket, version, found, said = f"T-{number:04d}", 1, None, None
        for _ in range(source.randint(1, 5)):
            match source.choice(("diagnosed", "diagnosed", "abstained", "moved", "moved", "unranked")):
                case "moved":
                    version += 1
                    family = source.choice((None, *FAMILIES))
                    evidence = {} if family is None else {"fault_family": family}
                    found = family or found
                    tell("ticket.moved", ticket, version=version, evidence=evidence, from_state="a", to_state="b")
                case "unranked":
                    said = None
                    tell("diagnosis.abstained", ticket, engine=ENGINES[0], faults=[])
                case kind:
                    share = source.choice((0.0, 0.1, 0.3, 0.7, 1.0, source.random(), source.random()))
                    said = (source.choice(ENGINES), source.choice(FAMILIES), share)
                    faults = [{"family": said[1], "probability": share}, {"family": "liquid", "probability": 0.0}]
                    name = "fault.diagnosed" if kind == "diagnosed" else "diagnosis.abstained"
                    tell(name, ticket, engine=said[0], faults=faults)
        if said is not None and found is not None:
            outcomes.append(Outcome(said[0], said[1], found, said[2]))
    return Written(log, outcomes)


def _grouped(outcomes: list[Outcome]) -> Iterator[tuple[tuple[str, str], Reliability]]:
    for engine in ("all", *ENGINES):
        for family in ("all", *FAMILIES):
            held = [one for one in outcomes if engine in ("all", one.engine) and family in ("all", one.family)]
            if held:
                yield (engine, family), reliability([(one.confidence, one.right) for one in held])


def _numbers(one: Reliability) -> list[float]:
    return [one.outcomes, one.accuracy, one.said, one.ece, one.brier]


def _row_numbers(row: Row) -> list[float]:
    return [row[name] for name in ("outcomes", "accuracy", "said", "ece", "brier")]


async def _write(warehouse: ServerWarehouse, batches: list[list[Record]]) -> None:
    log = ListedLog([record for batch in batches for record in batch])
    sink = Sink(warehouse, log, linger_s=0.01)
    for batch in batches:
        await sink.write(batch)


async def test_the_view_counts_as_the_brain_does_when_events_come_late_and_twice(
    empty_database: ServerWarehouse,
) -> None:
    await Migrator(empty_database).apply()
    written = _written(tickets=300, seed=11)
    source = random.Random(5)
    copies = [again(one, len(written.log) + one.offset) for one in source.sample(written.log, len(written.log) // 2)]
    log = sorted([*written.log, *copies], key=lambda one: one.offset)
    await _write(empty_database, [log[: len(log) // 2], log[len(log) // 2 :]])

    rows = await empty_database.query("SELECT * FROM v_calibration")
    found = {(row["engine_version"], row["first_family"]): _row_numbers(row) for row in rows}
    wanted = {key: _numbers(one) for key, one in _grouped(written.outcomes)}
    assert found.keys() == wanted.keys()
    for key, numbers in wanted.items():
        # The brain rounds to four digits, a bin's two means before it takes their gap.
        assert found[key] == pytest.approx(numbers, abs=2e-4), key
    assert len(written.outcomes) > 100
    said = sum(b"fault.diagnosed" in dict(one.headers)["ce_type"] for one in written.log)
    [counted] = await empty_database.query(
        "SELECT countIf(NOT abstained) AS diagnosed, countIf(newest AND judged) AS outcomes FROM v_diagnoses_judged"
    )
    assert counted == {"diagnosed": said, "outcomes": len(written.outcomes)}


async def test_a_diagnosis_stands_a_row_with_what_was_found_and_when(empty_database: ServerWarehouse) -> None:
    await Migrator(empty_database).apply()
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    first = [{"family": "screen", "probability": 0.75}, {"family": "battery", "probability": 0.25}]
    log = [
        fact("fault.diagnosed", at, 0, engine="offline/1", faults=first),
        fact("fault.diagnosed", at + timedelta(hours=1), 1, engine="offline/2", faults=first[::-1]),
        fact("ticket.moved", at + timedelta(hours=3), 2, version=4, evidence={"fault_family": "battery"}),
        fact("ticket.moved", at + timedelta(hours=2), 3, version=3, evidence={"fault_family": "screen"}),
        fact("fault.diagnosed", at, 4, "T-0002", engine="offline/2", faults=first),
    ]
    await _write(empty_database, [log])
    rows = await empty_database.query(
        "SELECT ticket_id, engine, family, probability, newest, judged, found_family, right_first, "
        "dateDiff('hour', event_ts, found_at) AS hours "
        "FROM v_diagnoses_judged ORDER BY ticket_id, engine"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("T-0001", "offline/1", "screen", 0.75, False, True, "battery", False, 3),
        ("T-0001", "offline/2", "battery", 0.25, True, True, "battery", True, 2),
        ("T-0002", "offline/2", "screen", 0.75, True, False, "", False, None),
    ]
    [only] = await empty_database.query("SELECT outcomes, accuracy FROM v_calibration WHERE engine_version = 'all' "
                                        "AND first_family = 'all'")  # fmt: skip
    assert only == {"outcomes": 1, "accuracy": 1.0}


async def test_nothing_is_said_of_a_house_without_outcomes(empty_database: ServerWarehouse) -> None:
    await Migrator(empty_database).apply()
    assert await empty_database.query("SELECT * FROM v_calibration") == []
