"""Looking golden pictures up in the object store."""

from pathlib import Path

import pytest

from connectors.blobs.local import LocalBlobs
from processors.vision.goldens import Goldens


async def test_finds_the_picture_of_the_model_when_it_is_stored(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path)
    await blobs.put("goldens", "NZL-PSU-10.jpg", b"picture", "image/jpeg")
    assert await Goldens(blobs).find("NZL-PSU-10") == b"picture"


@pytest.mark.parametrize("model", [None, "NZL-NONE-0"])
async def test_finds_nothing_when_no_model_or_picture_is_known(tmp_path: Path, model: str | None) -> None:
    assert await Goldens(LocalBlobs(tmp_path)).find(model) is None
