"""The command: what goes wrong is one clear line and status 1, never a traceback."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from infra.cli import common
from infra.cli.main import app
from infra.ports import Ports
from infra.settings import read_settings
from infra.supervise import free_ports
from topics.registry import ALL


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home of its own, where no shop runs, and ports where nobody listens."""
    for name in [name for name in os.environ if name.startswith("NOIZYLAB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NOIZYLAB_HOME", str(tmp_path / "home"))
    names = ("BROKER_PORT", "CLICKHOUSE_HTTP_PORT", "CLICKHOUSE_TCP_PORT", "GATEWAY_PORT")
    for name, port in zip(names, free_ports(4), strict=True):
        monkeypatch.setenv(f"NOIZYLAB_{name}", str(port))


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run the command; return its status, its output and its complaint."""
    result: Result = CliRunner().invoke(app, arguments)
    captured = capsys.readouterr()
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout + captured.out, result.stderr + captured.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("ticket", "show", "T-1001"),
        ("topics", "plan"),
        ("topics", "apply"),
        ("dlq", "list"),
        ("dlq", "show", "tickets/0/0"),
        ("dlq", "replay", "tickets"),
        ("dlq", "replay", "tickets", "--policy", "drop"),
        ("audit", "replay"),
        ("audit", "replay", "--at", "2026-03-02T09:00:00Z"),
        ("audit", "export", "--to", "unwritten.jsonl"),
        ("topics", "acls", "--apply"),
        ("up", "auditor"),
        ("up", "pricing"),
        ("blobs", "orphans"),
        ("blobs", "sweep"),
        ("blobs", "verify"),
    ],
    ids=" ".join,
)
def test_says_where_no_broker_answers(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    if "acls" in arguments:  # The embedded broker has none.
        monkeypatch.setenv("NOIZYLAB_KAFKA", f"127.0.0.1:{os.environ['NOIZYLAB_BROKER_PORT']}")
    status, _, complaint = said(capsys, *arguments)
    assert status == 1
    assert complaint.startswith("noizylab: no Kafka broker answers")
    assert "127.0.0.1" in complaint
    assert complaint.count("\n") == 1


def test_names_the_processors_there_are_when_one_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (("up", "pricing", "wizard"), ("dlq", "list", "wizard"), ("dlq", "replay", "wizard")):
        status, _, complaint = said(capsys, *arguments)
        assert (status, complaint.count("\n")) == (1, 1)
        assert complaint.startswith("noizylab: no processor wizard; there are tickets, vision, ")


@pytest.mark.parametrize(("verb", "missing"), [(("demo",), "photos/pairs.json"), (("bench", "flow"), "repairs/")])
def test_says_what_is_missing_in_a_samples_folder(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, verb: tuple[str, ...], missing: str
) -> None:
    status, _, complaint = said(capsys, *verb, "--samples", str(tmp_path))
    assert (status, complaint.count("\n")) == (1, 1)
    assert complaint.startswith(f"noizylab: {tmp_path} is no samples folder: {missing}")


def test_keeps_a_demo_out_of_a_folder_that_is_in_use(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "something").touch()
    status, _, complaint = said(capsys, "demo", "--keep", str(tmp_path))
    assert (status, complaint) == (1, f"noizylab: {tmp_path} is not empty; name a new folder\n")


def test_says_that_no_shop_runs(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, complaint = said(capsys, "down")
    assert status == 1
    assert complaint.startswith("noizylab: no shop runs here (")


def test_refuses_a_second_shop_in_one_home(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "noizylab.pid").write_text(str(os.getpid()))
    status, _, complaint = said(capsys, "up")
    assert (status, complaint) == (
        1, f"noizylab: a shop runs here already (process {os.getpid()}); stop it with `noizylab down`\n",
    )  # fmt: skip


def test_names_the_photo_and_the_field_at_the_kiosk(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    photo = tmp_path / "a.jpg"
    photo.write_bytes(b"no picture")
    who = ("--complaint", "It is dead.", "--name", "Ada")
    status, _, complaint = said(capsys, "kiosk", "submit", str(photo), str(photo), "--category", "laptop", *who)
    assert status == 1
    assert complaint.startswith("noizylab: photos.0: ")
    status, _, complaint = said(capsys, "kiosk", "submit", str(photo), str(photo), "--category", "spaceship", *who)
    assert status == 1
    assert complaint.startswith("noizylab: device.category: ")


def test_doctor_is_well_where_nothing_runs(capsys: pytest.CaptureFixture[str]) -> None:
    status, told, _ = said(capsys, "doctor")
    assert status == 0
    assert "fault" not in told
    assert "log: not running (embedded; `noizylab up` starts it" in told


def test_doctor_goes_on_after_a_fault(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOIZYLAB_KAFKA", "127.0.0.1:1")
    monkeypatch.setenv("NOIZYLAB_CLICKHOUSE", "gopher://nowhere")
    status, told, _ = said(capsys, "doctor")
    assert status == 1
    assert told.count("fault ") == 3
    assert "is NOIZYLAB_KAFKA right" in told
    assert "figures: NOIZYLAB_CLICKHOUSE must look like https://" in told
    assert "vendors: used: none" in told


def test_lists_every_declared_topic(capsys: pytest.CaptureFixture[str]) -> None:
    status, told, _ = said(capsys, "topics", "list")
    assert status == 0
    assert all(topic.name in told for topic in ALL)


def test_is_one_line_when_a_setting_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOIZYLAB_BROKER_PORT", "[red]")
    ran = subprocess.run(
        [sys.executable, "-m", "infra.cli", "dlq", "list"], capture_output=True, text=True, check=False, timeout=50
    )
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == "noizylab: NOIZYLAB_BROKER_PORT is '[red]'; give a whole number, or unset it for 19092\n"


def test_shows_what_others_wrote_without_markup_or_control_characters() -> None:
    with common.out.capture() as captured:
        common.out.print(common.plain("a [/red] b\x1b[2J c\x07\nd"))
    assert captured.get() == "a [/red] b\\x1b[2J c\\x07\nd\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("kill", "--broker-kind", "pulsar"), "there is no kind of broker 'pulsar'; choose among embedded, kafka1"),
        (("bus", "--engines", "bare,flink"), "there is no engine 'flink'; choose among bare, stage, faust"),
    ],
    ids=["kill", "bus"],
)
def test_a_benchmark_says_what_it_can_run(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], complaint: str
) -> None:
    status, _, complained = said(capsys, "bench", *arguments)

    assert status == 1
    assert complaint in complained


def test_gives_out_a_stored_object_and_counts_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    async def store() -> None:
        async with Ports.open(read_settings()) as ports:
            await ports.blobs.put("images", "T-1/a.jpg", b"a picture", "image/jpeg")

    asyncio.run(store())
    file = tmp_path / "a.jpg"
    assert said(capsys, "blobs", "get", "images", "T-1/a.jpg", str(file)) == (0, "", "")
    assert file.read_bytes() == b"a picture"
    status, _, complaint = said(capsys, "blobs", "get", "images", "T-1/a.jpg", str(file))
    assert (status, "name a new file" in complaint) == (1, True)
    status, printed, _ = said(capsys, "blobs", "url", "images", "T-1/a.jpg")
    assert status == 0
    assert "/blobs/" in printed
    for verb in (("url",), ("get",)):
        arguments = ("images", "T-1/b.jpg", *((str(tmp_path / "b.jpg"),) if verb == ("get",) else ()))
        status, _, complaint = said(capsys, "blobs", *verb, *arguments)
        assert (status, "images/T-1/b.jpg: nothing stored" in complaint) == (1, True)
    assert not (tmp_path / "b.jpg").exists()
    status, printed, _ = said(capsys, "blobs", "stats")
    assert status == 0
    assert [line.split()[1:4:2] for line in printed.splitlines() if "images" in line] == [["images", "1"]]
    status, printed, _ = said(capsys, "blobs", "verify", "--without-log")
    assert (status, "1 objects whole" in printed, "0 faults" in printed) == (0, True, True)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("orphans", "--older-than", "soon"), "give days or hours"),
        (("orphans", "--older-than", "1d"), "give 2 days or more"),
        (("copy", "--to", "s3"), "NOIZYLAB_S3_ENDPOINT is not set"),
    ],
)
def test_says_what_to_give_when_stored_objects_are_asked_for_wrongly(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], part: str
) -> None:
    status, _, complaint = said(capsys, "blobs", *arguments)
    assert status == 1
    assert part in complaint


def test_makes_a_new_key_and_seals_everything_under_it(capsys: pytest.CaptureFixture[str]) -> None:
    async def store() -> None:
        async with Ports.open(read_settings()) as ports:
            await ports.blobs.put("images", "a", b"a picture", "image/jpeg")

    asyncio.run(store())
    assert "0 sealed anew, 1 current" in said(capsys, "blobs", "rekey")[1]
    assert "1 sealed anew, 0 current" in said(capsys, "blobs", "rekey", "--new-key")[1]


@pytest.mark.parametrize(
    ("at", "why"),
    [("yesterday", "give a time such as 2026-03-02T09:00"), ("2026-03-02T09:00:00", "without a time zone")],
)
def test_says_how_a_time_is_written(capsys: pytest.CaptureFixture[str], at: str, why: str) -> None:
    for arguments in (("audit", "replay", "--at", at), ("dlq", "list", "--since", at)):
        status, _, complaint = said(capsys, *arguments)
        assert (status, complaint.count("\n")) == (1, 1)
        assert why in complaint


def test_says_that_this_home_has_no_key_to_verify_with(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (("audit", "verify"), ("audit", "head"), ("audit", "key")):
        status, _, complaint = said(capsys, *arguments)
        assert (status, complaint.count("\n")) == (1, 1)
        assert "give --public-key" in complaint


@pytest.mark.parametrize("form", ["kafka-acls", "json", "csv"])
def test_prints_the_access_rules(capsys: pytest.CaptureFixture[str], form: str) -> None:
    status, told, _ = said(capsys, "topics", "acls", "--format", form, "--principal-prefix", "User:x-")
    assert status == 0
    assert "User:x-pricing" in told
    assert "noizylab.pricing" in told


def test_says_that_the_embedded_broker_has_no_access_rules(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, complaint = said(capsys, "topics", "acls", "--apply")
    assert (status, complaint.count("\n")) == (1, 1)
    assert "set NOIZYLAB_KAFKA" in complaint


def test_says_which_folder_an_export_lacks(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, _, complaint = said(capsys, "audit", "export", "--to", str(tmp_path / "none" / "export.jsonl"))
    assert (status, complaint) == (
        1, f"noizylab: there is no folder {tmp_path / 'none'}; make it, or name a file elsewhere\n"
    )  # fmt: skip


def test_says_which_words_for_the_audit_trail_are_too_many(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, complaint = said(capsys, "dlq", "replay", "tickets", "--because", "x" * 201)
    assert (status, complaint) == (1, "noizylab: --because: String should have at most 200 characters\n")
