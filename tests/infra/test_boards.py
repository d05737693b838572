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
    assert await boards.of("main", BOARD) is None

    boards.take(_record(DesignView.model_validate(whose), 1))
    assert await boards.of("main", BOARD) is None

    analysed = full.analysed.model_copy(update={"index": ref})
    boards.take(_record(DesignView.model_validate(whose).model_copy(update={"analysed": analysed}), 2))
    facts = await boards.of("main", BOARD)
    assert facts is not None
    part = facts.part("u1")
    assert part is not None
    assert (part.value, part.pins["5"]) == ("AP2112K-3.3", "+3V3")
    assert facts.trace("+5V", "PWR_EN") is not None
    assert await boards.of("main", "ANOTHER") is None


async def test_a_design_whose_index_is_gone_is_no_design(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path)
    full = examples_of(DesignView)["full"]
    assert isinstance(full, DesignView)
    boards = StoredBoards(Book(blobs), _nothing)
    boards.take(_record(full, 1))
    assert await boards.of(full.workspace_id, full.board_model) is None


async def test_two_workspaces_with_a_board_of_one_name_each_see_their_own(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path)
    full = examples_of(DesignView)["full"]
    assert isinstance(full, DesignView)
    assert full.analysed is not None
    boards = StoredBoards(Book(blobs), _nothing)
    for workspace, text in (("main", KICAD_PCB), ("hafen", KICAD_PCB.replace("AP2112K-3.3", "LDO-OF-HAFEN"))):
        _, index = analyse({FILE: text.encode()})
        ref = await blobs.put("designs", f"{workspace}/index", index, "application/json")
        whose = {"design_id": f"{workspace}/{BOARD}", "workspace_id": workspace, "board_model": BOARD}
        analysed = full.analysed.model_copy(update={"index": ref, **whose})
        boards.take(_record(DesignView(**whose, analysed=analysed), 1))

    seen = {}
    for workspace in ("main", "hafen"):
        facts = await boards.of(workspace, BOARD)
        assert facts is not None
        part = facts.part("U1")
        assert part is not None
        seen[workspace] = part.value
    assert seen == {"main": "AP2112K-3.3", "hafen": "LDO-OF-HAFEN"}
    assert await boards.of("elsewhere", BOARD) is None
