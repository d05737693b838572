"""``noizylab analytics``: the schema forward, back, and where it stands, on a running server."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.clickhouse.layout import ADMIN
from infra.clickhouse.migrate import load_migrations
from tests.infra.test_cli import said
from tests.support.clickhouse import connect, shared_server

DATABASE = "cli_analytics"


@pytest.fixture
def _server(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with shared_server() as server:
        url = f"http://{ADMIN}:{server.passwords[ADMIN]}@127.0.0.1:{server.http_port}/{DATABASE}"
        monkeypatch.setenv("NOIZYLAB_HOME", str(tmp_path))
        monkeypatch.setenv("NOIZYLAB_CLICKHOUSE", url)
        yield
        root = connect(server)
        asyncio.run(root.command(f"DROP DATABASE IF EXISTS {DATABASE}"))
        asyncio.run(root.close())


@pytest.mark.usefixtures("_server")
def test_schema_goes_forward_and_back_and_says_where_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    newest = len(load_migrations())
    assert said(capsys, "analytics", "migrate")[0] == 0
    status, told, _ = said(capsys, "analytics", "status")
    assert (status, told.count(": applied")) == (0, newest)

    _, told, _ = said(capsys, "analytics", "rollback", "--to", str(newest - 1), "--dry-run")
    assert f"-- {newest:04}" in told
    assert "DROP" in told
    assert said(capsys, "analytics", "status")[0] == 0, "a dry run changes nothing"

    assert "taken back" in said(capsys, "analytics", "rollback", "--to", str(newest - 1), "--yes")[1]
    status, told, complaint = said(capsys, "analytics", "status")
    assert (status, told.count(": applied"), told.count(": reverted")) == (1, newest - 1, 1)
    assert "run `noizylab analytics migrate`" in complaint

    _, told, _ = said(capsys, "analytics", "migrate", "--dry-run")
    assert f"-- {newest:04}" in told
    assert "CREATE" in told
    assert f"applied {newest:04}" in said(capsys, "analytics", "migrate")[1]


@pytest.mark.usefixtures("_server")
def test_dry_run_shows_the_statements_of_a_cluster(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said(capsys, "analytics", "migrate")
    said(capsys, "analytics", "rollback", "--to", "4", "--yes")
    monkeypatch.setenv("NOIZYLAB_CLICKHOUSE_CLUSTER", "shop")
    _, told, _ = said(capsys, "analytics", "migrate", "--dry-run")
    assert "ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', ver)" in told
    assert "ON CLUSTER 'shop'" in told
    monkeypatch.delenv("NOIZYLAB_CLICKHOUSE")
    status, _, complaint = said(capsys, "analytics", "status")
    assert status == 1
    assert "set NOIZYLAB_CLICKHOUSE to a server" in complaint


@pytest.mark.usefixtures("_server")
def test_a_view_or_figure_becomes_a_file_or_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    said(capsys, "analytics", "migrate")
    target = tmp_path / "ages.csv"
    status, told, _ = said(capsys, "analytics", "export", "v_open_tickets_age", "--out", str(target))
    assert (status, target.read_text()) == (0, '"age","tickets","oldest_hours"\n')
    assert f"{target.stat().st_size} bytes" in told

    parquet = ("analytics", "export", "v_ticket_snapshots", "--format", "parquet", "--workspace", "main")
    assert said(capsys, *parquet, "--from", "2026-03-01", "--to", "2026-04-01", "--out", str(target))[0] == 0
    assert target.read_bytes()[:4] == b"PAR1"

    assert said(capsys, "analytics", "export", "turnaround", "--from", "2026-03-01", "--out", str(target))[0] == 0
    assert target.read_text().startswith('"phase","tickets","p50_hours"')

    for view, options, complaint in (
        ("v_nothing", (), "v_ticket_snapshots"),
        ("v_tickets_by_state", ("--from", "2026-03-01"), "leave the period out"),
        ("v_tickets_by_state", ("--workspace", "main"), "leave --workspace out"),
    ):
        fresh = tmp_path / "fresh.csv"
        status, _, told = said(capsys, "analytics", "export", view, *options, "--out", str(fresh))
        assert (status, list(tmp_path.glob("fresh*"))) == (1, []), view
        assert complaint in told
    nowhere = str(tmp_path / "no" / "where.csv")
    assert "choose another --out" in said(capsys, "analytics", "export", "v_tickets", "--out", nowhere)[2]
