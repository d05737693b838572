"""A process of a benchmark: what it says, what it costs, and that it is gone when it is stopped."""

import signal
import sys
from pathlib import Path
from uuid import UUID

import pytest

from connectors.errors import Transient
from infra.bench.kafka_nodes import cluster_id_of
from infra.bench.nodes import Node

GREETING = "import os, time; print('hello', os.environ['GREETED'], flush=True); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


def node(tmp_path: Path, program: str, **more: str) -> Node:
    return Node("node", tmp_path, [sys.executable, "-c", program], environment=more)


def test_its_words_are_kept_and_asked_for(tmp_path: Path) -> None:
    one = node(
        tmp_path, "import os, time; print('hello', os.environ['GREETED'], flush=True); time.sleep(60)", GREETED="you"
    )
    one.start()
    one.await_ready("greeting", lambda: one.has_said("hello you"))
    assert one.running
    one.stop()
    assert not one.running


def test_an_early_end_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    one = node(tmp_path, "raise SystemExit('no such luck')")
    one.start()
    with pytest.raises(Transient, match=r"luck: node ended with 1.*\n.*no such luck"):
        one.await_ready("luck", lambda: False)
    one.stop()


def test_a_frozen_process_is_stopped_too(tmp_path: Path) -> None:
    one = node(tmp_path, "import time; print('up', flush=True); time.sleep(60)")
    one.start()
    one.await_ready("start", lambda: one.has_said("up"))
    one.signal(signal.SIGSTOP)
    one.stop()
    assert not one.running


def test_one_that_ignores_sigterm_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.bench.nodes.STOP_WITHIN_S", 0.2)
    one = node(tmp_path, STUBBORN)
    one.start()
    one.await_ready("start", lambda: one.has_said("up"))
    one.stop()
    assert one.process is not None
    assert one.process.returncode == -signal.SIGKILL


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processor time of others is read from /proc")
def test_its_processor_time_and_memory_are_known(tmp_path: Path) -> None:
    one = node(tmp_path, "while True: pass")
    one.start()
    one.await_ready("work", lambda: (one.cpu_s() or 0) > 0.1)
    assert (one.rss_mb() or 0) > 1
    one.kill()


def test_the_id_of_a_cluster_is_no_option_of_a_command() -> None:
    assert cluster_id_of(UUID(int=(1 << 128) - 1)) == "f" + "_" * 20 + "w"
    assert {cluster_id_of(UUID(bytes=bytes([first]) * 16))[0] for first in range(256)}.isdisjoint("-_")
