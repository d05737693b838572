"""A PDF of a schematic: references and what may be net labels, each with its page and place.

A PDF holds drawn lines, no nets: what is joined with what cannot be told from it, so the design has parts without pins
and says so. Which words are labels only a file with nets can tell (``joined`` does); alone, a word in capitals is one
that may be.

What is a reference: letters that parts are called by, and a number. People count parts from 1 and write each once; they
count lines from 0 and label both ends. So ``D1`` is a line where ``D0`` is and most of its kind stand twice, and
``BAT43`` alone, with no first of its kind, is a value. Units of one part (``U1A``, ``U1B``) are one part.
"""

import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from ctypes import c_double
from dataclasses import dataclass
from math import pi
from typing import Any

from processors.schematics.errors import DesignError
from processors.schematics.model import Design, Part, Remark, TextPlace
from processors.schematics.order import natural
from processors.schematics.parts import is_prefix, value_of
from processors.schematics.text import check_size

MOST_PAGES = 500
MOST_CHARACTERS = 500_000
"""Of a whole file: a hundred pages that are all as full as a page of a book."""
MOST_TEXTS = 400_000
MOST_UNPACKED_BYTES = 1 << 27
"""What a file may draw and unpack to: each text takes kilobytes once it is drawn, and each byte its time."""
_MM = 25.4 / 72
_STREAM = re.compile(rb"stream\r?\n")
_PIECE_BYTES = 1 << 20
_APART = 0.6
"""Of the height of a letter: characters further apart than this belong to two words."""
_REFERENCE = re.compile(r"^([A-Z]{1,5})(\d{1,4})([A-Z])?$")
_LABEL = re.compile(r"^[/~+\-#{]{0,2}[A-Z0-9][A-Z0-9_+\-./~{}\[\]#*()]*$")
_VALUE = re.compile(r"^[\d.,]+\s?(?:[pnuµmkKMGR]?(?:F|H|R|V|A|W|HZ|OHM|Ω)?|%|MM|MIL|BIT|X)$", re.IGNORECASE)
_LINES = {
    "AD",
    "CC",
    "CH",
    "CK",
    "CLK",
    "CS",
    "DM",
    "DP",
    "EXT",
    "GPIO",
    "INT",
    "IO",
    "IRQ",
    "OUT",
    "PIN",
    "RX",
    "SEL",
    "TX",
}
"""What people call lines that they count from 1; no part is called so."""
_DOCUMENT_ERRORS = {
    3: "it is no PDF any more; fetch it again",
    4: "a password locks it; save it without one, or print it to a new PDF",
    5: "its security handler is not known; save it without protection",
}
"""FPDF_ERR_FORMAT, _PASSWORD and _SECURITY of pdfium's ``fpdfview.h``."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in millimetres, from the upper left corner of the page."""


@dataclass(frozen=True, slots=True)
class Word:
    """A run of characters without a gap on one page."""

    text: str
    page: int
    box: Box


def read_pdf(name: str, content: bytes) -> Design:
    """Return the references of a PDF as parts without pins, and the places of its words.

    Raises:
        DesignError: it is locked or damaged, holds pictures alone, or is beyond all measure. Says what to do.
    """
    check_size(content, name)
    found = words(name, content)
    texts = tuple(_texts(found))
    refs = sorted({one.ref for one in texts if one.ref}, key=natural)
    if not texts:
        raise DesignError(name, None, "no word in it looks like a part or a net; is this a schematic?")
    what = f"{name}: a PDF says where words stand, not what is joined; give a board or a netlist beside it"
    return Design(
        name, "pdf", tuple(Part(ref) for ref in refs), remarks=(Remark("no_nets", what),), texts=texts
    )  # fmt: skip


def words(name: str, content: bytes) -> list[Word]:
    """Return the words of a PDF in the order of its pages.

    Raises:
        DesignError: as :func:`read_pdf`.
    """
    _check_unpacked(name, content)
    import pypdfium2 as pdfium  # type: ignore[import-untyped]  # ships no types; and only PDF files need its library

    try:
        document = pdfium.PdfDocument(content)
    except pdfium.PdfiumError as error:
        why = _DOCUMENT_ERRORS.get(error.err_code or 0, "it cannot be opened; fetch it again")
        raise DesignError(name, None, f"this PDF is not read: {why}") from error
    try:
        return _words_of(name, document)
    except pdfium.PdfiumError as error:
        raise DesignError(name, None, f"a page of this PDF is broken ({error}); save it anew in a viewer") from error
    finally:
        document.close()


def _check_unpacked(name: str, content: bytes) -> None:
    """Refuse a file that unpacks to far more than a schematic, before anything draws it.

    Raises:
        DesignError: it does.
    """
    unpacked = texts = 0
    for found in _STREAM.finditer(content):
        for piece in _unpacked(content[found.end() : content.find(b"endstream", found.end())]):
            unpacked, texts = unpacked + len(piece), texts + piece.count(b"Tj") + piece.count(b"TJ")
            if unpacked > MOST_UNPACKED_BYTES or texts > MOST_TEXTS:
                line = content.count(b"\n", 0, found.start()) + 1
                raise DesignError(name, line, "what is packed here is more than a schematic; print it to a new PDF")


def _unpacked(packed: bytes) -> Iterator[bytes]:
    """Yield what is in a stream, piece by piece; nothing of one that is packed otherwise, as pictures are."""
    stream = zlib.decompressobj()
    with suppress(zlib.error):
        while packed and not stream.eof and (piece := stream.decompress(packed, _PIECE_BYTES)):
            yield piece
            packed = stream.unconsumed_tail


