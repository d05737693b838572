"""What stands where."""

import ast
import re
from importlib.metadata import distributions, packages_distributions
from pathlib import Path

import pytest

from infra.compose import WIRED
from tests.architecture.tree import BUILT, ROOMS, ROOT, files, modules, name_of, parsed
from topics.registry import PROCESSORS

ALLOWED = {*ROOMS, "tests", "pyproject.toml", "README.md", "Makefile", "LICENSE", "CHANGELOG.md", "requirements.lock"}
LONGEST = 450
LONGER = {
    "connectors/client/calls.py": "generated: a method for each operation of the API",
    "connectors/client/calls_async.py": "generated: a method for each operation of the API",
    "connectors/client/models.py": "generated: a class for each answer and body of the API",
    "tests/processors/orchestrator/test_bpmn_engine.py": "one table of what BPMN means, element by element",
    "tests/processors/orchestrator/test_decide.py": "one story of a flow, told step by step with the same desk",
}
FOLDERS = sorted(path for path in (ROOT / "processors").iterdir() if path.is_dir() and path.name != "__pycache__")
# Put together here, so that this file does not hold what it looks for.
FOREIGN = re.compile(
    "|".join(["/" + "(?:work|root)/", "/" + "home/[a-z]", "pypi" + r"\.org", "files\\." + "pythonhosted"])
)


def test_root_holds_the_rooms_and_the_usual_files_alone() -> None:
    found = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")} - BUILT
    assert found == ALLOWED


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    """An exception that is no longer needed has to go from the list."""
    longer = {name_of(path) for path in modules(*ROOMS, "tests") if len(path.read_bytes().splitlines()) > LONGEST}
    assert longer == set(LONGER)


def test_every_module_begins_with_a_sentence_about_what_it_holds() -> None:
    assert [name_of(path) for path in modules(*ROOMS) if not ast.get_docstring(parsed(path))] == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_processor_has_its_readme_and_nothing_but_words_in_its_package_file(folder: Path) -> None:
    assert len((folder / "README.md").read_text(encoding="utf-8").splitlines()) >= 10
    [only] = parsed(folder / "__init__.py").body
    assert isinstance(only, ast.Expr)


@pytest.mark.parametrize("processor", WIRED)
def test_a_processor_on_the_log_says_in_one_place_what_it_reads_and_writes(processor: str) -> None:
    wires = [
        node
        for path in modules(f"processors/{processor}")
        for node in parsed(path).body
        if isinstance(node, ast.FunctionDef) and node.name == "wire"
    ]
    [wire] = wires
    assert ast.get_docstring(wire)


def test_every_processor_of_the_registry_has_its_folder() -> None:
    assert {folder.name for folder in FOLDERS} == set(PROCESSORS)


def test_no_file_names_a_place_of_the_machine_it_was_made_on() -> None:
    own = [path for path in files(*ROOMS, "tests") if "\0" not in path.read_text(encoding="utf-8", errors="replace")]
    own += [path for path in ROOT.iterdir() if path.is_file() and path.name != ".git"]  # a worktree has one
    named = {
        f"{name_of(path)}: {found.group()}"
        for path in own
        if (found := FOREIGN.search(path.read_text(encoding="utf-8", errors="replace")))
    }
    assert named == set()


def test_the_lock_holds_hashes_and_no_addresses() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    pinned = [line for line in lock.splitlines() if re.match(r"[a-z0-9]", line)]
    assert len(pinned) > 50
    assert all(re.match(r"[a-z0-9._-]+(\[[a-z0-9,_-]+\])?==", line) for line in pinned)
    assert lock.count("--hash=sha256:") >= len(pinned)


def test_exactly_one_build_of_opencv_is_installed() -> None:
    """Both builds write the same package; together they break each other."""
    installed = [one.name for one in distributions() if one.name and one.name.lower().startswith("opencv-")]
    assert installed == ["opencv-python-headless"]


def test_nothing_installed_shadows_a_room() -> None:
    owners = packages_distributions()
    assert {room: owners.get(room, []) for room in ROOMS if set(owners.get(room, [])) - {"noizylab"}} == {}
