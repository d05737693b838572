"""The texts: ``templates/<template>.<language>.<part>.j2``, rendered in a sandbox that never leaves a gap.

``subject`` and ``txt`` make a mail, ``sms`` a text message. A value that is None counts as not given; a template asks
``is defined`` for what may be missing, and everything else it names must be there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from jinja2 import DictLoader, StrictUndefined, TemplateError, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from processors.notify.wording import UnfitValue, amount, day, device_name

LANGUAGES = ("en", "de", "fr", "nl", "da")
PARTS = ("subject", "txt", "sms")
DIRECTORY = Path(__file__).parent / "templates"

Part = Literal["subject", "txt", "sms"]
TemplateValues = Mapping[str, str | int | None]


@dataclass(frozen=True, slots=True)
class Unrendered:
    """Why a text cannot be written. ``detail`` names the template and value, never personal data."""

    reason: Literal["template_unknown", "template_value_missing", "template_value_unfit"]
    detail: str


class Templates:
    """All texts of the shop, by file name. Rendering reads nothing and keeps nothing."""

    def __init__(self, sources: Mapping[str, str], time_zone: str = "UTC") -> None:
        self._sources = dict(sources)
        self._environments = {language: _environment(self._sources, language, time_zone) for language in LANGUAGES}

    @classmethod
    def load(cls, directory: Path = DIRECTORY, time_zone: str = "UTC") -> "Templates":
        """Read every ``*.j2`` file of a directory."""
        return cls({path.name: path.read_text(encoding="utf-8") for path in sorted(directory.glob("*.j2"))}, time_zone)

    def render(self, template: str, language: str, part: Part, values: TemplateValues) -> str | Unrendered:
        """Return the finished text, or why there is none."""
        name = f"{template}.{language}.{part}.j2"
        if name not in self._sources:
            return Unrendered("template_unknown", f"there is no {name}; add the file, or correct the template's name")
        given = {key: value for key, value in values.items() if value is not None}
        try:
            return self._environments[language].get_template(name).render(given)
        except UndefinedError as error:
            return Unrendered("template_value_missing", f"{name}: {error.message}; send it in values")
        except (TemplateError, UnfitValue) as error:
            return Unrendered("template_value_unfit", f"{name}: {error}")


def spoken(language: str | None, fallback: str) -> str:
    """Return the language of ours that a tag like ``de`` or ``de-AT`` asks for, else the fallback."""
    primary = (language or "").replace("_", "-").split("-")[0].lower()
    return primary if primary in LANGUAGES else fallback


def _environment(sources: dict[str, str], language: str, time_zone: str) -> ImmutableSandboxedEnvironment:
    # Plain text needs no HTML escaping: "&amp;" would break the links.
    environment = ImmutableSandboxedEnvironment(
        loader=DictLoader(sources), undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters = {
        "money": partial(_money, language=language),
        "device_name": partial(_device_name, language=language),
        "day": partial(_day, language=language, time_zone=time_zone),
    }
    return environment


def _money(minor_units: object, currency: object, *, language: str) -> str:
    for value in (minor_units, currency):
        if isinstance(value, StrictUndefined):
            str(value)  # raises UndefinedError with the value's name
    return amount(minor_units, currency, language)


def _device_name(device: object, *, language: str) -> str:
    return device_name(str(device), language)


def _day(moment: object, *, language: str, time_zone: str) -> str:
    return day(moment, language, time_zone)
