import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from connectors.errors import Misconfigured
from infra.secret_files import load_or_create_secret


def test_makes_a_secret_once_and_keeps_it(tmp_path: Path) -> None:
    first = load_or_create_secret(tmp_path, "links")
    assert load_or_create_secret(tmp_path, "links") == first
    assert len(first) >= 43, "32 random bytes in URL-safe Base64"
    assert load_or_create_secret(tmp_path, "key-pepper") != first


def test_keeps_the_file_from_other_users(tmp_path: Path) -> None:
    load_or_create_secret(tmp_path, "links")
    path = tmp_path / "secrets" / "links"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_agrees_on_one_secret_when_several_processes_start_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: load_or_create_secret(tmp_path, "links"), range(32)))
    assert len(found) == 1
    assert [path.name for path in (tmp_path / "secrets").iterdir()] == ["links"]


def test_says_what_to_do_when_the_file_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "links"
    path.parent.mkdir()
    path.write_text("\n")
    with pytest.raises(Misconfigured, match=r"links is empty; restore it from a backup, or remove it"):
        load_or_create_secret(tmp_path, "links")


def test_says_what_to_do_when_the_folder_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file, not a folder")
    with pytest.raises(Misconfigured, match="choose a NOIZYLAB_HOME this user owns"):
        load_or_create_secret(tmp_path / "home", "links")
