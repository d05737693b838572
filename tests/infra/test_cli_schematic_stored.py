"""The verbs about stored designs, against an edge that listens on a port."""

from typer.testing import CliRunner

from infra.cli.main import app
from infra.demo.design import BOARD
from infra.settings import read_settings
from infra.web import open_keyring
from schemas.schematics import DesignRemoved, DesignView, RemoveDesign
from tests.infra.test_cli_tickets import shop
from tests.processors.gateway.world import NOW, World
from tests.schemas.examples import examples_of

__all__ = ["shop"]
WHOSE = {"design_id": f"main/{BOARD}", "workspace_id": "main", "board_model": BOARD}


def said(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["schematic", *arguments])
    return done.exit_code, done.output


def test_lists_and_removes_what_the_shop_has_stored(shop: World) -> None:
    assert "no designs are stored for main" in said("list")[1]
    full = examples_of(DesignView)["full"]
    assert isinstance(full, DesignView)
    shop.feed(full.model_copy(update=WHOSE))
    status, text = said("list")
    assert (status, text.startswith(f"{BOARD}: ")) == (0, True)
    assert "newer files were refused" in text
    assert "no designs" in said("list", "--workspace", "hafen")[1]

    removed = DesignRemoved(**WHOSE, removed_at=NOW)
    shop.answer = lambda command, _: [(removed, DesignView(**WHOSE, removed=removed))]
    status, text = said("remove", BOARD)
    assert (status, "noizylab blobs sweep" in text) == (0, True)
    assert [message for _, message in shop.sent if isinstance(message, RemoveDesign)] == [RemoveDesign(**WHOSE)]
    assert open_keyring(read_settings()).list() == ()


def test_says_that_there_is_no_such_board_and_what_to_do(shop: World) -> None:
    status, text = said("remove", "NZL-NONE")
    assert (status, "there are no files of NZL-NONE" in " ".join(text.split())) == (1, True)
