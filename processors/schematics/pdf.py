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
_SOME = 6
_WITHOUT_TEXT = "print it with text as text, run text recognition (OCR) over it, or give a board file"
_WIDE = 1.4
"""Of the height of a letter: the middles of letters that are set wide are no further apart; pins' numbers are."""
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
Run = list[tuple[str, Box]]
"""Letters, each with its place."""


@dataclass(frozen=True, slots=True)
class Word:
    """A run of characters without a gap on one page."""

    text: str
    page: int
    box: Box


@dataclass(frozen=True, slots=True)
class Read:
    """What is on the pages. ``remarks``: what of it could not be read."""

    words: tuple[Word, ...]
    remarks: tuple[Remark, ...] = ()


def read_pdf(name: str, content: bytes) -> Design:
    """Return the references of a PDF as parts without pins, and the places of its words.

    Raises:
        DesignError: it is locked or damaged, holds pictures alone, or is beyond all measure. Says what to do.
    """
    check_size(content, name)
    found = read_words(name, content)
    texts = tuple(_texts(found.words))
    refs = sorted({one.ref for one in texts if one.ref}, key=natural)
    if not texts:
        raise DesignError(name, None, "no word in it looks like a part or a net; is this a schematic?")
    what = f"{name}: a PDF says where words stand, not what is joined; give a board or a netlist beside it"
    return Design(
        name, "pdf", tuple(Part(ref) for ref in refs), remarks=(Remark("no_nets", what), *found.remarks), texts=texts
    )  # fmt: skip


def read_words(name: str, content: bytes) -> Read:
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


def _words_of(name: str, document: Any) -> Read:
    pages, characters, nameless = len(document), 0, 0
    if pages > MOST_PAGES:
        raise DesignError(
            name, None, f"{pages} pages are more than the {MOST_PAGES} that are read; take the right ones"
        )
    found: list[Word] = []
    silent: list[tuple[int, str]] = []
    for number in range(1, pages + 1):
        page = document[number - 1]
        text = page.get_textpage()
        count = text.count_chars()
        characters, nameless = characters + count, nameless + _nameless(text)
        if characters > MOST_CHARACTERS:
            what = f"more than {MOST_CHARACTERS} characters up to page {number}; take the pages of the schematic"
            raise DesignError(name, None, what)
        found += _page_words(page, text, number)
        if not count and (instead := _instead_of_text(page)):
            silent.append((number, instead))
        text.close()
        page.close()
    if not characters:
        whose = "its only page holds" if pages == 1 else f"its {pages} pages hold"
        what = f"{silent[0][1]} and no text" if silent else "nothing at all"
        raise DesignError(name, None, f"{whose} {what}; {_WITHOUT_TEXT}")
    if nameless * 2 > characters and not any(_REFERENCE.match(word.text) for word in found):
        raise DesignError(name, None, f"its fonts do not say which letters they draw; {_WITHOUT_TEXT}")
    return Read(tuple(found), tuple(_unread(name, silent, nameless)))


def _unread(name: str, silent: list[tuple[int, str]], nameless: int) -> Iterator[Remark]:
    """Yield what is told of pages without text, and of letters without a name."""
    if silent:
        some = ", ".join(str(number) for number, _ in silent[:_SOME])
        pages = f"page {some}" if len(silent) == 1 else f"pages {some}{' and more' if len(silent) > _SOME else ''}"
        yield Remark("no_text", f"{name}: {pages}: {silent[0][1]} and no text; {_WITHOUT_TEXT}")
    if nameless:
        what = f"{name}: the fonts of {nameless} characters do not say which letters they draw; these are left out"
        yield Remark("nameless_letters", what)


def _nameless(text: Any) -> int:
    """Return how many characters are drawn by a font that does not say what they are."""
    from pypdfium2 import raw

    return sum(_has_no_name(raw, text, at) for at in range(text.count_chars()))


