import defusedxml.ElementTree as ElementTree

from processors.gateway.edge.calibration_svg import calibration_svg
from processors.gateway.edge.diagnosis_pdf import diagnosis_pdf
from processors.gateway.edge.diagnosis_report import CREDIT, as_markdown, diagnosis_report
from schemas.diagnoses import DiagnosisView
from tests.processors.gateway.world import TICKET, World, diagnosis, ticket_view
from tests.schemas.examples import examples_of

URL = f"/v1/tickets/{TICKET}/diagnosis/report"


async def test_a_diagnosis_can_be_read_and_printed(world: World) -> None:
    world.feed(ticket_view())
    world.feed(diagnosis())
    async with world.client("tickets:read") as client:
        pdf = await client.get(URL)
        text = await client.get(URL, params={"format": "md"})
        none = await client.get("/v1/tickets/T-0404/diagnosis/report")
    assert (pdf.headers["content-type"], pdf.content[:5]) == ("application/pdf", b"%PDF-")
    assert text.headers["content-type"].startswith("text/markdown")
    assert "| Charging port broken | 86 % |" in text.text
    assert "Works: in 94 % of such repairs" in text.text
    assert none.status_code == 404


async def test_a_ticket_without_a_diagnosis_says_when_it_gets_one(world: World) -> None:
    world.feed(ticket_view())
    async with world.client("tickets:read") as client:
        answer = await client.get(URL)
    assert answer.status_code == 404
    assert "diagnosing" in answer.json()["detail"]


def test_every_example_has_a_report_that_stops_the_bench_first_and_credits_the_records() -> None:
    for name, view in examples_of(DiagnosisView).items():
        assert isinstance(view, DiagnosisView)
        report = diagnosis_report(ticket_view(), view, "NoizyLab", "http://shop.example")
        if name == "minimal":
            assert report is None
            continue
        assert report is not None
        text = as_markdown(report)
        assert CREDIT in text
        assert diagnosis_pdf(report) == diagnosis_pdf(report)
        if name == "full":
            assert text.index("**STOP**") < text.index("## Answer") < text.index("## Plan")
        else:
            assert "No diagnosis yet." in text
            assert "## Plan" not in text


def test_what_a_customer_wrote_cannot_change_the_page() -> None:
    view = diagnosis()
    assert view.diagnosed is not None
    evil = view.diagnosed.model_copy(update={"summary": "<script>|x|\n# title\n[a](http://evil.example)"})
    report = diagnosis_report(ticket_view(), DiagnosisView(ticket_id=TICKET, diagnosed=evil), "NoizyLab", "http://x")
    assert report is not None
    text = as_markdown(report)
    assert "\\<script\\>\\|x\\| \\# title \\[a\\](http://evil.example)" in text


async def test_says_how_far_the_brain_can_be_believed(world: World) -> None:
    world.feed(ticket_view(fault_family="charging_port", outcome="fixed"))
    world.feed(diagnosis())
    async with world.client("tickets:read") as client:
        report = (await client.get("/v1/brain/calibration")).json()
        drawn = await client.get("/v1/brain/calibration", params={"format": "svg"})
    assert report["all"]["outcomes"] == 1
    assert report["all"]["accuracy"] == 1.0
    assert report["by_family"]["charging_port"]["brier"] == round(0.14**2, 4)
    assert drawn.headers["content-type"].startswith("image/svg+xml")
    assert "1 outcomes, ECE 0.140" in drawn.text


def test_the_diagram_is_well_formed_with_and_without_outcomes() -> None:
    empty = {"bins": [], "all": {"outcomes": 0, "ece": 0.0, "brier": 0.0}}
    full = {
        "bins": [{"begin": 0.8, "outcomes": 5, "said": 0.86, "right": 0.8}],
        "all": {"outcomes": 5, "ece": 0.06, "brier": 0.1},
    }
    assert "nobody has named a fault yet" in calibration_svg(empty)
    bars = [one for one in ElementTree.fromstring(calibration_svg(full)).iter() if one.tag.endswith("circle")]
    assert len(bars) == 1
