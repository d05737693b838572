"""The language model as a process gets it: none without a key, and a warning that helps when its id is old."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from infra.ports import Ports, claude_settings
from infra.settings import read_settings

_OPENED_WITHOUT_KEY = """
import sys
from infra.ports import Ports
from infra.settings import read_settings
assert Ports.open(read_settings({"NOIZYLAB_HOME": sys.argv[1]})).language_model is None
assert "anthropic" not in sys.modules
"""


def test_without_a_key_the_vendors_client_is_not_even_loaded(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _OPENED_WITHOUT_KEY, str(tmp_path)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr


async def test_warns_of_a_model_that_ends_and_uses_it_still(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    environment = {
        "NOIZYLAB_HOME": str(tmp_path),
        "NOIZYLAB_ANTHROPIC_API_KEY": "key",
        "NOIZYLAB_CLAUDE_MODEL": "claude-opus-4-0",
    }
    async with Ports.open(read_settings(environment)) as ports:
        with caplog.at_level(logging.WARNING):
            model = ports.language_model
    assert model is not None
    assert model.name == "claude-opus-4-0"
    assert "set NOIZYLAB_CLAUDE_MODEL to claude-opus-5-5" in caplog.text


def test_asks_as_the_settings_say() -> None:
    environment = {
        "NOIZYLAB_ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
        "NOIZYLAB_CLAUDE_EFFORT": "high",
        "NOIZYLAB_CLAUDE_INPUT_TOKENS": "5000",
    }
    chosen = claude_settings(read_settings(environment), "key")
    assert (chosen.api_key, chosen.base_url, chosen.effort) == ("key", "http://127.0.0.1:9", "high")
    assert (chosen.model, chosen.max_input_tokens) == ("claude-opus-5-5", 5_000)