def _words_of(name: str, document: Any) -> list[Word]:
    pages, characters = len(document), 0
    if pages > MOST_PAGES:
        raise DesignError(
            name, None, f"{pages} pages are more than the {MOST_PAGES} that are read; take the right ones"
        )
    found: list[Word] = []
    for number in range(pages):
        page = document[number]
        text = page.get_textpage()
        characters += text.count_chars()
        if characters > MOST_CHARACTERS:
            what = f"more than {MOST_CHARACTERS} characters up to page {number + 1}; take the pages of the schematic"
            raise DesignError(name, None, what)
        found += _page_words(page, text, number + 1)
        text.close()
        page.close()
    if not characters:
        what = f"its {pages} pages hold pictures and no text; run text recognition (OCR) over it, or give a board file"
        raise DesignError(name, None, what)
    return found


def _page_words(page: Any, text: Any, number: int) -> Iterator[Word]:
    """Yield the words of a page. The library tells word gaps as blanks; what it overlooks a wide gap tells."""
    from pypdfium2 import raw

    left, bottom, right, top = (c_double() for _ in range(4))
    shown = _shown(page)
    run: list[tuple[str, Box]] = []
    before = 0.0
    for at in range(text.count_chars()):
        letter = chr(raw.FPDFText_GetUnicode(text, at))
        if not letter.isprintable() or letter.isspace():
            yield from _word(run, number)
            run = []
            continue
        raw.FPDFText_GetCharBox(text, at, left, right, bottom, top)
        box = shown((left.value, bottom.value, right.value, top.value))
        angle = float(raw.FPDFText_GetCharAngle(text, at))
        turned = abs((angle - before + pi) % (2 * pi) - pi) > 0.1
        if run and (turned or _gap(run[-1][1], box) > _APART * _height(run[-1][1], box)):
            yield from _word(run, number)
            run = []
        run.append((letter, box))
        before = angle
    yield from _word(run, number)


def _word(run: list[tuple[str, Box]], page: int) -> Iterator[Word]:
    if run:
        boxes = [box for _, box in run]
        left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
        right, bottom = max(box[2] for box in boxes), max(box[3] for box in boxes)
        yield Word("".join(letter for letter, _ in run), page, (left, top, right, bottom))


def _gap(one: Box, other: Box) -> float:
    """Return how far two boxes are apart, along the axis along which they are further apart."""
    across = max(other[0] - one[2], one[0] - other[2])
    down = max(other[1] - one[3], one[1] - other[3])
    return max(across, down)


def _height(one: Box, other: Box) -> float:
    """Return the size of the letters: a comma is small, the other one is not."""
    return max(one[2] - one[0], one[3] - one[1], other[2] - other[0], other[3] - other[1])


def _shown(page: Any) -> Any:
    """Return what turns a box in the page's own space (left, bottom, right, top in points) into one as it is shown."""
    left, bottom, right, top = page.get_cropbox()
    width, height = right - left, top - bottom
    rotation = page.get_rotation()

    def point(x: float, y: float) -> tuple[float, float]:
        across, up = x - left, y - bottom
        turned = {
            0: (across, height - up),
            90: (up, across),
            180: (width - across, up),
            270: (height - up, width - across),
        }
        return turned[rotation]

    def shown(box: tuple[float, float, float, float]) -> Box:
        (x1, y1), (x2, y2) = point(box[0], box[1]), point(box[2], box[3])
        low_x, high_x, low_y, high_y = min(x1, x2), max(x1, x2), min(y1, y2), max(y1, y2)
        return low_x * _MM, low_y * _MM, high_x * _MM, high_y * _MM

    return shown


def _texts(found: Iterable[Word]) -> Iterator[TextPlace]:
    """Yield the words that name a part, or may name a net."""
    kept = [(word, word.text.strip(",.;:()'\"")) for word in found]
    refs = _references(Counter(text for _, text in kept))
    for word, text in kept:
        left, top, right, bottom = (round(side, 2) for side in word.box)
        place = (word.page, left, top, round(right - left, 2), round(bottom - top, 2))
        if text in refs:
            yield TextPlace(text, "reference", *place, ref=refs[text])
        elif _is_label(text):
            yield TextPlace(text, "label", *place)


def _references(said: Mapping[str, int]) -> dict[str, str]:
    """Return the part of each word that is a reference; a unit's letter is left out where two units are there.

    ``said``: how often each word stands in the file.
    """
    families: defaultdict[str, dict[str, re.Match[str]]] = defaultdict(dict)
    units: defaultdict[str, set[str]] = defaultdict(set)
    for text in said:
        found = _REFERENCE.match(text)
        if found is not None:
            families[found[1]][text] = found
            units[f"{found[1]}{found[2]}"].add(found[3] or "")
    refs: dict[str, str] = {}
    for letters, family in families.items():
        if _are_parts(letters, family, said):
            for text, found in family.items():
                part = f"{found[1]}{found[2]}"
                refs[text] = part if len(units[part]) > 1 else text
    return refs


def _are_parts(letters: str, family: Mapping[str, re.Match[str]], said: Mapping[str, int]) -> bool:
    """Say whether words of the same letters are references."""
    numbers = {int(found[2]) for found in family.values()}
    often = 2 * sum(said[text] > 1 for text in family) >= len(family)
    if 0 in numbers and often:
        return False
    begins = any(number % 100 in {1, 2} for number in numbers)  # some count from 101 on the first sheet
    if is_prefix(letters):
        return len(letters) == 1 or begins
    return begins and len(letters) > 1 and 0 not in numbers and not often and letters not in _LINES


def _is_label(text: str) -> bool:
    """Say whether a word may name a net: capitals and digits, and no value, number or single letter."""
    letters = any(one.isalpha() for one in text)
    named = letters and len(text) > 1 and bool(_LABEL.match(text))
    return named and not _VALUE.match(text) and not (value_of(text) is not None and text[0].isdigit() and len(text) < 5)
