"""Who may know whom, and what a pure module may not touch."""

import subprocess
import sys
from pathlib import Path

from tests.architecture.tree import ROOMS, ROOT, dotted, imports, modules, name_of

IMPURE = {
    "asyncio", "concurrent", "faust", "httpx", "logging", "multiprocessing", "os", "random", "secrets", "socket",
    "subprocess", "threading", "time",
}  # fmt: skip
SHELL = {
    "analytics/outlook.py": "asks the warehouse, and moves long sums off the event loop",
    "analytics/parts.py": "pauses while a table has many parts",
    "analytics/patience.py": "waits for a warehouse that is away",
    "analytics/sink.py": "hands rows to the warehouse",
    "analytics/strips.py": "reads batches of the log where they lie, as the bus hands them over",
    "brain/consult.py": "asks the language model, and bounds how long that takes",
    "brain/diagnostician.py": "moves long texts off the event loop",
    "brain/photos.py": "fetches photographs from the object store, and makes them small in a thread",
    "brain/progress.py": "tells how far a diagnosis has come, in the background",
    "vision/goldens.py": "fetches golden pictures from the object store",
    "schematics/book.py": "keeps stored designs open, one opened at a time",
    "webhooks/dispatch.py": "runs the tries that are under way, and bounds them",
}
"""Modules of processors that do things, beside every ``agent.py`` and the gateway's edge."""
CLOCK = {
    "connectors/clock/clock.py": "is the clock",
    "processors/gateway/edge/limits.py": "says how long to wait, on the clock that the limiting library counts by",
    "processors/gateway/edge/middleware.py": "names a request that came without a name; it is no fact on the log",
    "infra/broker/context.py": "the broker stamps commits and transactions, as any broker does, with its own clock",
    "infra/broker/schema.py": "the broker names its cluster once, and forgets old producers by its own clock",
    "infra/broker/server.py": "the broker names the members of a group",
}
NOW = {
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns", "uuid.uuid1",
    "uuid.uuid4",
}  # fmt: skip
ENVIRONMENT = {
    "infra/settings.py": "reads the settings",
    "infra/supervise.py": "passes the environment on to the processes it starts",
}


def pure_modules() -> list[Path]:
    found = [*modules("schemas", "topics")]
    for path in modules("processors"):
        inside = path.relative_to(ROOT / "processors")
        edge = inside.parts[0] == "gateway" and inside.parts[1] != "access"
        if inside.name != "agent.py" and not edge and inside.as_posix() not in SHELL:
            found.append(path)
    return found


def test_import_linter_finds_nothing() -> None:
    linter = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    done = subprocess.run(linter, cwd=ROOT, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rooms import one way KEPT" in done.stdout
    assert "processors do not know each other KEPT" in done.stdout


def test_pure_modules_touch_nothing_outside() -> None:
    touching = {name_of(path): sorted(_touched(path)) for path in pure_modules() if _touched(path)}
    assert touching == {}


def _touched(path: Path) -> set[str]:
    names = imports(path)
    impure = {name for name in names if name.split(".")[0] in IMPURE or name.startswith("connectors.bus")}
    return impure | ((names | set(dotted(path))) & NOW)


def test_every_decision_and_every_fold_is_among_the_pure_modules() -> None:
    """The list of what does things may grow; these two may never be put on it."""
    decisions = {path for path in modules("processors") if path.name in ("decide.py", "state.py")}
    assert len(decisions) >= 14
    assert decisions <= set(pure_modules())


def test_the_shell_holds_what_is_there_and_not_pure() -> None:
    for name in SHELL:
        assert _touched(ROOT / "processors" / name), f"{name} is pure now; take it off the list"


def test_only_the_clock_says_what_time_it_is_and_makes_ids() -> None:
    asking = {name_of(path) for path in modules(*ROOMS) if (set(dotted(path)) | imports(path)) & NOW}
    assert asking == set(CLOCK)


def test_only_the_settings_read_the_environment() -> None:
    reading = {
        name_of(path)
        for path in modules(*ROOMS)
        if {"os.environ", "os.getenv", "os.environb"} & (set(dotted(path)) | imports(path))
    }
    assert reading == set(ENVIRONMENT)


def test_vendors_are_known_to_connectors_and_infra_alone() -> None:
    vendors = {"aiokafka", "anthropic", "minio", "twilio", "aiosmtplib", "clickhouse_connect", "chdb", "elevenlabs"}
    knowing = {
        name_of(path)
        for path in modules("schemas", "topics", "processors")
        if {name.split(".")[0] for name in imports(path)} & vendors
    }
    # The read model reads the log itself and has to tell an outage of the broker from a bug.
    assert knowing == {"processors/gateway/views.py"}
