"""Inspections in processes of their own."""

import pytest

from connectors.errors import Permanent
from infra.demo.boards import golden, to_jpeg
from processors.vision.pool import InspectionTooSlow, Inspector


async def test_answers_after_its_process_was_killed() -> None:
    inspector = Inspector(1)
    data = to_jpeg(golden("NZL-USB-HUB", 700))
    try:
        first = await inspector.inspect([data, None], None)
        assert [result.usable for result in first.photos] == [True, False]
        assert inspector._pool is not None
        for child in list(inspector._pool._processes.values()):
            child.kill()
        assert await inspector.inspect([data, None], None) == first
    finally:
        inspector.close()


async def test_gives_up_for_good_when_the_limit_has_passed() -> None:
    inspector = Inspector(1, limit_s=0.02)
    try:
        with pytest.raises(InspectionTooSlow, match="send fewer or smaller ones") as refused:
            await inspector.inspect([b"x"], None)
        assert isinstance(refused.value, Permanent)
    finally:
        inspector.close()
