"""Labels and receipts, read again from what is drawn."""

import base64
import re
import zlib
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from connectors.blobs.content import put_content
from processors.gateway.edge.label_pdf import printable
from processors.gateway.edge.labels import COLUMNS, ROWS, short_number
from processors.gateway.edge.receipt_pdf import strokes_of
from processors.gateway.edge.signatures import BUCKET, RECORD_TYPE, Drawing, SignatureRecord
from schemas.conditions import ConditionAnswer, ConditionSheet, ConditionSignature, ConditionsView
from schemas.devices import Device
from tests.processors.gateway.world import NOW, TICKET, World, problem, ticket_view

ADDRESS = f"http://shop.example/v1/tickets/{TICKET}"
PHONE = Device(category="mobile", brand="Samsung", model="Galaxy S22 Ultra <5G>", serial="R58N123ABC")
MARK = "<b>Łukasz & co</b>"


@pytest.fixture
def shop(world: World) -> World:
    world.feed(ticket_view(bin="B-12", language="de", device=PHONE, complaint=f"{MARK} lädt nicht."))
    return world


async def fetched(world: World, path: str) -> Any:
    async with world.client("tickets:read") as client:
        answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return answer


def pages(pdf: bytes) -> list[str]:
    """The drawing instructions of each page of one of our PDFs: ASCII85 round deflate."""
    streams = re.findall(rb"ASCII85Decode /FlateDecode.*?stream\n(.*?)endstream", pdf, re.DOTALL)
    texts = [zlib.decompress(base64.a85decode(stream.strip().removesuffix(b"~>"))) for stream in streams]
    return [text.decode("latin-1") for text in texts if b" re" in text or b" Tj" in text]


def squares(page: str) -> Iterator[tuple[float, float, float]]:
    for x, y, width, _ in re.findall(r"([\d.]+) ([\d.]+) ([\d.]+) ([\d.]+) re f", page):
        yield float(x), float(y), float(width)


def decoded(modules: list[tuple[float, float, float]], *, upwards: bool) -> str:
    """Paint the dark squares of one code on white and let a reader that knows nothing of us read it."""
    size = modules[0][2]
    left, low = min(x for x, *_ in modules), min(y for _, y, _ in modules)
    cells = [(round((x - left) / size), round((y - low) / size)) for x, y, _ in modules]
    side = max(max(cell) for cell in cells) + 1
    picture: NDArray[np.uint8] = np.full((side + 8, side + 8), 255, np.uint8)
    for column, row in cells:
        picture[4 + (side - 1 - row if upwards else row), 4 + column] = 0
    large = cv2.resize(picture, None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST)
    return str(cv2.QRCodeDetector().detectAndDecode(large)[0])


def svg_modules(svg: str) -> list[tuple[float, float, float]]:
    """Walk along the strokes that stand for the dark modules of a code."""
    path = re.search(r'class="qrline"[^>]* d="([^"]+)"', svg) or re.search(r' d="(M[^"]+)"', svg)
    assert path is not None
    x = y = 0.0
    found = []
    for command, text in re.findall(r"([Mmh])([^Mmh]+)", path[1]):
        numbers = [float(number) for number in re.findall(r"-?[\d.]+", text)]
        if command == "M":
            x, y = numbers
        elif command == "m":
            x, y = x + numbers[0], y + numbers[1]
        else:
            found += [(x + step, y, 1.0) for step in range(int(numbers[0]))]
            x += numbers[0]
    return found


async def test_a_label_leads_to_its_ticket_in_every_format_and_names_nobody(shop: World) -> None:
    svg = (await fetched(shop, f"/v1/tickets/{TICKET}/label?format=svg")).text
    html = await fetched(shop, f"/v1/tickets/{TICKET}/label?format=html")
    pdf = (await fetched(shop, f"/v1/tickets/{TICKET}/label")).content
    assert decoded(svg_modules(svg), upwards=False) == ADDRESS
    [page] = pages(pdf)
    assert decoded(list(squares(page)), upwards=True) == ADDRESS
    for text in (svg, html.text):
        assert short_number(TICKET) in text
        assert "Fach B-12" in text
        assert "&lt;5G&gt;" in text
        assert "Łukasz" not in text
        assert "C-0001" not in text
        assert "R58N123ABC" not in text
    assert "size: 62mm 29mm" in html.text
    assert "img-src data:" in html.headers["content-security-policy"]
    assert b"/MediaBox [ 0 0 175.748 82.20472 ]" in pdf


async def test_no_text_of_a_label_in_pdf_leaves_its_edge(shop: World) -> None:
    from reportlab.lib.units import mm
    from reportlab.pdfbase.pdfmetrics import stringWidth

    await fetched(shop, f"/v1/tickets/{TICKET}/label")  # registers the fonts
    assert stringWidth("WWWW WWWW", "noizylab-bold", 14) > 35 * mm  # wider than any number has
    assert stringWidth("D8D8 D8D8", "noizylab-bold", 14) < 34 * mm
    assert stringWidth("Samsung Galaxy S2", "noizylab", 9) < 34 * mm


