"""Sealed texts: alike for the same words, different for other owners, and shut once the owner is forgotten."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.vault.port import VaultCorrupt
from connectors.vault.texts import owner_of, seal, unseal
from schemas.core.text import SEAL
from tests.support.vault import vault_in

KEY, OTHER_KEY = b"k" * 32, b"o" * 32


@given(st.text(min_size=1, max_size=200))
def test_opens_to_the_same_words_with_the_same_key_only(text: str) -> None:
    sealed = seal(KEY, "T-0001", text)
    assert unseal(KEY, sealed) == text
    assert sealed == seal(KEY, "T-0001", text)
    assert owner_of(sealed) == "T-0001"
    with pytest.raises(ValueError, match="does not open"):
        unseal(OTHER_KEY, sealed)


@pytest.mark.parametrize("change", [("T-0001", "T-0002"), ("nzs1.T-0001.", "nzs1.T-0001.A")])
def test_a_text_that_was_changed_or_given_to_another_owner_does_not_open(change: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="does not open"):
        unseal(KEY, seal(KEY, "T-0001", "words").replace(*change))


@pytest.mark.parametrize("plain", ["words", "nzs1 is how it begins", "nzs1.T-1", ""])
def test_plain_text_has_no_owner(plain: str) -> None:
    assert owner_of(plain) is None


async def test_the_vault_opens_until_the_owner_is_forgotten(tmp_path: Path) -> None:
    vault = vault_in(tmp_path)
    mine, theirs = await vault.seal_text("T-0001", "mine"), await vault.seal_text("T-0002", "theirs")
    assert mine.startswith(SEAL)
    assert await vault.open_text(mine) == "mine"
    assert await vault.open_text("plain") == "plain"
    with pytest.raises(VaultCorrupt):
        await vault.open_text(mine[:-4] + "AAAA")
    await vault.forget_texts("T-0001")
    await vault.forget_texts("T-0001")
    assert await vault.open_text(mine) is None
    assert await vault.open_text(theirs) == "theirs"
