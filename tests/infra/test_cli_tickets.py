"""The verbs that put tables in and take them out, against an edge that listens on a port."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn
from typer.testing import CliRunner

from infra.cli.main import app
from infra.settings import read_settings
from infra.supervise import free_ports
from infra.web import open_keyring
from processors.gateway.edge.deps import Edge
from tests.processors.gateway.world import World, ticket_view


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    [port] = free_ports(1)
    monkeypatch.setenv("NOIZYLAB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NOIZYLAB_GATEWAY_PORT", str(port))
    world = World(tmp_path)
    deps = world.app.state.edge.deps
    world.app.state.edge = Edge(replace(deps, keyring=open_keyring(read_settings())))
    server = uvicorn.Server(uvicorn.Config(world.app, host="127.0.0.1", port=port, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
        assert thread.is_alive()
    yield world
    server.should_exit = True
    thread.join()


def test_imports_a_file_and_says_of_each_row_what_became_of_it(shop: World, tmp_path: Path) -> None:
    file, report = tmp_path / "old.csv", tmp_path / "report.jsonl"
    file.write_text("Kunde;Gerät;Fehler;Regal\nAda;iPhone;Ton weg;B2\n;TV;dunkel;\n")
    arguments = ["tickets", "import", str(file), "--consent", "2026-01", "--report", str(report)]
    dry = CliRunner().invoke(app, [*arguments, "--dry-run"])
    assert dry.exit_code == 1
    assert "1 valid" in dry.output
    assert shop.sent == []
    done = CliRunner().invoke(app, arguments)
    assert "1 opened" in done.output
    assert "line 3, Kunde:" in done.output
    assert "not used: Regal" in done.output
    assert [json.loads(line)["status"] for line in report.read_text().splitlines()].count("opened") == 1
    assert open_keyring(read_settings()).list() == ()


def test_exports_a_file_and_says_what_is_wrong(shop: World, tmp_path: Path) -> None:
    shop.feed(ticket_view("T-0001"))
    shop.feed(ticket_view("T-0002", state="qc"))
    to = tmp_path / "out.csv"
    done = CliRunner().invoke(app, ["tickets", "export", "--to", str(to), "--query", "state=qc&columns=ticket_id"])
    assert done.exit_code == 0, done.output
    assert to.read_bytes() == b"ticket_id\r\nT-0002\r\n"
    wrong = CliRunner().invoke(app, ["tickets", "export", "--to", str(to), "--query", "state=lost"])
    assert wrong.exit_code == 1
    assert "'lost' is none of" in " ".join(wrong.output.split())


def test_says_that_no_shop_runs_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [port] = free_ports(1)
    monkeypatch.setenv("NOIZYLAB_HOME", str(tmp_path))
    monkeypatch.setenv("NOIZYLAB_GATEWAY_PORT", str(port))
    result = CliRunner().invoke(app, ["tickets", "export", "--to", str(tmp_path / "out.csv")])
    assert result.exit_code == 1
    assert "noizylab up" in result.output
