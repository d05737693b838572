"""``noizylab broker``: the file and the users, without a running shop."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from connectors.errors import Misconfigured
from infra.broker import Broker, BrokerConfig
from infra.children import broker_spec
from infra.cli.main import app
from infra.settings import read_settings
from tests.infra.broker.support import WireClient, create_topic, make_batch, produce_values


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOIZYLAB_HOME", str(tmp_path / "home"))


def said(capsys: pytest.CaptureFixture[str], *arguments: str, typed: str | None = None) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["broker", *arguments], input=typed)
    captured = capsys.readouterr()
    return result.exit_code, result.output + captured.out + captured.err


async def _fill(path: Path) -> None:
    path.parent.mkdir(parents=True)
    broker = Broker(BrokerConfig(path=path, port=0))
    await broker.start()
    client = await WireClient.connect(broker.port)
    await create_topic(client, "repairs", partitions=2)
    for number in range(3):
        await client.call(0, 8, **produce_values("repairs", 1, make_batch(b"marked %d" % number)))
    await client.close()
    await broker.stop()


async def test_the_file_is_counted_checked_and_repaired(capsys: pytest.CaptureFixture[str]) -> None:
    path = read_settings().broker_file
    status, text = said(capsys, "check")
    assert (status, "there is no" in text) == (1, True)
    await _fill(path)
    status, text = said(capsys, "stats")
    assert status == 0
    assert [cell.strip() for cell in text.split("repairs-1")[1].split("│")[1:4]] == ["0", "3", "3"]
    assert said(capsys, "check") == (0, "every page and every batch is sound\n")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"marked 1", b"marked X"))
    status, text = said(capsys, "check")
    assert status == 1
    assert "repairs-1: the batch at offset 1 does not match its checksum" in text
    status, text = said(capsys, "repair")
    assert status == 0
    assert "lost: repairs-1 offsets 1 to 1 (1)" in text
    assert said(capsys, "check")[0] == 0


def test_users_come_and_go(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "user", "add", "anna", typed="short\n")[0] == 1
    assert said(capsys, "user", "add", "anna", typed="long enough\n") == (0, "anna may log in from now on\n")
    assert said(capsys, "user", "list") == (0, "anna\n")
    assert said(capsys, "user", "remove", "anna")[0] == 0
    status, text = said(capsys, "user", "remove", "anna")
    assert (status, "there is no user 'anna'" in text) == (1, True)


def test_doctor_names_a_damaged_file(capsys: pytest.CaptureFixture[str]) -> None:
    path = read_settings().broker_file
    path.parent.mkdir(parents=True)
    path.write_bytes(b"SQLite format 3\0" + b"?" * 20_000)
    result = CliRunner().invoke(app, ["doctor"])
    text = result.output + capsys.readouterr().out
    assert "is damaged: file is not a database; stop the shop, then `noizylab broker repair`" in text.replace("\n", " ")


def test_settings_open_the_broker_to_others_and_the_shop_logs_in_itself(tmp_path: Path) -> None:
    variables = {
        "NOIZYLAB_HOME": str(tmp_path), "NOIZYLAB_BROKER_HOST": "0.0.0.0",
        "NOIZYLAB_BROKER_ADVERTISE": "shop.example:19092", "NOIZYLAB_BROKER_TLS_CERT": "/cert.pem",
        "NOIZYLAB_BROKER_TLS_KEY": "/key.pem",
    }  # fmt: skip
    with pytest.raises(Misconfigured, match="NOIZYLAB_KAFKA_USERNAME"):
        read_settings(variables).cluster()
    own = {"NOIZYLAB_KAFKA_USERNAME": "u", "NOIZYLAB_KAFKA_PASSWORD": "p", "NOIZYLAB_KAFKA_CA_FILE": "/ca.pem"}
    settings = read_settings(variables | own)
    cluster = settings.cluster()
    assert (cluster.bootstrap, cluster.username, cluster.ca_file) == ("shop.example:19092", "u", "/ca.pem")
    started = " ".join(broker_spec(settings).arguments)
    assert "--host 0.0.0.0 --port 19092 --advertise shop.example:19092 --tls-cert /cert.pem --users " in started
    assert started.endswith("broker-users.json --tls-key /key.pem --metrics-port 19465")
