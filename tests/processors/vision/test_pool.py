"""Inspections in processes of their own."""

import cv2

from connectors.processes.pool import Processes
from infra.demo.boards import golden, to_jpeg
from processors.vision.config import Policy
from processors.vision.inspect import inspect
from processors.vision.pool import Inspector, _take_one_core


async def test_an_inspection_is_what_it_would_be_here() -> None:
    inspector = Inspector(1)
    data = to_jpeg(golden("NZL-USB-HUB", 700))
    try:
        found = await inspector.inspect([data, None], None)
    finally:
        inspector.close()
    assert found == inspect((data, None), None, Policy())
    assert [result.usable for result in found.photos] == [True, False]


async def test_an_inspection_takes_one_core() -> None:
    processes = Processes(prepare=_take_one_core)
    try:
        assert await processes.run(cv2.getNumThreads, over="nothing", instead="nothing") == 1
    finally:
        processes.close()
