"""``python -m infra.gen [--check]``: write the generated files, or say which are not current."""

import sys
from importlib.metadata import version
from pathlib import Path

from infra.gen.documents import asyncapi, graph, topic_table
from infra.gen.json_schema import schema_files
from infra.gen.wiring import wirings

ROOT = Path(__file__).resolve().parents[2]


def generated() -> dict[Path, str]:
    """Return every generated file, by its path in the repository."""
    wired = wirings()
    documents = Path("infra/docs/generated")
    files = {Path("schemas/json") / name: content for name, content in schema_files().items()}
    files[documents / "asyncapi.yaml"] = asyncapi(wired, version("noizylab"))
    files[documents / "topics.md"] = topic_table(wired)
    files[documents / "graph.mmd"] = graph(wired)
    return files


def stale(root: Path = ROOT) -> list[str]:
    """Return what is missing, different or left over."""
    files = generated()
    found = [
        str(path)
        for path, content in files.items()
        if not (root / path).exists() or (root / path).read_text(encoding="utf-8") != content
    ]
    left_over = {path.relative_to(root) for path in (root / "schemas/json").glob("*.json")} - set(files)
    return sorted([*found, *(f"{path} (no such type any more)" for path in left_over)])


def main(arguments: list[str]) -> int:
    """Write or check; returns the exit status."""
    if "--check" in arguments:
        found = stale()
        for line in found:
            sys.stderr.write(f"not current: {line}; run `make gen`\n")
        return 1 if found else 0
    for path in (ROOT / "schemas/json").glob("*.json"):
        path.unlink()
    for path, content in generated().items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(content, encoding="utf-8")
    sys.stdout.write(f"wrote {len(generated())} files\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
