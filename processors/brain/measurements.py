# ruff: noqa: E501  a table: breaking its lines would hide its shape
"""What can be measured next, and how each answer separates the fault families.

``shows`` gives P(the reading is abnormal | family); families that are not named read abnormal with ``NOISE``.
The figures are set by hand from bench practice, not learned.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

NOISE = 0.05
_WORTH_BITS = 0.1
_POCKETS = ("laptop", "mobile", "tablet", "camera", "console", "vacuum", "audio", "appliance", "other")
_MAINS = (
    "desktop",
    "tv",
    "audio",
    "printer",
    "vacuum",
    "appliance",
    "musical_instrument",
    "console",
    "other",
    "laptop",
)
_COMPUTERS = ("laptop", "desktop")
_SMART = ("laptop", "desktop", "mobile", "tablet", "tv", "console")


@dataclass(frozen=True, slots=True)
class BenchTest:
    """One measurement. ``categories`` empty means every device category; ``powered`` ones need the device live."""

    what: str
    where: str
    expected: str
    shows: Mapping[str, float]
    minutes: int
    categories: tuple[str, ...] = ()
    powered: bool = True

    def fits(self, category: str) -> bool:
        """Return whether it can be done on a device of this category."""
        return not self.categories or category in self.categories

    def chance_abnormal(self, family: str) -> float:
        """Return P(the reading is abnormal | family)."""
        return self.shows.get(family, NOISE)


TESTS: tuple[BenchTest, ...] = (
    BenchTest("Battery voltage at rest and under load", "battery terminals, connector unplugged",
         "at least 3.6 V a cell at rest, less than 0.3 V a cell of drop under load", {"battery": 0.9, "power": 0.15, "liquid": 0.15}, 5, _POCKETS),
    BenchTest("Charging current with a known-good charger and cable", "inline USB or DC meter at the charging port",
         "0.5 A or more within a minute, steady while the plug is moved",
         {"charging_port": 0.92, "battery": 0.4, "power": 0.6, "system_board": 0.45, "liquid": 0.5, "cable": 0.08}, 5,
         ("laptop", "mobile", "tablet", "console", "camera", "audio", "other")),
    BenchTest("Output of the customer's own charger or adapter", "its plug, under 1 A of load", "label voltage within 5 %",
         {"cable": 0.9}, 3, ("laptop", "mobile", "tablet", "vacuum", "console", "camera", "audio", "musical_instrument", "other"), powered=False),
    BenchTest("Continuity of each conductor while the cable is bent", "mains plug to the device's inlet, unplugged",
         "below 1 ohm, steady", {"cable": 0.92, "power": 0.1}, 5, _MAINS, powered=False),
    BenchTest("Supply rails with the load disconnected", "output of the internal power supply", "each rail within 5 % of its label",
         {"power": 0.9, "system_board": 0.15, "cable": 0.5}, 15, _MAINS),
    BenchTest("Current draw when the power button is pressed", "bench supply in place of the battery",
         "a step within a second, then a varying draw",
         {"power": 0.75, "system_board": 0.8, "liquid": 0.7, "button": 0.7, "boot": 0.35, "battery": 0.1}, 10,
         ("laptop", "mobile", "tablet", "console", "camera", "audio")),
    BenchTest("Resistance to ground of the main rails", "largest coils beside the power controller, power off",
         "above 50 ohm on the input rail, no rail below 1 ohm except the processor core",
         {"system_board": 0.75, "liquid": 0.65, "power": 0.35}, 15, powered=False),
    BenchTest("Picture on an external display, then a torch held flat on the panel", "video output; panel",
         "external and internal picture the same", {"screen": 0.93, "system_board": 0.25, "boot": 0.1}, 5,
         ("laptop", "desktop", "tablet", "mobile", "console", "camera")),
    BenchTest("Torch test and test pattern", "panel surface, all four corners", "even light, no lines, picture from every input",
         {"screen": 0.93, "system_board": 0.3, "power": 0.15}, 8, ("tv",)),
    BenchTest("Touch over the whole surface with a drawing app, glass under a magnifier", "screen",
         "an unbroken trace, no crack", {"screen": 0.9, "liquid": 0.2}, 3, ("mobile", "tablet", "camera", "printer", "appliance", "other")),
    BenchTest("SMART values and a short read test", "drive, from a live system", "no reallocated or pending sectors, steady rate",
         {"storage": 0.92, "performance": 0.2, "boot": 0.25}, 10, (*_COMPUTERS, "console")),
    BenchTest("Start from a known-good medium", "external drive or recovery mode", "the same fault does not appear",
         {"system_board": 0.8, "overheating": 0.6, "performance": 0.15, "keyboard": 0.8, "screen": 0.85, "storage": 0.15,
          "software": 0.05, "boot": 0.2, "power": 0.7}, 15, _SMART),
    BenchTest("Free storage, memory use and the list of programs started at logon", "task manager or settings",
         "15 % of the storage free, less than 70 % of the memory used", {"performance": 0.85, "software": 0.5, "storage": 0.5}, 5, _SMART),
    BenchTest("Fault in safe mode or a fresh profile", "settings or start menu", "the fault stays away",
         {"performance": 0.4, "boot": 0.5, "storage": 0.6, "system_board": 0.7, "overheating": 0.7, "network": 0.6}, 10, _SMART),
    BenchTest("Temperature and fan speed under ten minutes of load", "sensor log; exhaust", "below 95 °C, fan rising smoothly",
         {"overheating": 0.92, "performance": 0.2, "system_board": 0.2}, 12, ("laptop", "desktop", "console")),
    BenchTest("Moisture indicators and traces under magnification", "SIM tray, connectors, under the shields", "white indicator, no stains",
         {"liquid": 0.93, "charging_port": 0.1}, 8, ("laptop", "mobile", "tablet", "camera", "console", "audio", "musical_instrument"), powered=False),
    BenchTest("Every key in a keyboard tester, with an external keyboard as control", "keyboard, touchpad", "each key reports once",
         {"keyboard": 0.93, "liquid": 0.3, "software": 0.05}, 5, ("laptop", "desktop", "musical_instrument", "tablet")),
    BenchTest("Test tone through the speaker, then through headphones", "speaker; headphone output", "clean at both",
         {"speaker": 0.93, "audio_jack": 0.5, "software": 0.15, "system_board": 0.15}, 5,
         ("laptop", "desktop", "mobile", "tablet", "tv", "console")),
    BenchTest("1 kHz signal followed with a probe", "source, volume control, output stage, speaker terminals",
         "the level changes nowhere by surprise, less than 50 mV DC at the output",
         {"speaker": 0.85, "button": 0.4, "audio_jack": 0.35, "system_board": 0.5, "power": 0.3}, 15, ("audio", "musical_instrument", "tv")),
    BenchTest("Jack contacts while the plug is moved", "headphone or line socket", "below 1 ohm, steady",
         {"audio_jack": 0.92, "cable": 0.3}, 5, ("laptop", "mobile", "tablet", "audio", "musical_instrument", "console", "other"), powered=False),
    BenchTest("Recording with each microphone", "voice memo and video, then a call", "speech clear at 30 cm",
         {"microphone": 0.93, "software": 0.2}, 4, ("mobile", "tablet", "laptop", "camera")),
    BenchTest("Picture of a test chart at two focal lengths", "lens and viewfinder", "sharp to the corners, no lens error",
         {"camera": 0.93, "software": 0.08}, 5, ("camera", "mobile", "tablet", "laptop")),
    BenchTest("Switch or control with an ohmmeter while it is worked", "its solder joints, power off",
         "below 1 ohm closed, no jumps along the track", {"button": 0.92}, 8, powered=False),
    BenchTest("Signal strength at one metre, second network", "settings; a phone's hotspot", "within 10 dB of a known-good device",
         {"network": 0.9, "software": 0.15}, 5, ("laptop", "desktop", "mobile", "tablet", "printer", "tv", "console", "audio")),
    BenchTest("Known-good card", "SIM or memory slot, contacts under a magnifier", "recognised at once",
         {"card_slot": 0.92, "software": 0.05}, 3, ("mobile", "tablet", "camera", "laptop", "printer", "console", "other")),
    BenchTest("Lens, tray and disc rotation with the cover open", "optical drive", "focus search within two seconds, steady spin",
         {"optical_drive": 0.92, "motor": 0.4}, 10, ("audio", "console", "laptop", "desktop", "tv")),
    BenchTest("Hinges, clips, feet and screw posts", "housing", "no play, closes flush", {"housing": 0.93}, 3, powered=False),
    BenchTest("Ten sheets from each tray with the rear door open", "paper path", "each sheet leaves flat and alone",
         {"paper_feed": 0.93, "motor": 0.5, "housing": 0.1}, 5, ("printer",)),
    BenchTest("Nozzle check or cleaning page", "printed sheet", "all lines unbroken in every colour",
         {"print_head": 0.92, "ink_supply": 0.55}, 5, ("printer",)),
    BenchTest("Levels and codes with a known-good cartridge", "printer menu", "recognised, not empty", {"ink_supply": 0.9}, 4, ("printer",)),
    BenchTest("Suction at the inlet, then with hose and filters off", "vacuum gauge at the inlet", "no difference of more than 20 %",
         {"blockage": 0.92, "attachment": 0.5}, 5, ("vacuum",)),
    BenchTest("Motor turned by hand, then current at start", "rotor; clamp meter on one conductor",
         "turns freely, current settles within two seconds",
         {"motor": 0.9, "overheating": 0.4, "blockage": 0.1}, 10, ("vacuum", "appliance", "audio", "printer", "other")),
    BenchTest("Belt tension and speed", "drive mechanism, cover off", "firm belt, speed within 1 %", {"motor": 0.9, "optical_drive": 0.1}, 8,
         ("audio", "appliance", "printer", "vacuum")),
    BenchTest("Hose, joints and seals by hand over the open end", "hose, head, bag compartment", "suction holds at every joint",
         {"attachment": 0.9, "blockage": 0.3}, 4, ("vacuum", "appliance")),
    BenchTest("Continuity of element, thermal fuse and thermostat", "their terminals, unplugged", "10 to 60 ohm for the element, 0 ohm for the others",
         {"heating": 0.93, "power": 0.1}, 8, ("appliance", "other"), powered=False),
    BenchTest("Insulation and protective earth", "plug to metal parts, unplugged", "above 1 Mohm, earth below 0.3 ohm",
         {"cable": 0.25, "heating": 0.4, "liquid": 0.4, "motor": 0.2}, 5, ("appliance", "vacuum", "audio", "tv"), powered=False),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen test with the doubt it is expected to remove, of the doubt there is, in bits."""

    test: BenchTest
    gain_bits: float
    doubt_bits: float


