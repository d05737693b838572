"""What the brain looks up comes from the files that a workspace gave for a board."""

from pathlib import Path

from connectors.blobs.local import LocalBlobs
from connectors.bus.aggregate import Held
from connectors.bus.records import Fetched
from infra.boards import StoredBoards
from infra.demo.design import BOARD, FILE, KICAD_PCB
from processors.schematics.book import Book
from processors.schematics.summary import analyse
from schemas.schematics import DesignView
from tests.schemas.examples import examples_of
from topics.schematics import DESIGN_VIEWS


async def _nothing() -> None:
    return


def _record(view: DesignView, version: int) -> Fetched:
    headers = [("ce_type", DesignView.TYPE.encode())]
    value = Held(view, version, ()).to_value()
    return Fetched(DESIGN_VIEWS.name, 0, version, 0, view.design_id.encode(), value, headers)


async def test_a_board_is_known_from_the_moment_its_files_were_analysed_and_not_before(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path)
    _, index = analyse({FILE: KICAD_PCB.encode()})
    ref = await blobs.put("designs", "main/index", index, "application/json")
    full = examples_of(DesignView)["full"]
    assert isinstance(full, DesignView)
    assert full.analysed is not None
    whose = {"design_id": f"main/{BOARD}", "workspace_id": "main", "board_model": BOARD}
    boards = StoredBoards(Book(blobs), _nothing)
    assert await boards.of(BOARD) is None

    boards.take(_record(DesignView.model_validate(whose), 1))
    assert await boards.of(BOARD) is None

    analysed = full.analysed.model_copy(update={"index": ref})
    boards.take(_record(DesignView.model_validate(whose).model_copy(update={"analysed": analysed}), 2))
    facts = await boards.of(BOARD)
    assert facts is not None
    part = facts.part("u1")
    assert part is not None
    assert (part.value, part.pins["5"]) == ("AP2112K-3.3", "+3V3")
    assert facts.trace("+5V", "PWR_EN") is not None
    assert await boards.of("ANOTHER") is None


async def test_a_design_whose_index_is_gone_is_no_design(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path)
    full = examples_of(DesignView)["full"]
    assert isinstance(full, DesignView)
    boards = StoredBoards(Book(blobs), _nothing)
    boards.take(_record(full, 1))
    assert await boards.of(full.board_model) is None
