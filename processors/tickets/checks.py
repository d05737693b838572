"""What a model is known for, as checks to make at intake: the shop's own experience, in ``data/checks.json``."""

import json
from functools import cache
from pathlib import Path

from schemas.core.message import Value
from schemas.core.text import ShortText
from schemas.devices import Device, DeviceCategory

_FILE = Path(__file__).parent / "data" / "checks.json"


class ModelCheck(Value):
    """A check for some models of a maker; names are compared without case and double blanks."""

    category: DeviceCategory
    brand: str
    models: tuple[str, ...]
    check: ShortText


def checks_for(*devices: Device) -> tuple[str, ...]:
    """Return the checks that these devices ask for, each once. An unknown model asks for none."""
    found = (one.check for device in devices for one in known_checks() if _meant(one, device))
    return tuple(dict.fromkeys(found))


@cache
def known_checks() -> tuple[ModelCheck, ...]:
    """Return all checks of the file."""
    return tuple(ModelCheck.model_validate(one) for one in json.loads(_FILE.read_text(encoding="utf-8")))


def _meant(check: ModelCheck, device: Device) -> bool:
    brand, model = _plain(device.brand), _plain(device.model).removeprefix(f"{_plain(device.brand)} ")
    return check.category == device.category and check.brand == brand and model in check.models


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()
