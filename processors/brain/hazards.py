"""Dangers for the person at the bench, read from the complaint and the kind of device."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from processors.brain.text import normalise


@dataclass(frozen=True, slots=True)
class Hazard:
    """A danger. ``stops_bench``: nobody works on the device before a person has dealt with it. ``stays_off``: it may
    be worked on, but not powered."""

    code: str
    text: str
    stops_bench: bool
    stays_off: bool = False

    def __str__(self) -> str:
        return f"{'STOP ' if self.stops_bench else ''}{self.code}: {self.text}"


SWOLLEN_BATTERY = Hazard(
    "swollen_battery",
    "The battery may be swollen: do not charge, press or pry it; put the device into the fire-safe box.",
    stops_bench=True,
)
CRT = Hazard(
    "crt", "A picture tube holds up to 30 kV after it is switched off: only trained staff open it.", stops_bench=True
)
MICROWAVE = Hazard(
    "microwave", "A microwave oven's capacitor can kill when unplugged: only trained staff open it.", stops_bench=True
)
FIRE = Hazard(
    "smoke_or_sparks",
    "Smoke, sparks or a burnt smell were reported: do not power on before inspection.",
    stops_bench=True,
)
SHOCK = Hazard(
    "electric_shock",
    "Somebody felt a shock: do not plug in; test insulation and protective earth first.",
    stops_bench=True,
)
LIQUID = Hazard(
    "liquid_inside",
    "Liquid may be inside: do not power on, disconnect battery and mains.",
    stops_bench=False,
    stays_off=True,
)
MAINS = Hazard(
    "mains_voltage",
    "Mains voltage inside: unplug, discharge the input capacitor, work behind an isolating transformer.",
    stops_bench=False,
)
FLASH = Hazard(
    "flash_capacitor",
    "The flash capacitor holds about 300 V: discharge it before touching the board.",
    stops_bench=False,
)
LASER = Hazard("laser", "Laser inside: never look into a running pick-up with the cover open.", stops_bench=False)

_WORDS: tuple[tuple[Hazard, tuple[str, ...]], ...] = (
    (SWOLLEN_BATTERY, (
        r"swollen|swell(ing|ed)?\b|bulg(ing|ed)\b.{0,30}batter|batter.{0,30}bulg|puff(y|ed)",
        r"aufgeblaht|\bgeblaht|dicke[rn]? akku|akku.{0,20}(dick|aufgequollen|wolbt)",
        r"\bgonfle|opgezwollen|gezwollen|bolle (accu|batterij)|opsvulme|haevet batteri",
    )),
    (CRT, (
        r"\bcrt\b|tube (tv|television|monitor)|picture tube|cathode ray|rohrenfernseh|bildrohre|rohrenmonitor",
        r"tube cathodique|tele(viseur)? cathodique|beeldbuis|billedror",
    )),
    (MICROWAVE, (r"microwave|mikrowelle|micro-?ondes?\b|magnetron|mikrobolge|mikroovn",)),
    (FIRE, (
        r"\bsmok(e|es|ing|ed)\b|\bspark(s|ed|ing)?\b|burn(ing|t|ed)? smell|smell.{0,20}burn",
        r"caught fire|\bflames?\b|explod",
        # German "brauche" and "Gebrauch" hold "rauch": only whole words of smoke count.
        r"\brauch(t|te|en|wolken?|entwicklung)?\b|\bfunken(flug)?\b|verbrannt|schmort|brandgeruch",
        r"\bfumee?s?\b|etincelle|odeur de brule|sent le brule|\brook\b|vonken|brandlucht|ruikt.{0,20}brand",
        r"\brog\b|\bryger\b|gnist|braendt|brandlugt",
    )),
    (SHOCK, (
        r"electric(al)? shock|got a shock|gave me a shock|shocked me|trips? the (breaker|rcd|fuse)",
        r"stromschlag|gewischt bekommen|fi.?schalter|decharge electrique|prends? le courant|fait (sauter|disjoncter)",
        r"elektrische schok|schok gekregen|onder stroom|aardlek|stoppen doorslaan|elektrisk stod|\bhfi\b",
    )),
    (LIQUID, (
        r"spilled|spilt|\bwater (damage|over|on|in|inside)|in (the )?(water|toilet|bath|pool)|got wet|\bliquids?\b",
        r"\b(coffee|tea|wine|beer|juice|cola|coke|soda|milk|soup) (\w+ ){0,3}(over|into) ",
        r"verschuttet|ins wasser|wasserschaden|\bnass\b|(hinein|daruber|druber|rein)gelaufen",
        r"(kaffee|tee|wein|bier|saft|cola|limo|milch|suppe) (\w+ ){0,3}(uber|in) (die|den|das|dem|der|mein\w*) ",
        r"renverse|dans l.eau|pris l.eau|\b(cafe|the|vin|biere|jus|coca|soda|lait) (\w+ ){0,3}sur ",
        r"gemorst|in het water|waterschade|nat geworden|spildt|i vandet|vandskade",
        r"\b(koffie|thee|wijn|bier|sap|cola|melk|soep) (\w+ ){0,2}over ",
        r"\b(kaffe|te|vin|saft|cola|maelk) (\w+ ){0,2}over ",
    )),
)  # fmt: skip
_PATTERNS = tuple((hazard, re.compile("|".join(patterns))) for hazard, patterns in _WORDS)
_MAINS_CATEGORIES = frozenset(
    {"desktop", "tv", "printer", "vacuum", "audio", "appliance", "console", "musical_instrument"}
)
_READ_CHARACTERS = 10_000


def hazards(complaint: str, category: str, likely: Sequence[str]) -> tuple[Hazard, ...]:
    """Return the dangers, those that stop the bench first.

    A word raises a danger even where it is denied ("not swollen"): a needless warning is cheap. ``likely`` are the
    likeliest fault families.
    """
    text = normalise(complaint[:_READ_CHARACTERS])
    found = [hazard for hazard, pattern in _PATTERNS if pattern.search(text)]
    if "liquid" in likely[:1] and LIQUID not in found:
        found.append(LIQUID)
    if category in _MAINS_CATEGORIES:
        found.append(MAINS)
    if category == "camera":
        found.append(FLASH)
    if "optical_drive" in likely[:2]:
        found.append(LASER)
    return tuple(sorted(found, key=lambda hazard: not hazard.stops_bench))
