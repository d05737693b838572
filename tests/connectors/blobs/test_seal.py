"""The sealed form: what was changed, cut, moved or mixed does not open."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.blobs.seal import (
    CHUNK_BYTES,
    FOOTER_BYTES,
    TAG_BYTES,
    NotOpened,
    ObjectCipher,
    chunks_of,
    new_salt,
    read_footer,
    sealed_size,
)

KEY, KEY_ID = b"k" * 32, b"key-id-1"
STEP = CHUNK_BYTES + TAG_BYTES
PLAIN = b"".join(bytes([n]) * CHUNK_BYTES for n in range(3)) + b"tail"


def _cipher(*, salt: bytes = b"s" * 32, key: bytes = KEY, bucket: str = "images", name: str = "a") -> ObjectCipher:
    return ObjectCipher(key, KEY_ID, salt, bucket, name)


@settings(deadline=None, max_examples=30)
@given(st.sampled_from([1, 2, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 5 * CHUNK_BYTES + 7]))
def test_opens_what_it_sealed_and_knows_its_size_before(size: int) -> None:
    plain = hashlib.shake_128(b"x").digest(size)
    cipher = _cipher()
    sealed = cipher.seal(plain, 0, ends=True)
    footer = cipher.footer(hashlib.sha256(plain).hexdigest(), size)
    assert len(sealed) + len(footer) == sealed_size(size)
    assert len(footer) == FOOTER_BYTES
    assert cipher.open(sealed, 0, ends=True) == plain
    found = read_footer(sealed + footer)
    assert found is not None
    assert (found.key_id, found.salt) == (KEY_ID, b"s" * 32)
    assert cipher.summary(found) == (hashlib.sha256(plain).hexdigest(), size)


def test_seals_in_parts_as_it_seals_at_once() -> None:
    cipher = _cipher()
    cut = 2 * CHUNK_BYTES
    parts = cipher.seal(PLAIN[:cut], 0, ends=False) + cipher.seal(PLAIN[cut:], 2, ends=True)
    assert parts == cipher.seal(PLAIN, 0, ends=True)
    assert cipher.open(parts[STEP : 3 * STEP], 1, ends=False) == PLAIN[CHUNK_BYTES : 3 * CHUNK_BYTES]


@settings(deadline=None)
@given(st.integers(0, sealed_size(len(PLAIN)) - FOOTER_BYTES - 1), st.integers(1, 255))
def test_does_not_open_when_any_byte_was_changed(position: int, change: int) -> None:
    sealed = bytearray(_cipher().seal(PLAIN, 0, ends=True))
    sealed[position] ^= change
    with pytest.raises(NotOpened):
        _cipher().open(bytes(sealed), 0, ends=True)


def _chunks() -> list[bytes]:
    sealed = _cipher().seal(PLAIN, 0, ends=True)
    return [sealed[start : start + STEP] for start in range(0, len(sealed), STEP)]


@pytest.mark.parametrize(
    "order",
    [(0, 1, 2), (0, 1), (0, 1, 3), (1, 0, 2, 3), (0, 1, 2, 3, 3), (0, 0, 1, 2, 3), (1, 2, 3), (0, 1, 1, 3)],
    ids=str,
)
def test_does_not_open_when_chunks_are_missing_repeated_or_in_another_order(order: tuple[int, ...]) -> None:
    chunks = _chunks()
    with pytest.raises(NotOpened):
        _cipher().open(b"".join(chunks[n] for n in order), 0, ends=True)


def test_does_not_open_a_middle_as_an_end_nor_at_another_place() -> None:
    chunks = _chunks()
    assert len(chunks) == chunks_of(len(PLAIN)) == 4
    assert _cipher().open(chunks[1], 1, ends=False) == PLAIN[CHUNK_BYTES : 2 * CHUNK_BYTES]
    for number, ends in ((1, True), (0, False), (2, False)):
        with pytest.raises(NotOpened):
            _cipher().open(chunks[1], number, ends=ends)


@pytest.mark.parametrize("other", [{"salt": b"t" * 32}, {"key": b"l" * 32}, {"bucket": "image"}, {"name": "b"}])
def test_does_not_open_under_another_key_salt_or_name(other: dict[str, object]) -> None:
    cipher = _cipher()
    sealed, footer = cipher.seal(b"x", 0, ends=True), read_footer(cipher.footer("0" * 64, 1))
    assert footer is not None
    stranger = _cipher(**other)  # type: ignore[arg-type]
    with pytest.raises(NotOpened):
        stranger.open(sealed, 0, ends=True)
    with pytest.raises(NotOpened):
        stranger.summary(footer)


def test_takes_no_other_file_for_a_sealed_one() -> None:
    assert read_footer(b"") is None
    assert read_footer(b"\xff\xd8\xff" + bytes(1000)) is None
    assert read_footer(b"NZBLOB1\n") is None
    assert new_salt() != new_salt()
