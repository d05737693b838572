"""The peers live in an environment of their own: what they need is pinned, and they know nothing of this repository."""

import re
from pathlib import Path

import pytest

from infra.bench.peers import environment
from tests.architecture.tree import ROOMS, imports

PROGRAMS = sorted(environment.HERE.glob("*_chain.py"))


def test_the_lock_holds_hashes_and_no_addresses() -> None:
    lock = environment.LOCK.read_text(encoding="utf-8")
    pinned = [line for line in lock.splitlines() if re.match(r"[a-z0-9]", line)]

    assert "://" not in lock
    assert {line.split("==")[0] for line in pinned} >= {"faststream", "quixstreams", "aiokafka", "confluent-kafka"}
    assert lock.count("--hash=sha256:") >= len(pinned)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_a_peer_is_a_file_by_itself(program: Path) -> None:
    assert not {name.split(".")[0] for name in imports(program)} & {*ROOMS, "tests"}


def test_every_peer_is_there() -> None:
    assert [path.stem for path in PROGRAMS] == ["faststream_chain", "quix_chain"]
