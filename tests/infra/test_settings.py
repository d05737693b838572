from dataclasses import replace
from pathlib import Path

import pytest

from connectors.errors import Misconfigured
from infra.settings import read_settings, to_environment, write_ports

PORTS = ("BROKER_PORT", "CLICKHOUSE_HTTP_PORT", "CLICKHOUSE_TCP_PORT", "GATEWAY_PORT")


def test_needs_no_account_and_no_server_when_nothing_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = read_settings({})
    assert settings.embedded_broker
    assert settings.embedded_clickhouse
    assert settings.home == tmp_path / ".noizylab"
    assert settings.cluster().bootstrap == "127.0.0.1:19092"
    assert settings.public_url == "http://127.0.0.1:8080"
    vendors = (settings.s3_endpoint, settings.smtp_url, settings.anthropic_api_key, settings.twilio_account_sid)
    assert vendors == (None, None, None, None)


@pytest.mark.parametrize("name", [*PORTS, "KAFKA_REPLICAS", "VISION_PROCESSES", "CLAUDE_DAY_CENTS"])
@pytest.mark.parametrize("value", ["abc", "19092.5", "0x10"])
def test_names_the_variable_when_a_number_cannot_be_read(name: str, value: str) -> None:
    with pytest.raises(Misconfigured, match=f"NOIZYLAB_{name} is '{value}'; give a whole number"):
        read_settings({f"NOIZYLAB_{name}": value})


@pytest.mark.parametrize(
    ("text", "secure"), [("yes", True), ("ON", True), ("1", True), ("no", False), ("False", False)]
)
def test_reads_a_yes_or_no(text: str, secure: bool) -> None:
    assert read_settings({"NOIZYLAB_S3_SECURE": text}).s3_secure is secure


def test_names_the_variable_when_a_word_is_not_one_of_those_known() -> None:
    with pytest.raises(
        Misconfigured, match="NOIZYLAB_CLAUDE_EFFORT is 'deep'; give one of low, medium, high, xhigh, max"
    ):
        read_settings({"NOIZYLAB_CLAUDE_EFFORT": "deep"})


def test_names_the_variable_when_a_yes_or_no_cannot_be_read() -> None:
    with pytest.raises(Misconfigured, match="NOIZYLAB_S3_SECURE is 'maybe'; give yes or no"):
        read_settings({"NOIZYLAB_S3_SECURE": "maybe"})


def test_takes_an_empty_variable_as_one_that_is_not_set() -> None:
    assert read_settings({"NOIZYLAB_KAFKA": "", "NOIZYLAB_GATEWAY_PORT": "", "NOIZYLAB_HOME": ""}) == read_settings({})


def test_reaches_a_cluster_with_its_user_and_certificate() -> None:
    cluster = read_settings(
        {
            "NOIZYLAB_KAFKA": "kafka.example:9093",
            "NOIZYLAB_KAFKA_USERNAME": "shop",
            "NOIZYLAB_KAFKA_PASSWORD": "secret",
            "NOIZYLAB_KAFKA_CA_FILE": "/ca.pem",
        }
    ).cluster()
    assert (cluster.bootstrap, cluster.username, cluster.password, cluster.ca_file) == (
        "kafka.example:9093", "shop", "secret", "/ca.pem",
    )  # fmt: skip


def test_moves_the_public_address_with_the_port_unless_it_is_set() -> None:
    assert read_settings({"NOIZYLAB_GATEWAY_PORT": "9000"}).public_url == "http://127.0.0.1:9000"
    assert read_settings({}, gateway_port=9001).public_url == "http://127.0.0.1:9001"
    own = {"NOIZYLAB_GATEWAY_PORT": "9000", "NOIZYLAB_PUBLIC_URL": "https://shop.example"}
    assert read_settings(own).public_url == "https://shop.example"


def test_lets_an_override_win_over_the_environment(tmp_path: Path) -> None:
    settings = read_settings({"NOIZYLAB_HOME": "/elsewhere", "NOIZYLAB_CURRENCY": "USD"}, home=tmp_path)
    assert (settings.home, settings.currency) == (tmp_path, "USD")


def test_gives_a_child_process_the_same_settings(tmp_path: Path) -> None:
    ports = {"broker_port": 1, "clickhouse_http_port": 2, "clickhouse_tcp_port": 3, "gateway_port": 4}
    settings = replace(read_settings({}), home=tmp_path, public_url="https://shop.example", vision_processes=3, **ports)  # type: ignore[arg-type]  # each of its field's type
    assert read_settings(to_environment(settings)) == settings


def test_finds_the_ports_of_the_shop_in_its_home(tmp_path: Path) -> None:
    noted = read_settings({}, home=tmp_path, broker_port=1, gateway_port=4)
    write_ports(noted)
    found = read_settings({"NOIZYLAB_HOME": str(tmp_path), "NOIZYLAB_BROKER_PORT": "7"})
    assert (found.broker_port, found.gateway_port, found.public_url) == (7, 4, "http://127.0.0.1:4")


def test_names_the_file_when_the_noted_ports_cannot_be_read(tmp_path: Path) -> None:
    write_ports(read_settings({}, home=tmp_path))
    [file] = tmp_path.iterdir()
    file.write_text("{")
    with pytest.raises(Misconfigured, match=f"{file.name} cannot be read .* remove it"):
        read_settings({"NOIZYLAB_HOME": str(tmp_path)})


def test_reads_the_names_of_buckets_that_lock() -> None:
    assert read_settings({}).s3_object_lock == frozenset()
    assert read_settings({"NOIZYLAB_S3_OBJECT_LOCK": "images, documents"}).s3_object_lock == {"images", "documents"}


def test_reads_the_secrets_of_incoming_webhooks_by_provider() -> None:
    assert read_settings({}).hook_secrets == {}
    environment = {
        "NOIZYLAB_HOOK_STRIPE_SECRET": "whsec_new, whsec_old",
        "NOIZYLAB_HOOK_MY_SCANNER_SECRET": "one",
        "NOIZYLAB_HOOK_SLACK_SECRET": " ",
        "NOIZYLAB_HOOK_SECRET": "of nobody",
    }
    found = read_settings(environment).hook_secrets
    assert found == {"stripe": ("whsec_new", "whsec_old"), "my_scanner": ("one",)}


def test_reads_the_origins_whose_pages_may_call() -> None:
    assert read_settings({}).cors_origins == frozenset()
    found = read_settings({"NOIZYLAB_CORS_ORIGINS": "https://desk.example, http://127.0.0.1:3000"}).cors_origins
    assert found == {"https://desk.example", "http://127.0.0.1:3000"}


@pytest.mark.parametrize("origin", ["*", "https://*.example", "https://desk.example/", "desk.example", "null"])
def test_takes_no_origin_that_is_not_exact(origin: str) -> None:
    with pytest.raises(Misconfigured, match="NOIZYLAB_CORS_ORIGINS holds"):
        read_settings({"NOIZYLAB_CORS_ORIGINS": origin})
