"""Find batches in the pages of a broken SQLite file, without its B-tree.

A table leaf page holds whole rows; long ones go on in a chain of overflow pages. A row counts only when it has the
shape of `batches` and its CRC and place are right, so what is found is what was written. Format: https://www.sqlite.org/fileformat2.html.
"""

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from infra.broker.integrity import batch_fault

PAGE_BYTES = 8192
_TABLE_LEAF = 0x0D
_FILE_HEADER_BYTES = 100
_COLUMNS = 5
_LARGEST_ROW = 128 * 1024 * 1024
_MOST_LOCAL = PAGE_BYTES - 35
_LEAST_LOCAL = (PAGE_BYTES - 12) * 32 // 255 - 23
_CHAIN_BYTES = PAGE_BYTES - 4


class CarvedRow(NamedTuple):
    """A row of `batches`, sound in itself."""

    key: int
    last_offset: int
    max_timestamp_ms: int
    size_bytes: int
    data: bytes


def carve(path: Path) -> Iterator[CarvedRow]:
    """Every batch in the pages of a file whose write-ahead log is folded in; some may be long deleted."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as pages:
        for start in range(0, len(pages) - PAGE_BYTES + 1, PAGE_BYTES):
            yield from _rows(pages[start : start + PAGE_BYTES], start == 0, pages)


def _rows(page: bytes, is_first: bool, pages: mmap.mmap) -> Iterator[CarvedRow]:
    head = _FILE_HEADER_BYTES if is_first else 0
    if len(page) < PAGE_BYTES or page[head] != _TABLE_LEAF:
        return
    (cells,) = struct.unpack_from(">H", page, head + 3)
    for index in range(min(cells, (PAGE_BYTES - head - 8) // 2)):
        (start,) = struct.unpack_from(">H", page, head + 8 + 2 * index)
        try:
            row = _row(page, start, pages)
        except (IndexError, ValueError, struct.error):
            continue
        if row is not None and batch_fault(row.key, row.last_offset, row.data) is None:
            yield row


def _row(page: bytes, start: int, pages: mmap.mmap) -> CarvedRow | None:
    size, position = _varint(page, start)
    key, position = _varint(page, position)
    if not _COLUMNS < size <= _LARGEST_ROW:
        return None
    local = size
    if size > _MOST_LOCAL:
        local = _LEAST_LOCAL + (size - _LEAST_LOCAL) % _CHAIN_BYTES
        local = local if local <= _MOST_LOCAL else _LEAST_LOCAL
    payload = page[position : position + local]
    if local < size:
        (following,) = struct.unpack_from(">I", page, position + local)
        payload += b"".join(_chain(following, size - local, pages))
    return _decode(key, payload) if len(payload) == size else None


def _chain(number: int, left: int, pages: mmap.mmap) -> Iterator[bytes]:
    while left > 0 and number:
        start = (number - 1) * PAGE_BYTES
        content = pages[start + 4 : start + 4 + min(left, _CHAIN_BYTES)]
        if not content:
            return
        yield content
        left -= len(content)
        number = int.from_bytes(pages[start : start + 4], "big")


def _decode(key: int, payload: bytes) -> CarvedRow | None:
    """A record of SQLite: the types of its columns, then their values."""
    header_size, position = _varint(payload, 0)
    types: list[int] = []
    while position < header_size:
        kind, position = _varint(payload, position)
        types.append(kind)
    if len(types) != _COLUMNS or types[0] != 0 or types[4] < 12 or types[4] % 2:
        return None
    values: list[int] = []
    for kind in types[1:4]:
        if kind in (8, 9):  # The constants 0 and 1 take no room.
            values.append(kind - 8)
            continue
        width = (0, 1, 2, 3, 4, 6, 8)[kind]
        values.append(int.from_bytes(payload[position : position + width], "big", signed=True))
        position += width
    return CarvedRow(key, values[0], values[1], values[2], bytes(payload[position:]))


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """SQLite's number of one to nine bytes, and the position after it."""
    value = 0
    for index in range(8):
        byte = data[position + index]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, position + index + 1
    return value << 8 | data[position + 8], position + 9
