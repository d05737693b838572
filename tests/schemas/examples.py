"""The committed examples, by message type."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from schemas.core.message import Message
from topics.registry import ALL

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "schemas" / "examples"
SCHEMAS = ROOT / "schemas" / "json"
TYPES: tuple[type[Message], ...] = tuple(message for topic in ALL for message in topic.carries)


def stem(kind: type[Message]) -> str:
    """Return a type's name as its files carry it."""
    return kind.TYPE.removeprefix("noizylab.")


def paths_of(kind: type[Message]) -> list[Path]:
    """Return the example files of a type, by name."""
    return sorted((EXAMPLES / stem(kind)).glob("*.json"))


def load(kind: type[Message], path: Path) -> Message:
    """Return one example."""
    return kind.model_validate_json(path.read_bytes())


def examples_of(kind: type[Message]) -> dict[str, Message]:
    """Return the examples of a type by their file names without ending."""
    return {path.stem: load(kind, path) for path in paths_of(kind)}


def models_in(value: object) -> Iterator[BaseModel]:
    """Yield a model and every model inside it."""
    if isinstance(value, BaseModel):
        yield value
        for name in type(value).model_fields:
            yield from models_in(getattr(value, name))
    elif isinstance(value, tuple | list):
        for item in value:
            yield from models_in(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from models_in(item)


FILES: list[tuple[type[Message], Path]] = [(kind, path) for kind in TYPES for path in paths_of(kind)]