def best_test(
    probabilities: Mapping[str, float],
    category: str,
    bits_per_minute: float,
    live: bool = True,
    done: Collection[str] = (),
) -> Choice | None:
    """Return the test with the largest expected information less its cost, or None when none fits the category.

    ``live`` False leaves out the tests for which the device must be powered; those in ``done``, by their words, are not
    asked for again.

    The gain is the mutual information between the family and the two-valued reading (Lindley 1956, "On a measure
    of the information provided by an experiment"); ``bits_per_minute`` is what a minute of bench time must earn.
    """
    doubt = _entropy(list(probabilities.values()))
    choices = [
        Choice(test, _gain(test, probabilities), doubt)
        for test in TESTS
        if test.fits(category) and (live or not test.powered) and test.what not in done
    ]
    best = max(choices, key=lambda one: one.gain_bits - bits_per_minute * one.test.minutes, default=None)
    if best is None or best.gain_bits >= _WORTH_BITS:
        return best
    # Hardly any doubt is left: what remains worth measuring is whether the likeliest family is really the fault.
    likeliest = max(probabilities, key=probabilities.__getitem__)
    return max(choices, key=lambda one: one.test.chance_abnormal(likeliest))


def _gain(test: BenchTest, probabilities: Mapping[str, float]) -> float:
    abnormal = expected = 0.0
    for family, share in probabilities.items():
        shown = test.chance_abnormal(family)
        abnormal += share * shown
        expected += share * _entropy((shown, 1 - shown))
    return max(0.0, _entropy((abnormal, 1 - abnormal)) - expected)


def _entropy(shares: Sequence[float]) -> float:
    return -sum(share * math.log2(share) for share in shares if share > 0)
