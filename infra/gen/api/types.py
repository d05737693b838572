"""From JSON Schema to Python annotations and models. Pure; it knows the part of JSON Schema that our API uses."""

import importlib
import inspect
import keyword
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel

import schemas as room

Schema = dict[str, Any]
_REF: Final = "#/components/schemas/"
_FORMATS: Final = {"date-time": "datetime", "date": "date", "time": "time", "binary": "File"}
_CLASH: Final = frozenset({"Grade"})
"""Choices whose name the API gives to something else."""
_PLAIN: Final = {"integer": "int", "number": "float", "boolean": "bool", "null": "None"}


def name_of(reference: str) -> str:
    """Return the component that a reference names."""
    return reference.removeprefix(_REF)


def annotation(schema: Schema) -> str:
    """Return the Python annotation of a schema.

    Raises:
        ValueError: a construct that this generator does not know; teach it, or describe the answer more simply.
    """
    if "$ref" in schema:
        name = name_of(schema["$ref"])
        return "JsonValue" if name == "JsonValue" else name
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " | ".join(dict.fromkeys(annotation(one) for one in schema[several]))
    if "const" in schema:
        return f"Literal[{schema['const']!r}]"
    if "enum" in schema:
        values = tuple(schema["enum"])
        return aliases()[values][0] if values in aliases() else f"Literal[{', '.join(map(repr, values))}]"
    match schema.get("type"):
        case None:
            return "Mapping[str, Any] | BaseModel" if schema.get("contentMediaType") else "Any"
        case "string" if schema.get("contentMediaType") == "application/json":
            return "Mapping[str, Any] | BaseModel"
        case "string":
            return _FORMATS.get(str(schema.get("format")), "str")
        case "array":
            return f"list[{annotation(schema['items'])}]" if "items" in schema else "list[Any]"
        case "object":
            return _mapping(schema)
        case kind if isinstance(kind, str) and kind in _PLAIN:
            return _PLAIN[kind]
        case kind:
            raise ValueError(f"no Python type for {kind!r} in {schema}")


@cache
def aliases() -> dict[tuple[str, ...], tuple[str, str]]:
    """Return the choices that ``schemas`` has a name for, each with that name and its module."""
    found: dict[tuple[str, ...], tuple[str, str]] = {}
    for module in _modules():
        source = inspect.getsource(module)
        for name, value in vars(module).items():
            if get_origin(value) is Literal and name not in _CLASH and f"\n{name} = Literal[" in source:
                found.setdefault(get_args(value), (name, module.__name__))
    return found


def _mapping(schema: Schema) -> str:
    below = schema.get("additionalProperties")
    value = annotation(below) if isinstance(below, dict) else "Any"
    key = annotation(schema["propertyNames"]) if "enum" in schema.get("propertyNames", {}) else "str"
    return f"dict[{key}, {value}]"


def model(name: str, schema: Schema) -> str:
    """Return the source of a pydantic model."""
    required = schema.get("required", ())
    fields = [_field(field, one, field in required) for field, one in schema.get("properties", {}).items()]
    text = str(schema.get("description", name)).strip().removesuffix(".")
    more = "allow" if schema.get("additionalProperties") is True else "ignore"
    config = f'    model_config = ConfigDict(extra="{more}")' if more == "allow" else ""
    return "\n".join([f"class {name}(Model):", f'    """{text}."""', "", config, *fields, ""])


def _field(name: str, schema: Schema, required: bool) -> str:
    kind = annotation(schema)
    if keyword.iskeyword(name) or name.startswith("_"):
        raise ValueError(f"{name!r} cannot be a field of a Python class; name it otherwise")
    if required:
        return f"    {name}: {kind}"
    if "default" in schema and not isinstance(schema["default"], list | dict):
        return f"    {name}: {kind} = {schema['default']!r}"
    if kind.startswith("list["):
        return f"    {name}: {kind} = Field(default_factory=list)"
    if kind.startswith("dict["):
        return f"    {name}: {kind} = Field(default_factory=dict)"
    return f"    {name}: {kind} = None" if "None" in kind or kind == "Any" else f"    {name}: {kind} | None = None"


def references(value: Any) -> Iterator[str]:
    """Yield the names of all components that a piece of the description refers to."""
    if isinstance(value, dict):
        if "$ref" in value:
            yield name_of(value["$ref"])
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from references(one)


def in_order(components: Schema, wanted: set[str]) -> list[str]:
    """Return ``wanted`` and all that they refer to, each after what it refers to."""
    done: dict[str, None] = {}

    def visit(name: str) -> None:
        if name not in done:
            for below in sorted(set(references(components[name])) - {name}):
                visit(below)
            done[name] = None

    for name in sorted(wanted):
        visit(name)
    return list(done)


def of_our_own(components: Schema, names: list[str]) -> dict[str, str]:
    """Return, for each component that is a class of ``schemas``, the module it is in: same name, same schema.

    One that hides fields from some callers, or refers to such a one, is not the same.
    """
    found: dict[str, str] = {}
    for name in names:
        kind = _classes().get(name)
        if kind is None:
            continue
        below = set(references(components[name])) - {name}
        if below <= found.keys() and _bare(components[name]) == _bare(_schema_of(kind)):
            found[name] = kind.__module__
    return found


@cache
def _modules() -> list[ModuleType]:
    return [importlib.import_module(one.name) for one in pkgutil.walk_packages(room.__path__, "schemas.")]


@cache
def _classes() -> dict[str, type[BaseModel]]:
    return {
        name: value
        for module in _modules()
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, BaseModel) and value.__module__ == module.__name__
    }


def _schema_of(kind: type[BaseModel]) -> Schema:
    made = kind.model_json_schema(mode="serialization", ref_template=_REF + "{model}")
    if "$ref" in made:
        return dict(made["$defs"][kind.__name__])
    return {name: one for name, one in made.items() if name != "$defs"}


def _bare(value: Any) -> Any:
    """Leave out defaults of null, which bodies do not have, and the order of keys."""
    if isinstance(value, dict):
        return {name: _bare(one) for name, one in value.items() if not (name == "default" and one is None)}
    return [_bare(one) for one in value] if isinstance(value, list) else value


def identifier(name: str) -> str:
    """Return the parameter for a name in an address or header, ``last_event_id``."""
    return re.sub(r"\W", "_", name).lower()
