"""Kills in the middle of puts to a real S3 server: no half object, and what was cut off goes with a sweep."""

import os
from pathlib import Path

import pytest

from infra.bench.blob_kills import Victim, kill_writers

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(200)]


async def test_a_put_that_is_killed_leaves_no_half_object_and_nothing_that_a_sweep_misses(tmp_path: Path) -> None:
    server = os.environ.get("NOIZYLAB_TEST_S3")
    if not server:
        pytest.skip("set NOIZYLAB_TEST_S3 to host:port,key,secret; `make test-live` does")
    victim = Victim(tmp_path, server.split(",")[0])
    puts = cut_off = seed = 0
    # Until uploads in several parts were under way at some of the kills; a third of them hits one.
    while seed < 3 or not cut_off:
        harm = await kill_writers(victim, kills=3, seed=seed)
        assert (harm.kills, harm.half_objects, harm.lost, harm.leftovers) == (3, 0, 0, 0)
        puts, cut_off, seed = puts + harm.puts, cut_off + harm.cut_off, seed + 1
    assert puts > 0
