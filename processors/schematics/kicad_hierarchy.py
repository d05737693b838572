"""The tree of sheets of a KiCad project: each appearance of each file, with the references its symbols have there."""

from collections.abc import Callable
from dataclasses import dataclass
from posixpath import dirname, join, normpath

from processors.schematics.errors import DesignError
from processors.schematics.kicad_legacy import read_legacy_sheet
from processors.schematics.kicad_legacy_library import read_library
from processors.schematics.kicad_sheet import LibSymbol, SheetFile, Symbol, read_sheet
from processors.schematics.model import Remark
from processors.schematics.text import decode

Beside = Callable[[str], bytes | None]
"""Gives the file at a path relative to the root sheet's folder, None when there is none. Never leaves the folder."""

MOST_SHEETS = 2000
"""Far more appearances than any project has; sheets that each hold the next twice would never end."""


@dataclass(frozen=True, slots=True)
class Appearance:
    """One sheet as it appears: its place in the tree and its parent (index, index of the sheet on the parent)."""

    sheet: SheetFile
    ids: tuple[str, ...]
    path: str
    on_board: bool
    parent: tuple[int, int] | None
    files: tuple[str, ...]

    @property
    def depth(self) -> int:
        """How far below the root, which is 0."""
        return len(self.ids) - 1


class Hierarchy:
    """All appearances, the root first, each before its children. ``aliases`` of buses hold in the whole project."""

    def __init__(self, name: str, content: bytes, beside: Beside) -> None:
        """Read the root and every sheet below it.

        Raises:
            DesignError: a file cannot be read, a sheet holds itself, or there are too many.
        """
        self.remarks: list[Remark] = []
        self._beside = beside
        self._folder = dirname(name)
        self._files: dict[str, SheetFile | None] = {}
        self._library: dict[str, LibSymbol] | None = None
        self._root_name = name
        root = self._parse(name, content)
        self.root = root
        self.appearances = [Appearance(root, (root.uuid,), "/", True, None, (name,))]
        position = 0
        while position < len(self.appearances):
            self._below(position)
            position += 1
        self.aliases = {key: value for one in self.appearances for key, value in one.sheet.aliases.items()}

    def reference(self, at: Appearance, symbol: Symbol) -> tuple[str, int]:
        """Return the reference and the unit of a symbol where it appears."""
        if symbol.instances:
            # A sheet that was the root of its own project keeps that path too; only the whole path counts.
            found = symbol.instances.get("/" + "/".join(at.ids))
            if found is not None:
                return found
        # Version 6 wrote them in the root, 4 and 5 in the symbol, both without the root's own id.
        path = "/" + "/".join([*at.ids[1:], symbol.uuid])
        found = symbol.instances.get(path) or self.root.instances.get(path)
        return found or (symbol.fields.get("Reference", ""), symbol.unit)

    def _below(self, position: int) -> None:
        parent = self.appearances[position]
        for number, child in enumerate(parent.sheet.sheets):
            path = normpath(join(dirname(parent.sheet.file), child.file.replace("\\", "/")))
            sheet = self._load(path, parent.sheet.file, child.line)
            if sheet is None:
                continue
            if path in parent.files:
                what = f"the sheet {child.file!r} holds itself; take one of the two out in KiCad"
                raise DesignError(parent.sheet.file, child.line, what)
            if len(self.appearances) >= MOST_SHEETS:
                what = f"more than {MOST_SHEETS} sheets; sheets that hold each other several times are a mistake"
                raise DesignError(parent.sheet.file, child.line, what)
            self.appearances.append(
                Appearance(
                    sheet, (*parent.ids, child.uuid), f"{parent.path}{child.name}/",
                    parent.on_board and child.on_board, (position, number), (*parent.files, path),
                )
            )  # fmt: skip

    def _load(self, path: str, parent: str, line: int) -> SheetFile | None:
        if path not in self._files:
            inside = path[len(self._folder) + 1 :] if self._folder and path.startswith(f"{self._folder}/") else path
            content = None if inside.startswith(("/", "..")) else self._beside(inside)
            if content is None:
                what = f"{parent}:{line}: the sheet {path!r} is not there; bring it, or live without its parts"
                self.remarks.append(Remark("missing_sheet", what))
                self._files[path] = None
            else:
                self._parse(path, content)
        return self._files[path]

    def _parse(self, path: str, content: bytes) -> SheetFile:
        if content.lstrip().startswith(b"EESchema"):
            sheet = read_legacy_sheet(content, path, self._legacy_library(content))
        else:
            text, remark = decode(content, path)
            self.remarks += [remark] if remark is not None else []
            sheet = read_sheet(text, path)
        self._files[path] = sheet
        return sheet

    def _legacy_library(self, content: bytes) -> dict[str, LibSymbol]:
        """Return the symbols of the project: its cache last, because that is what was drawn."""
        if self._library is None:
            base = self._root_name.rpartition("/")[2].rpartition(".")[0]
            named = [line[5:].strip() for line in content.decode("latin-1").splitlines() if line.startswith("LIBS:")]
            self._library = {}
            for one in [*(f"{lib}.lib" for lib in named), f"{base}-cache.lib"]:
                found = None if one.startswith(("/", "..")) else self._beside(one)
                if found is not None:
                    self._library |= read_library(one, found)
        return self._library
