"""The files of the repository, as the architecture tests look at them."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("schemas", "topics", "connectors", "processors", "infra")
BUILT = {"build", "dist"}
"""Left by a build, ignored by version control."""


@cache
def files(*folders: str) -> tuple[Path, ...]:
    """Return all files below folders of the repository, without what Python leaves behind."""
    found = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    return tuple(sorted(path for path in found if "__pycache__" not in path.parts))


@cache
def modules(*folders: str) -> tuple[Path, ...]:
    """Return the Python files below folders of the repository."""
    return tuple(path for path in files(*folders) if path.suffix == ".py")


@cache
def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def name_of(path: Path) -> str:
    """Return a file's path in the repository."""
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> set[str]:
    """Return the names of the modules that a file imports, however deep in it."""
    found: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def dotted(path: Path) -> Iterator[str]:
    """Yield every dotted name that a file uses, such as ``datetime.now`` and ``os.environ``."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"
