import base64
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from connectors.errors import Misconfigured
from connectors.vault.master_key import MasterKey, load_or_create_master_key


def test_makes_a_private_key_once_when_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "master.key"
    first = load_or_create_master_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(set(first.secret)) > 8
    assert load_or_create_master_key(path) == first
    assert [one.name for one in path.parent.iterdir()] == ["master.key"]


def test_ends_with_one_key_when_processes_start_together(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: load_or_create_master_key(tmp_path / "master.key"), range(16)))
    assert len(keys) == 1


def test_asks_for_chmod_when_others_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    load_or_create_master_key(path)
    path.chmod(0o640)
    with pytest.raises(Misconfigured, match=r"mode 0640\); run chmod 600"):
        load_or_create_master_key(path)


@pytest.mark.parametrize("content", [b"", b"not base64!", base64.b64encode(b"short")])
def test_asks_for_the_backup_when_the_file_is_no_key(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "master.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(Misconfigured, match="backup"):
        load_or_create_master_key(path)


def test_names_the_place_when_it_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Misconfigured, match="choose a place"):
        load_or_create_master_key(tmp_path / "file" / "master.key")


def test_shows_nothing_when_a_key_is_printed() -> None:
    key = MasterKey(b"hush" * 8)
    assert "hush" not in repr(key)
    assert key.key_id != key.secret[:8]
