"""Schematics as it is wired: files from the store, what is in them on the log, questions answered from the index."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.blobs.local import LocalBlobs
from connectors.bus.app import App
from connectors.processes.pool import WorkTooSlow
from infra.demo.design import BOARD, KICAD_PCB
from processors.schematics.agent import wire
from processors.schematics.book import Book
from processors.schematics.codec import from_bytes
from processors.schematics.decide import DETAIL_MOST, EVENT_MOST_BYTES, Analysed, Refused, decide
from processors.schematics.errors import DesignError
from processors.schematics.pool import Analyst
from processors.schematics.summary import analyse
from schemas.core.blob_ref import BlobRef
from schemas.core.outcome import Emit, Reject
from schemas.schematics import (
    AnalyseDesign,
    DesignAnalysed,
    DesignAnswered,
    DesignFile,
    DesignQuestion,
    DesignRefused,
    DesignRemoved,
    DesignView,
    LookUpDesign,
    RemoveDesign,
)
from tests.support.driver import START, Driver

WHOSE = {"design_id": f"main/{BOARD}", "workspace_id": "main", "board_model": BOARD}


@pytest.fixture
def blobs(tmp_path: Path) -> LocalBlobs:
    return LocalBlobs(tmp_path)


@pytest.fixture
async def analyst() -> AsyncIterator[Analyst]:
    one = Analyst()
    yield one
    one.close()


async def stored(blobs: LocalBlobs, **files: str) -> tuple[DesignFile, ...]:
    found = []
    for number, (name, text) in enumerate(files.items()):
        ref = await blobs.put("designs", f"uploads/main/1/{number}", text.encode(), "application/octet-stream")
        found.append(DesignFile(name=name.replace("_", ".", 1), blob=ref))
    return tuple(found)


def asking(kind: str, about: str = "", to: str = "") -> LookUpDesign:
    return LookUpDesign(**WHOSE, question=DesignQuestion.model_validate({"kind": kind, "about": about, "to": to}))


def driver(analyst: Analyst, blobs: LocalBlobs, *, redeliver: bool = False) -> Driver:
    def wired(app: App) -> None:
        wire(app, analyst, blobs, Book(blobs))

    return Driver(wired, "schematics", redeliver=redeliver)


async def test_files_are_analysed_once_and_every_question_is_answered_from_their_index(
    analyst: Analyst, blobs: LocalBlobs
) -> None:
    drive = driver(analyst, blobs, redeliver=True)
    await drive.pipe(AnalyseDesign(**WHOSE, files=await stored(blobs, psu_kicad_pcb=KICAD_PCB)))

    [event] = drive.read(DesignAnalysed)
    assert (event.formats, event.counts.parts, event.counts.nets) == ("kicad_pcb", 5, 4)
    assert [(one.ref, one.outputs) for one in event.regulators] == [("U1", ("+3V3",))]
    assert {part.ref for part in from_bytes(await blobs.get(event.index)).parts} == {"U1", "C1", "C2", "R1", "TP1"}

    drive.restart()
    for question in (asking("part", "U1"), asking("net", "+3V3"), asking("path", "C1", "C2"), asking("rails"),
                     asking("buses"), asking("part", "U11")):  # fmt: skip
        await drive.pipe(question)
    part, net, path, rails, buses, unknown = drive.read(DesignAnswered)
    assert part.part is not None
    assert part.part.datasheet == "ap2112.pdf"
    assert net.net is not None
    assert [one.name for one in net.net.touch] == ["TP1"]
    assert path.path is not None
    assert [step.ref for step in path.path.steps] == ["U1"]
    assert rails.rails is not None
    assert {rail.net for rail in rails.rails.rails} == {"+5V", "+3V3"}
    assert buses.buses is not None
    assert unknown.detail == "psu.kicad_pcb has no part 'U11'; alike are U1"
    assert drive.dead() == []


async def test_files_that_cannot_be_read_are_refused_with_their_line_and_what_was_known_stays(
    analyst: Analyst, blobs: LocalBlobs
) -> None:
    drive = driver(analyst, blobs)
    await drive.pipe(asking("rails"))
    await drive.pipe(AnalyseDesign(**WHOSE, files=await stored(blobs, psu_kicad_pcb=KICAD_PCB)))
    await drive.pipe(AnalyseDesign(**WHOSE, files=await stored(blobs, psu_kicad_pcb="(kicad_pcb\n(footprint")))
    [early] = drive.read(DesignAnswered)
    assert "no files of this board were analysed" in early.detail
    [refused] = drive.read(DesignRefused)
    assert (refused.reason, refused.file, refused.line) == ("unreadable", "psu.kicad_pcb", 2)
    assert "it is cut off, fetch it again" in refused.detail
    view = drive.views()[f"main/{BOARD}"]
    assert isinstance(view, DesignView)
    assert view.refused == refused
    assert view.analysed is not None
    assert drive.dead() == []


async def test_a_removed_board_is_forgotten_and_may_be_given_again(analyst: Analyst, blobs: LocalBlobs) -> None:
    drive = driver(analyst, blobs, redeliver=True)
    await drive.pipe(AnalyseDesign(**WHOSE, files=await stored(blobs, psu_kicad_pcb="(kicad_pcb\n(footprint")))
    await drive.pipe(AnalyseDesign(**WHOSE, files=await stored(blobs, psu_kicad_pcb=KICAD_PCB)))
    await drive.pipe(RemoveDesign(**WHOSE))
    [removed] = drive.read(DesignRemoved)
    assert drive.views()[f"main/{BOARD}"] == DesignView(**WHOSE, removed=removed)

    await drive.pipe(asking("rails"))
    [answered] = drive.read(DesignAnswered)
    assert "no files of this board were analysed" in answered.detail
    await drive.pipe(RemoveDesign(**WHOSE))
    again = drive.views()[f"main/{BOARD}"]
    assert isinstance(again, DesignView)
    assert (again.removed is not None, again.analysed) == (True, None)

    await drive.pipe(AnalyseDesign(**WHOSE, files=await stored(blobs, psu_kicad_pcb=KICAD_PCB)))
    known = drive.views()[f"main/{BOARD}"]
    assert isinstance(known, DesignView)
    assert (known.removed, known.analysed is not None) == (None, True)
    assert drive.dead() == []


async def test_a_file_that_the_store_lost_is_named(analyst: Analyst, blobs: LocalBlobs) -> None:
    drive = driver(analyst, blobs)
    files = await stored(blobs, psu_kicad_pcb=KICAD_PCB)
    await blobs.delete("designs", files[0].blob.key)
    await drive.pipe(AnalyseDesign(**WHOSE, files=files))
    [refused] = drive.read(DesignRefused)
    assert (refused.reason, refused.file) == ("file_missing", "psu.kicad_pcb")
    assert refused.detail.endswith("upload it again")


async def test_an_index_that_is_gone_is_no_answer_and_says_what_to_do(analyst: Analyst, blobs: LocalBlobs) -> None:
    drive = driver(analyst, blobs)
    await drive.pipe(AnalyseDesign(**WHOSE, files=await stored(blobs, psu_kicad_pcb=KICAD_PCB)))
    [event] = drive.read(DesignAnalysed)
    await blobs.delete(event.index.bucket, event.index.key)
    await drive.pipe(asking("rails"))
    [answered] = drive.read(DesignAnswered)
    assert answered.detail.endswith("analyse the board's files again")


async def test_a_file_that_takes_too_long_is_given_up_and_the_next_one_is_read(analyst: Analyst) -> None:
    hurried = Analyst(limit_s=0.001)
    with pytest.raises(WorkTooSlow, match="give the board alone"):
        await hurried.analyse({"psu.kicad_pcb": KICAD_PCB.encode()})
    hurried.close()
    summary, _ = await analyst.analyse({"psu.kicad_pcb": KICAD_PCB.encode()})
    assert summary.counts.parts == 5
    with pytest.raises(DesignError, match="x:1: the format is not known") as caught:
        await analyst.analyse({"x": b"hello"})
    assert (caught.value.file, caught.value.line) == ("x", 1)


async def test_the_book_forgets_what_was_used_longest_ago(blobs: LocalBlobs) -> None:
    refs: list[BlobRef] = []
    for number in range(3):
        _, content = analyse({f"{number}.kicad_pcb": KICAD_PCB.encode()})
        refs.append(await blobs.put("designs", f"i/{number}", content, "application/json"))
    book = Book(blobs, most_bytes=2 * refs[0].size_bytes + 10)
    first = await book.index(refs[0])
    await book.index(refs[1])
    assert await book.index(refs[0]) is first
    await book.index(refs[2])
    assert await book.index(refs[0]) is first
    for ref in refs[:2]:
        await blobs.delete(ref.bucket, ref.key)
    assert await book.index(refs[0]) is first
    with pytest.raises(Exception, match="nothing stored"):
        await book.index(refs[1])


# --- the decision


REF = BlobRef(bucket="designs", key="i/1", sha256="0" * 64, size_bytes=1, media_type="application/json")
COMMAND = AnalyseDesign(**WHOSE, files=(DesignFile(name="a", blob=REF),))


def test_names_without_end_do_not_break_the_log() -> None:
    long = KICAD_PCB.replace("+3V3", "V" * 300_000)
    summary, _ = analyse({"psu.kicad_pcb": long.encode()})
    outcome = decide(COMMAND, Analysed(summary, REF), START)
    assert isinstance(outcome, Emit)
    [event] = outcome.messages
    assert isinstance(event, DesignAnalysed)
    assert len(event.to_json()) < EVENT_MOST_BYTES
    assert event.left_out > 0
    refused = decide(COMMAND, Refused("unreadable", "x" * 5_000), START)
    assert isinstance(refused, Emit)
    [said] = refused.messages
    assert isinstance(said, DesignRefused)
    assert len(said.detail) == DETAIL_MOST


def test_an_id_that_is_not_the_boards_is_rejected() -> None:
    stolen = COMMAND.model_copy(update={"workspace_id": "hafen"})
    outcome = decide(stolen, Refused("unreadable", "x"), START)
    assert isinstance(outcome, Reject)
    assert outcome.reason == "wrong_design_id"