def _has_no_name(raw: Any, text: Any, at: int) -> bool:
    code = raw.FPDFText_GetUnicode(text, at)
    return bool(code == 0 or 0xE000 <= code < 0xF900 or raw.FPDFText_HasUnicodeMapError(text, at) == 1)


def _instead_of_text(page: Any) -> str:
    """Say what a page without text holds; nothing of an empty one."""
    from pypdfium2 import raw

    kinds = {one.type for one in page.get_objects(max_depth=3)}
    if raw.FPDF_PAGEOBJ_IMAGE in kinds:
        return "pictures"
    return "drawn lines, which may be letters," if kinds else ""


def _page_words(page: Any, text: Any, number: int) -> Iterator[Word]:
    """Yield the words of a page; what is drawn beside what the page shows is no part of it."""
    right, bottom = _size_mm(page)
    for run in _set_wide(_runs(page, text)):
        for word in _word(run, number):
            x, y = (word.box[0] + word.box[2]) / 2, (word.box[1] + word.box[3]) / 2
            if 0 <= x <= right and 0 <= y <= bottom:
                yield word


def _runs(page: Any, text: Any) -> Iterator[tuple[Run, bool]]:
    """Yield letters without a gap, and whether it is a guess that there is one before them.

    The library tells gaps as blanks, and which of them it guessed; what it overlooks a wide gap tells.
    """
    from pypdfium2 import raw

    left, bottom, right, top = (c_double() for _ in range(4))
    shown = _shown(page)
    run: Run = []
    before, guessed, guess_before = 0.0, False, False
    for at in range(text.count_chars()):
        letter = chr(raw.FPDFText_GetUnicode(text, at))
        if not letter.isprintable() or letter.isspace() or _has_no_name(raw, text, at):
            guess_before = letter == " " and raw.FPDFText_IsGenerated(text, at) == 1
            if run:
                yield run, guessed
            run, guessed = [], guess_before
            continue
        raw.FPDFText_GetCharBox(text, at, left, right, bottom, top)
        box = shown((left.value, bottom.value, right.value, top.value))
        angle = float(raw.FPDFText_GetCharAngle(text, at))
        turned = abs((angle - before + pi) % (2 * pi) - pi) > 0.1
        if run and (turned or _gap(run[-1][1], box) > _APART * _height(run[-1][1], box)):
            yield run, guessed
            run, guessed = [], not turned
        run.append((letter, box))
        before, guess_before = angle, False
    if run:
        yield run, guessed


def _set_wide(runs: Iterable[tuple[Run, bool]]) -> Iterator[Run]:
    """Yield words: letters that stand alone, one close after the other on a line, are one."""
    word: Run = []
    alone = False
    for run, guessed in runs:
        if word and alone and guessed and len(run) == 1 and _are_neighbours(word[-1][1], run[0][1]):
            word = [*word, *run]
            continue
        if word:
            yield word
        word, alone = run, len(run) == 1
    if word:
        yield word


def _are_neighbours(one: Box, other: Box) -> bool:
    """Say whether two letters stand side by side, on a line or on one that goes up, as near as letters set wide."""
    overlap_x = min(one[2], other[2]) - max(one[0], other[0])
    overlap_y = min(one[3], other[3]) - max(one[1], other[1])
    pitch = max(abs(one[0] + one[2] - other[0] - other[2]), abs(one[1] + one[3] - other[1] - other[3])) / 2
    return max(overlap_x, overlap_y) > 0 and pitch <= _WIDE * _height(one, other)


def _word(run: Run, page: int) -> Iterator[Word]:
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


def _size_mm(page: Any) -> tuple[float, float]:
    """Return the width and height of what is shown of a page."""
    left, bottom, right, top = page.get_cropbox()
    width, height = (right - left) * _MM, (top - bottom) * _MM
    return (height, width) if page.get_rotation() in {90, 270} else (width, height)


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
