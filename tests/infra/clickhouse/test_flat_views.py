"""The views for people: flat, described, with a time to choose by, and as many rows as lists had entries."""

from datetime import UTC, datetime, timedelta

from connectors.clickhouse.server import ServerWarehouse
from infra.clickhouse.migrate import Migrator
from processors.analytics.figures import FIGURES
from processors.analytics.sink import Sink
from tests.support.facts import ListedLog, again, fact

LISTS = {"v_forecast_runs": ("anomalies", "v_forecast_anomalies")}
"""A list that a program reads as one, and the view that has it a row each."""
TOTALS = {
    "v_calibration": "v_diagnoses_judged",
    "v_faults_ranked": "v_faults",
    "v_inspection_findings": "v_findings",
    "v_notifications": "v_notified",
    "v_open_tickets_age": "v_tickets",
    "v_parts": "v_part_lines",
    "v_tickets_by_state": "v_tickets",
}
"""What is counted over all time or as of now, and the view with the times of what was counted."""


async def test_every_view_is_flat_has_a_time_and_says_what_it_holds(empty_database: ServerWarehouse) -> None:
    await Migrator(empty_database).apply()
    rows = await empty_database.query(
        "SELECT table, name, type FROM system.columns WHERE database = currentDatabase() AND startsWith(table, 'v_')"
    )
    views: dict[str, dict[str, str]] = {}
    for row in rows:
        views.setdefault(row["table"], {})[row["name"]] = row["type"]
    lists = {
        (view, name)
        for view, columns in views.items()
        for name, kind in columns.items()
        if any(word in kind for word in ("Array(", "Tuple(", "Map(", "AggregateFunction(uniq", "JSON"))
    }
    assert lists == {(view, name) for view, (name, _) in LISTS.items()}
    timeless = {view for view, columns in views.items() if not any("Date" in kind for kind in columns.values())}
    assert timeless == set(TOTALS)
    assert {*TOTALS.values(), *(beside for _, beside in LISTS.values())} <= set(views) - timeless

    said = await empty_database.query(
        "SELECT name, comment FROM system.tables WHERE database = currentDatabase() AND startsWith(name, 'v_')"
    )
    comments = {row["name"]: row["comment"] for row in said}
    assert [view for view, comment in comments.items() if not comment] == []
    for figure in FIGURES:
        assert comments[figure.view] == figure.definition


async def test_lists_of_an_event_stand_a_row_each_however_often_it_came(empty_database: ServerWarehouse) -> None:
    await Migrator(empty_database).apply()
    at = datetime.now(UTC) - timedelta(days=1)
    part, other = {"sku": "battery.laptop", "quantity": 1}, {"sku": "screen.laptop", "quantity": 2}
    faults = [{"family": "a", "probability": 0.5}, {"family": "b", "probability": 0.25}]
    once = [
        fact("fault.diagnosed", at, 0, faults=faults),
        fact("board.inspected", at, 1, findings=[{"kind": "burn", "confidence": 0.5}]),
        fact("parts.short", at, 2, lines=[part], missing=[other]),
        fact("parts.committed", at, 3, lines=[other]),
        fact("notification.failed", at, 4, template="quote_ready"),
    ]
    log = [*once, *(again(record, 10 + record.offset) for record in once)]
    await Sink(empty_database, ListedLog(log), linger_s=0.01).write(log)

    async def rows(sql: str) -> list[tuple[object, ...]]:
        return [tuple(row.values()) for row in await empty_database.query(sql)]

    assert await rows("SELECT rank, family, probability FROM v_faults ORDER BY rank") == [(1, "a", 0.5), (2, "b", 0.25)]
    assert await rows("SELECT kind, confidence FROM v_findings") == [("burn", 0.5)]
    assert await rows("SELECT kind, sku, pieces FROM v_part_lines ORDER BY kind") == [
        ("missing", "screen.laptop", 2), ("reserved", "battery.laptop", 1), ("used", "screen.laptop", 2),
    ]  # fmt: skip
    assert await rows("SELECT template, outcome FROM v_notified") == [("quote_ready", "failed")]
    assert await rows("SELECT count() FROM v_events") == [(len(once),)]


async def test_what_language_models_cost_stands_a_row_a_request(empty_database: ServerWarehouse) -> None:
    await Migrator(empty_database).apply()
    at = datetime.now(UTC) - timedelta(days=1)
    asked = {
        "day": "2026-03-02",
        "repair_id": "T-0001",
        "model": "claude-opus-5-5",
        "outcome": "answered",
        "output_tokens": 400,
        "spent_usd_micros": 12_000,
    }
    once = [fact("model.reserved", at, 0, day="2026-03-02"), fact("model.asked", at, 1, **asked)]
    log = [*once, again(once[1], 11)]
    await Sink(empty_database, ListedLog(log), linger_s=0.01).write(log)

    found = await empty_database.query(
        "SELECT toString(day) AS day, repair_id, model, outcome, output_tokens, spent_usd_micros FROM v_model_requests"
    )
    assert found == [asked]
