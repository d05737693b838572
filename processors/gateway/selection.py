"""Field selection: which fields a document has, by its models, and a document cut down to some of them. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, get_args, get_origin

from pydantic import BaseModel

Fields = Mapping[str, "Fields | None"]
"""Names, each with what is below it; None: nothing that could be chosen, or all of it."""


class UnknownField(ValueError):
    """A field that a document does not have; the message names it and those that are there."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


@lru_cache(256)
def fields_of(model: type[BaseModel]) -> Fields:
    """Return the fields of a model, and of the models in them; a field that is a list stands for each of its items."""
    return {name: _below(field.annotation) for name, field in model.model_fields.items()}


def _below(annotation: Any) -> Fields | None:
    found: dict[str, Fields | None] = {}
    for model in _models(annotation):
        found |= fields_of(model)
    return found or None


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) is not dict:
        for one in get_args(annotation):
            yield from _models(one)


def read_fields(text: str, known: Fields) -> Fields | None:
    """Read ``state,device.model``; None when nothing is chosen.

    Raises:
        UnknownField: a field that is not known.
    """
    chosen: dict[str, Any] = {}
    for path in filter(None, (part.strip() for part in text.split(","))):
        names = path.split(".")
        _check(names, known)
        level = chosen
        for name in names[:-1]:
            level = level.setdefault(name, {})
            if level is None:  # all of it was chosen before
                break
        else:
            level[names[-1]] = None
    return chosen or None


def _check(names: list[str], known: Fields) -> None:
    level: Fields | None = known
    for depth, name in enumerate(names):
        if level is None or name not in level:
            path, above = ".".join(names)[:80], ".".join(names[:depth])[:80]
            there = f"{above!r} has" if above else "there are"
            names_there = ", ".join(sorted(level)) if level else "no fields of its own"
            raise UnknownField(path, f"there is no field {path!r}; {there} {names_there}")
        level = level[name]


def pick(value: Any, chosen: Fields | None) -> Any:
    """Return JSON data cut down to what is chosen; of a list each item is cut down, and what is absent stays so."""
    if chosen is None:
        return value
    if isinstance(value, list):
        return [pick(item, chosen) for item in value]
    if isinstance(value, dict):
        return {name: pick(value[name], below) for name, below in chosen.items() if name in value}
    return value


def named(names: Iterable[str]) -> Fields:
    """Return fields with nothing below them."""
    return dict.fromkeys(names)
