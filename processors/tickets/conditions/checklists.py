"""What is looked at on which kind of device. The words for each item are the edge's. Pure data.

The items are those that shops are asked about when a device comes back: what a customer sees at once, what shows that
a device was wet or opened before, what blocks a repair, and what lies in the bag with it.
"""

from collections.abc import Mapping

from schemas.devices import DeviceCategory

_HANDED_IN = ("accessories", "previous_repair")
_DATA = ("data_backup",)
_POCKET = (
    "screen", "touch", "frame", "back_cover", "buttons", "ports", "camera", "speaker_microphone", "battery_swelling",
    "liquid_indicator", "activation_lock", "sim_and_cards",
)  # fmt: skip
_COMPUTER = ("housing", "ports", "screws", "liquid_indicator", "power_supply", "fan")

CHECKLISTS: Mapping[DeviceCategory, tuple[str, ...]] = {
    "laptop": ("screen", "keyboard", "touchpad", "hinges", *_COMPUTER, "battery_swelling", "camera", "activation_lock",
               *_DATA, *_HANDED_IN),
    "desktop": (*_COMPUTER, "disc_drive", *_DATA, *_HANDED_IN),
    "mobile": (*_POCKET, *_DATA, *_HANDED_IN),
    "tablet": (*_POCKET, *_DATA, *_HANDED_IN),
    "printer": ("housing", "display", "paper_tray", "cartridges", "ports", "power_supply", *_HANDED_IN),
    "vacuum": ("housing", "hose", "brush", "dust_bin", "filter", "battery_swelling", "cable_plug", *_HANDED_IN),
    "audio": ("housing", "knobs", "ports", "speaker_microphone", "display", "cable_plug", *_HANDED_IN),
    "tv": ("screen", "housing", "stand", "ports", "remote", "cable_plug", *_HANDED_IN),
    "console": ("housing", "disc_drive", "ports", "controllers", "fan", "liquid_indicator", "power_supply", *_DATA,
                *_HANDED_IN),
    "camera": ("housing", "lens", "display", "shutter", "flash", "buttons", "battery_swelling", "sim_and_cards", *_DATA,
               *_HANDED_IN),
    "musical_instrument": ("body", "keys_strings", "knobs", "ports", "cable_plug", "case", *_HANDED_IN),
    "appliance": ("housing", "door_seals", "knobs", "display", "cable_plug", "liquid_indicator", *_HANDED_IN),
    "other": ("housing", "buttons", "ports", "display", "cable_plug", "battery_swelling", "liquid_indicator",
              *_HANDED_IN),
}  # fmt: skip


def checklist_of(category: DeviceCategory) -> tuple[str, ...]:
    """Return the items to look at on a device, in the order in which a person turns it round."""
    return CHECKLISTS[category]
