"""Broken files given to the verbs: a message that names file and place, never a traceback, never a wait."""

import re
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.cli.main import app
from tests.processors.schematics.malformed import BROKEN, Broken

LONGEST_SECONDS = 5.0


@pytest.mark.parametrize("verb", ["nets", "rails", "svg"])
@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_verb_says_what_is_wrong_with_a_broken_file(tmp_path: Path, broken: Broken, verb: str) -> None:
    for name, content in broken.files.items():
        (tmp_path / name).write_bytes(content)
    started = time.process_time()
    done = CliRunner().invoke(app, ["schematic", verb, str(tmp_path / next(iter(broken.files)))])
    assert time.process_time() - started < LONGEST_SECONDS
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert re.search(broken.said, " ".join(done.output.split())), done.output
    drawn = verb == "svg"  # a sheet says not where parts are on the board, which is an answer of its own
    assert done.exit_code == (0 if broken.read and not drawn else 1)
    if broken.read and drawn:
        assert "give a board or a boardview" in " ".join(done.output.split())