async def test_a_sheet_goes_on_on_the_next_page_and_leaves_peeled_places_free(shop: World) -> None:
    places = COLUMNS * ROWS
    for count, skip, expected in ((places, 0, [places]), (places, 2, [places - 2, 2]), (1, places - 1, [1])):
        tickets = ",".join([TICKET] * count)
        pdf = (await fetched(shop, f"/v1/labels?tickets={tickets}&skip={skip}")).content
        assert [page.count("BT ") // 4 for page in pages(pdf)] == expected  # number, two lines of device, bin


async def test_a_sheet_names_a_ticket_that_is_not_there_or_their_number(shop: World) -> None:
    async with shop.client("tickets:read") as client:
        assert "T-9999" in problem(await client.get(f"/v1/labels?tickets={TICKET},T-9999"), 404, "not_found")["detail"]
        problem(await client.get("/v1/labels?tickets=,"), 422, "validation")
        problem(await client.get(f"/v1/labels?tickets={TICKET}&skip=27"), 422, "validation")
        problem(await client.get(f"/v1/tickets/{TICKET}/label?format=gif"), 422, "validation")


async def _signed(shop: World, revision: int = 1) -> None:
    answers = (
        ConditionAnswer(item="screen", grade="damaged", note="<crack>"),
        ConditionAnswer(item="touch", grade="not_checked"),
    )
    sheet = ConditionSheet(
        stage="intake", category="mobile", revision=1, answers=answers, recorded_by="ann", recorded_at=NOW
    )
    record = SignatureRecord(
        ticket_id=TICKET,
        stage="intake",
        revision=revision,
        language="de",
        document="the text",
        document_sha256="0" * 64,
        signed_by="Zoë",
        signed_at=NOW,
        drawing=Drawing(path="M20,150 Q100,10 250,100"),
    )
    ref = await put_content(shop.blobs, BUCKET, record.to_bytes(), RECORD_TYPE)
    signature = ConditionSignature(
        stage="intake", revision=revision, language="de", document_sha256="0" * 64, signature=ref, signed_at=NOW
    )
    shop.feed(ConditionsView(ticket_id=TICKET, sheets=(sheet,), signatures=(signature,)))


async def test_a_receipt_shows_the_checklist_and_the_signature_and_escapes_what_people_wrote(shop: World) -> None:
    await _signed(shop)
    html = (await fetched(shop, f"/v1/tickets/{TICKET}/receipt?format=html")).text
    assert "Bildschirm: beschädigt (&lt;crack&gt;)" in html
    assert "Berührung" not in html
    assert "&lt;b&gt;Łukasz &amp; co&lt;/b&gt;" in html
    assert MARK not in html
    assert '<path d="M20,150 Q100,10 250,100"' in html
    assert "Unterschrieben" in html
    assert decoded(svg_modules(html), upwards=False) == ADDRESS
    english = (await fetched(shop, f"/v1/tickets/{TICKET}/receipt?format=html&language=en")).text
    assert "Screen: damaged" in english
    pdf = (await fetched(shop, f"/v1/tickets/{TICKET}/receipt")).content
    [page] = pages(pdf)
    assert decoded(list(squares(page)), upwards=True) == ADDRESS
    assert " c S" in page.replace("\n", " "), "the signature's curve is missing"


async def test_a_receipt_without_a_signature_or_with_that_of_an_older_list_says_so(shop: World) -> None:
    assert "Nicht unterschrieben" in (await fetched(shop, f"/v1/tickets/{TICKET}/receipt?format=html")).text
    await _signed(shop, revision=2)
    assert "Nicht unterschrieben" in (await fetched(shop, f"/v1/tickets/{TICKET}/receipt?format=html")).text


async def test_equal_labels_are_equal_bytes(shop: World) -> None:
    first, second = [(await fetched(shop, f"/v1/tickets/{TICKET}/label")).content for _ in range(2)]
    assert first == second


def test_strokes_keep_their_curves() -> None:
    drawn = list(strokes_of("M0 0 3,3L6 6Q9 0 12 6C1 1 2 2 3 3 9"))
    assert [command for command, _ in drawn] == ["M", "L", "L", "C", "C"]
    assert drawn[3][1] == ((8.0, 2.0), (10.0, 2.0), (12.0, 6.0))
    assert drawn[4][1][-1] == (3.0, 3.0)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("Zoë Ærøskøbing Łukasz žšč’", "Zoë Ærøskøbing Łukasz žšč’"), ("Дима", "????"), ("A 日\n", "A ?\n")],
)
def test_a_sign_that_pdfs_cannot_show_is_seen_to_be_missing(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("ticket_id", "number"), [("T-018f6b2e-7c40-7b1d-9d2a-5e0c8a4f1b37", "8A4F 1B37"), (TICKET, "0001")]
)
def test_the_short_number_is_the_end_of_the_id(ticket_id: str, number: str) -> None:
    assert short_number(ticket_id) == number
