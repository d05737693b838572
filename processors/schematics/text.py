"""Bytes of a design file to text."""

from processors.schematics.errors import DesignError
from processors.schematics.model import Remark

LARGEST_BYTES = 256 * 1024 * 1024
"""Three times the largest board that was seen."""


def decode(content: bytes, file: str) -> tuple[str, Remark | None]:
    """Return the text, and a remark when it was no UTF-8 and was read as Latin-1, the encoding of older tools.

    Raises:
        DesignError: the file is empty or beyond all measure.
    """
    check_size(content, file)
    for encoding in ("utf-16",) if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else ("utf-8-sig",):
        try:
            return content.decode(encoding), None
        except UnicodeDecodeError:
            break
    line = content.count(b"\n", 0, _first_foreign(content)) + 1
    return content.decode("latin-1"), Remark("encoding", f"{file}:{line}: no UTF-8 from here on; read as Latin-1")


def check_size(content: bytes, file: str) -> None:
    """Refuse what is empty or beyond all measure.

    Raises:
        DesignError: it is.
    """
    if not content.strip():
        raise DesignError(file, None, "the file is empty; fetch it again")
    if len(content) > LARGEST_BYTES:
        raise DesignError(file, None, f"{len(content) >> 20} MB are more than a board has; is this the right file?")


def _first_foreign(content: bytes) -> int:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return 0
