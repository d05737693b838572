"""Wires schematics to its topics."""

import logging

from connectors.blobs.content import put_content
from connectors.blobs.port import BlobCorrupt, BlobMissing, BlobStore
from connectors.bus.aggregate import Aggregate
from connectors.bus.app import App
from connectors.processes.pool import WorkFailed
from processors.schematics.book import Book
from processors.schematics.codec import UnknownIndex
from processors.schematics.decide import Analysed, Found, NoAnswer, Refused, decide
from processors.schematics.errors import DesignError
from processors.schematics.pool import Analyst
from processors.schematics.state import evolve
from processors.schematics.text import LARGEST_BYTES
from schemas.core.envelope import Envelope
from schemas.core.message import Command, Message
from schemas.core.outcome import Outcome, Reject
from schemas.schematics import AnalyseDesign, DesignQuestion, DesignView, LookUpDesign
from topics.schematics import DESIGN_COMMANDS, DESIGN_EVENTS, DESIGN_VIEWS

log = logging.getLogger(__name__)

BUCKET = "designs"
DESIGNS = Aggregate(view=DESIGN_VIEWS, evolve=evolve)


def wire(app: App, analyst: Analyst, blobs: BlobStore, book: Book) -> None:
    """Read the files of boards, and answer questions about them. Importing this module registers nothing."""

    @app.agent(DESIGN_COMMANDS, emits=(DESIGN_EVENTS,), state=DESIGNS)
    async def analyse(command: Message, envelope: Envelope, view: DesignView | None) -> Outcome:
        if not isinstance(command, Command):
            return Reject("not_a_command", f"{type(command).__name__} is no command")
        found: Found | None = None
        if isinstance(command, AnalyseDesign):
            found = await _analysed(command, analyst, blobs)
        elif isinstance(command, LookUpDesign):
            found = await _answer(command.question, view, book)
        return decide(command, found, envelope.time)


async def _analysed(command: AnalyseDesign, analyst: Analyst, blobs: BlobStore) -> Found:
    """Read the files and store the index under its content's name: a later analysis cannot overwrite it."""
    size = sum(file.blob.size_bytes for file in command.files)
    if size > LARGEST_BYTES:
        most = LARGEST_BYTES >> 20
        return Refused("too_large", f"the files have {size >> 20} MB, at most {most} are read; give those of one board")
    files: dict[str, bytes] = {}
    for file in command.files:
        if file.name in files:
            return Refused("unreadable", f"{file.name} is given twice; give each file once", file.name)
        try:
            files[file.name] = await blobs.get(file.blob)
        except (BlobMissing, BlobCorrupt) as error:
            return Refused("file_missing", f"{file.name}: {error}; upload it again", file.name)
    try:
        summary, content = await analyst.analyse(files)
    except DesignError as error:
        return Refused("unreadable", str(error), error.file, error.line)
    except WorkFailed as error:
        log.error("the files of %s cannot be analysed: %s", command.design_id, error)
        return Refused("engine_failed", str(error))
    return Analysed(summary, await put_content(blobs, BUCKET, content, "application/json"))


async def _answer(question: DesignQuestion, view: DesignView | None, book: Book) -> Found:
    if view is None or view.analysed is None:
        return NoAnswer("no files of this board were analysed; upload its board, boardview or schematic first")
    ref = view.analysed.index
    try:
        match question.kind:
            case "part":
                return await book.part(ref, question.about)
            case "net":
                return await book.net(ref, question.about)
            case "path":
                return await book.path(ref, question.about, question.to)
            case "rails":
                return await book.rails(ref)
            case "buses":
                return await book.buses(ref)
    except LookupError as error:
        return NoAnswer(str(error.args[0]))
    except (BlobMissing, BlobCorrupt, UnknownIndex) as error:
        return NoAnswer(f"{error}; analyse the board's files again")
