"""The catalogue of fault patterns: read from ``catalogue.toml`` and checked."""

import tomllib
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from processors.schematics.faults.symptoms import Symptom

CATALOGUE = Path(__file__).with_name("catalogue.toml")
Circuit = Literal[
    "rail", "regulator", "switcher", "enable", "feedback", "fuse", "bead", "sense", "series_diode", "surge_diode",
    "usb", "usb_c", "i2c", "uart", "memory", "reset", "crystal", "watch_crystal", "battery", "charger", "backlight",
    "led", "amplifier", "codec", "electrolytic", "coil_driver", "level_shifter", "opamp", "connector", "button",
    "input", "mains",
]  # fmt: skip
Unit = Literal["ohm", "volt", "millivolt", "share", "kelvin", "kilohertz", "megahertz"]


class CatalogueError(ValueError):
    """The catalogue cannot be used; says which pattern and what to put right."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Measure(_Entry):
    """A measurement that tells the pattern from others: ranges of a good and of a faulty board, in ``unit``.

    ``share`` is a share of the nominal voltage. ``{net}`` and ``{parts}`` stand for those of the place on the board.
    """

    what: str = Field(min_length=10)
    unit: Unit
    good: tuple[float, float]
    fault: tuple[float, float]

    @model_validator(mode="after")
    def _are_ranges(self) -> Self:
        if any(low > high for low, high in (self.good, self.fault)):
            raise ValueError(f"{self.what!r}: a range goes from low to high; swap the two")
        return self


class Pattern(_Entry):
    """A fault pattern: what is seen, where, what it may be (likeliest first), what tells, what to mind."""

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    title: str
    circuit: Circuit
    symptoms: tuple[Symptom, ...] = Field(min_length=1)
    causes: tuple[str, ...] = Field(min_length=1)
    hazards: tuple[str, ...]
    sources: tuple[str, ...] = Field(min_length=1)
    measure: tuple[Measure, ...] = Field(min_length=1)


class _File(_Entry):
    pattern: tuple[Pattern, ...]


def parse_catalogue(text: str) -> tuple[Pattern, ...]:
    """Return the patterns of a catalogue.

    Raises:
        CatalogueError: it is no TOML, a pattern lacks something, or two have one id.
    """
    try:
        patterns = _File.model_validate(tomllib.loads(text)).pattern
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"the catalogue is no TOML: {error}; put it right") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise CatalogueError(f"{place}: {first['msg']}; put the pattern right") from error
    twice = [name for name, count in Counter(one.id for one in patterns).items() if count > 1]
    if twice:
        raise CatalogueError(f"the pattern {twice[0]} is there more than once; give one of them another id")
    return patterns


@cache
def catalogue() -> tuple[Pattern, ...]:
    """Return the patterns that come with the house.

    Raises:
        CatalogueError: the file was changed and cannot be used.
    """
    return parse_catalogue(CATALOGUE.read_text(encoding="utf-8"))
