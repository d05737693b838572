"""The thing on the counter."""

from typing import Literal, get_args

from pydantic import Field

from schemas.core.ids import BoardModel
from schemas.core.message import Value
from schemas.core.text import ShortText

DeviceCategory = Literal[
    "laptop", "desktop", "mobile", "tablet", "printer", "vacuum", "audio", "tv", "console", "camera",
    "musical_instrument", "appliance", "other",
]  # fmt: skip
DEVICE_CATEGORIES: tuple[str, ...] = get_args(DeviceCategory)


class Device(Value):
    """A customer's device as described at intake. ``board_model`` names the golden picture, when known."""

    category: DeviceCategory
    brand: ShortText = ""
    model: ShortText = ""
    board_model: BoardModel | None = None
    serial: ShortText | None = None
    imei: str | None = Field(default=None, pattern=r"^[0-9]{15}$")
    lock_state: Literal["unlocked", "locked", "unknown", "not_applicable"] = "unknown"
    age_years: float | None = Field(default=None, ge=0, le=120)
