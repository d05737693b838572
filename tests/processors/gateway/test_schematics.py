"""Design files over HTTP: uploaded, analysed as their owner would, and asked about."""

import re
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.demo.design import BOARD, FILE, KICAD_PCB
from processors.schematics.book import Book
from processors.schematics.decide import Analysed, Found, Refused, decide
from processors.schematics.errors import DesignError
from processors.schematics.state import evolve
from processors.schematics.summary import analyse
from schemas.core.envelope import Envelope
from schemas.core.message import Event, Message, View
from schemas.core.outcome import Emit
from schemas.schematics import AnalyseDesign, DesignView, RemoveDesign
from schemas.suspects import BoardComplaint
from tests.processors.gateway.world import World, problem
from tests.processors.schematics.malformed import BROKEN, Broken
from topics.schematics import DESIGN_VIEWS

URL = f"/v1/schematics/{BOARD}"


class Owner:
    """Analyses as the real owner does. The object store is looked into beforehand: an answer is given at once."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.files: dict[str, bytes] = {}

    def answer(self, command: Message, envelope: Envelope) -> Sequence[tuple[Event, View | None]]:
        if not isinstance(command, AnalyseDesign | RemoveDesign):
            return []
        view = self.world.views.view(DESIGN_VIEWS, command.design_id, DesignView)
        found: Found | None = None
        try:
            files = command.files if isinstance(command, AnalyseDesign) else ()
            summary, _ = analyse({file.name: self.files[file.name] for file in files}) if files else (None, b"")
            found = Analysed(summary, self.index) if summary is not None else None
        except DesignError as error:
            found = Refused("unreadable", str(error), error.file, error.line)
        outcome = decide(command, found, envelope.time)
        assert isinstance(outcome, Emit)
        [event] = outcome.messages
        assert isinstance(event, Event)
        return [(event, evolve(view, event))]

    async def keep(self, text: str) -> None:
        """Store the index of what will be analysed."""
        try:
            _, content = analyse({FILE: text.encode()})
        except DesignError:
            return
        self.index = await self.world.blobs.put("designs", "i/1", content, "application/json")


@pytest.fixture
def owner(world: World) -> Owner:
    made = Owner(world)
    world.answer = made.answer
    return made


async def given(client: httpx.AsyncClient, owner: Owner, text: str = KICAD_PCB) -> httpx.Response:
    """Upload a board and have it analysed."""
    owner.files[FILE] = text.encode()
    await owner.keep(text)
    made = await client.post("/v1/schematics/uploads", json={"names": [FILE]})
    assert made.status_code == 201, made.text
    [upload] = made.json()["uploads"]
    headers = {"Content-Type": upload["media_type"]}
    put = await client.put(upload["url"], content=text.encode(), headers=headers)
    assert put.status_code == 201, put.text
    return await client.put(URL, json={"files": [{"name": FILE, "blob": put.json()}]})


async def test_a_board_is_uploaded_analysed_and_asked_about(owner: Owner, world: World) -> None:
    async with world.client("tickets:read", "tickets:write") as client:
        analysed = await given(client, owner)
        assert analysed.status_code == 200, analysed.text
        assert analysed.json()["counts"]["parts"] == 5
        part = (await client.get(f"{URL}/parts/u1")).json()
        net = (await client.get(f"{URL}/nets", params={"name": "+3V3"})).json()
        path = (await client.get(f"{URL}/path", params={"start": "C1", "end": "C2"})).json()
        rails = (await client.get(f"{URL}/rails")).json()
        buses = (await client.get(f"{URL}/buses")).json()
        over = (await client.get(f"{URL}/overlay", params={"part": "C2", "net": "+3V3"})).json()
        drawn = await client.get(f"{URL}/svg", params={"side": "bottom", "part": "C2", "net": "+3V3"})
        [listed] = (await client.get("/v1/schematics")).json()["designs"]
        whole = (await client.get(URL)).json()
    assert (part["ref"], part["fields"]) == ("U1", {"MPN": "AP2112K-3.3TRG1"})
    assert [pin["ref"] for pin in net["pins"]] == ["C2", "TP1", "U1"]
    assert [step["ref"] for step in path["steps"]] == ["U1"]
    assert [one["ref"] for one in rails["regulators"]] == ["U1"]
    assert buses == {"buses": []}
    assert [one["ref"] for one in over["parts"]] == ["C2"]
    assert len(over["nets"][0]["pads"]) == 3
    assert drawn.headers["content-type"] == "image/svg+xml"
    assert "C2 10u at 20.0, 10.0 mm, pin 1 ringed" in drawn.text
    assert (listed["board_model"], listed["counts"]["placed"], listed["refused"]) == (BOARD, 5, None)
    assert whole["analysed"]["index"]["bucket"] == "designs"


async def test_a_file_that_cannot_be_read_is_refused_with_file_and_line_and_the_board_stays_known(
    owner: Owner, world: World
) -> None:
    async with world.client("tickets:read", "tickets:write") as client:
        await given(client, owner)
        refused = problem(await given(client, owner, "(kicad_pcb\n(footprint"), 422, "design_refused")
        assert (refused["file"], refused["line"], refused["reason"]) == (FILE, 2, "unreadable")
        [listed] = (await client.get("/v1/schematics")).json()["designs"]
        assert "cut off" in listed["refused"]
        assert (await client.get(f"{URL}/parts/U1")).status_code == 200


@pytest.mark.parametrize(
    ("path", "status", "code", "said"),
    [
        ("/parts/U11", 404, "not_found", "alike are U1"),
        ("/nets?name=%2B3V2", 404, "not_found", "alike are +3V3"),
        ("/nets", 422, "validation", "say which one is meant"),
        ("/path?start=U1", 422, "validation", "end: say which one is meant"),
        ("/svg?part=U11", 404, "not_found", "alike are U1"),
        ("/overlay?side=left", 422, "validation", "side"),
    ],
)
async def test_what_is_not_there_says_what_is_like_it(
    owner: Owner, world: World, path: str, status: int, code: str, said: str
) -> None:
    async with world.client("tickets:read", "tickets:write") as client:
        await given(client, owner)
        assert said in problem(await client.get(f"{URL}{path}"), status, code)["detail"]


async def test_a_design_without_places_has_no_overlay_and_says_what_to_give(owner: Owner, world: World) -> None:
    netlist = """(export (version "E") (components (comp (ref "R1") (value "1k")))
        (nets (net (code "1") (name "A") (node (ref "R1") (pin "1")))))"""
    async with world.client("tickets:read", "tickets:write") as client:
        assert (await given(client, owner, netlist)).status_code == 200
        refused = problem(await client.get(f"{URL}/svg"), 422, "no_places")
    assert "give a board or a boardview" in refused["detail"]


async def test_nobody_analyses_a_file_that_was_not_put_to_their_own_address(owner: Owner, world: World) -> None:
    async with world.client("tickets:read", "tickets:write") as client:
        await given(client, owner)
        [file] = (await client.get(URL)).json()["analysed"]["files"]
        stranger_key = world.key("tickets:read", "tickets:write", workspace_id="hafen")
        async with world.client(key=stranger_key) as stranger:
            stolen = problem(await stranger.put(URL, json={"files": [file]}), 404, "not_found")
            assert "upload it to an address" in stolen["detail"]
            for path in ("", "/parts/U1", "/rails", "/overlay", "/svg"):
                problem(await stranger.get(f"{URL}{path}"), 404, "not_found")
            assert (await stranger.get("/v1/schematics")).json() == {"designs": []}
        changed: dict[str, Any] = {**file, "blob": {**file["blob"], "sha256": "0" * 64}}
        problem(await client.put(URL, json={"files": [changed]}), 404, "not_found")
        elsewhere = {**file, "blob": {**file["blob"], "bucket": "images"}}
        problem(await client.put(URL, json={"files": [elsewhere]}), 404, "not_found")


async def test_a_removed_board_is_gone_for_every_question_and_may_be_given_again(owner: Owner, world: World) -> None:
    async with world.client("tickets:read", "tickets:write") as client:
        assert "there are no files" in problem(await client.delete(URL), 404, "not_found")["detail"]
        await given(client, owner)
        async with world.client(key=world.key("tickets:write", workspace_id="hafen")) as stranger:
            problem(await stranger.delete(URL), 404, "not_found")
        assert (await client.get(f"{URL}/rails")).status_code == 200
        removed = await client.delete(URL)
        assert (removed.status_code, removed.json()["board_model"]) == (200, BOARD)
        for path in ("", "/parts/U1", "/nets?name=%2B3V3", "/rails", "/buses", "/overlay", "/svg"):
            assert "PUT /v1/schematics" in problem(await client.get(f"{URL}{path}"), 404, "not_found")["detail"]
        problem(await client.post(f"{URL}/diagnosis", json={}), 404, "not_found")
        assert (await client.get("/v1/schematics")).json() == {"designs": []}
        assert (await client.delete(URL)).status_code == 200
        assert (await given(client, owner)).status_code == 200
        assert (await client.get(f"{URL}/rails")).status_code == 200


async def test_a_removal_needs_the_right_to_write_and_one_that_takes_longer_is_accepted(
    owner: Owner, world: World
) -> None:
    async with world.client("tickets:read", "tickets:write") as client:
        await given(client, owner)
        async with world.client("tickets:read") as reader:
            problem(await reader.delete(URL), 403, "missing_scope")
        world.silent()
        late = [await client.delete(URL, headers={"Idempotency-Key": "gone"}) for _ in range(2)]
    assert [(one.status_code, one.json()) for one in late] == [(202, {"status": "accepted"})] * 2
    assert len({envelope.id for envelope, message in world.sent if isinstance(message, RemoveDesign)}) == 1


async def test_an_analysis_that_takes_longer_is_accepted(owner: Owner, world: World) -> None:
    world.silent()
    async with world.client("tickets:read", "tickets:write") as client:
        late = await given(client, owner)
    assert (late.status_code, late.json()) == (202, {"status": "accepted"})
    assert late.headers["location"] == URL


async def test_an_index_that_is_gone_is_told(owner: Owner, world: World) -> None:
    started_anew = world.replica()
    async with world.client("tickets:read", "tickets:write") as client:
        await given(client, owner)
    await world.blobs.delete(owner.index.bucket, owner.index.key)
    async with world.client("tickets:read", app=started_anew) as client:
        gone = problem(await client.get(f"{URL}/rails"), 409, "index_gone")
    assert "PUT the board's files again" in gone["detail"]


async def test_a_gateway_that_opens_no_designs_says_so(tmp_path: Path) -> None:
    world = World(tmp_path, more={"designs": None})
    owner = Owner(world)
    world.answer = owner.answer
    async with world.client("tickets:read", "tickets:write") as client:
        await given(client, owner)
        problem(await client.get(f"{URL}/rails"), 503, "unavailable")


async def test_readings_and_a_complaint_point_at_a_part_and_at_the_next_measurement(owner: Owner, world: World) -> None:
    bench = {
        "readings": [
            {"net": "+5V", "measured": 5020, "unit": "mV"},
            {"net": "TP1", "quantity": "volt", "measured": 0.03},
            {"net": "C2", "measured": 0.9, "unit": "kΩ"},
            {"net": "PWR_EN", "measured": 4.9, "unit": "V"},
        ],
        "complaint": {"symptom": "dead", "fails": ["u1"]},
    }
    async with world.client("tickets:read", "tickets:write") as client:
        await given(client, owner)
        before = (await client.post(f"{URL}/diagnosis", json={})).json()
        answer = await client.post(f"{URL}/diagnosis", json=bench)
    assert answer.status_code == 200, answer.text
    assert before["next_measurement"]["what"]
    assert before["used"] == 0
    found = answer.json()
    top = found["suspects"][0]
    assert (top["kind"], top["net"], top["parts"]) == ("dead_regulator", "+3V3", ["U1"])
    assert top["probability"] > 0.5 > before["suspects"][0]["probability"]
    assert any("+3V3 to ground is 0.03 V" in one for one in top["evidence"])
    assert (found["used"], found["unused"]) == (4, [])


@pytest.mark.parametrize(
    ("bench", "status", "code", "said"),
    [
        ({"readings": [{"net": "+3V2", "measured": 1, "unit": "V"}]}, 404, "not_found", "alike are +3V3"),
        ({"complaint": {"fails": ["U11"]}}, 404, "not_found", "alike are U1"),
        ({"readings": [{"net": "+3V3", "measured": 1, "unit": "°C"}]}, 422, "not_diagnosed", "write ohm, V or A"),
        (
            {"readings": [{"net": "+3V3", "quantity": "ohm", "measured": 1, "unit": "V"}]},
            422,
            "not_diagnosed",
            "write ohm, kohm or Mohm",
        ),
        ({"readings": [{"net": "+3V3", "unit": "V"}]}, 422, "not_diagnosed", "give a number"),
        ({"readings": [{"net": "+3V3", "quantity": "ohm", "measured": -1}]}, 422, "not_diagnosed", "measure again"),
        ({"complaint": {"symptom": "sad"}}, 422, "validation", "symptom"),
    ],
)
async def test_a_reading_that_cannot_be_says_what_to_write(
    owner: Owner, world: World, bench: dict[str, Any], status: int, code: str, said: str
) -> None:
    async with world.client("tickets:read", "tickets:write") as client:
        await given(client, owner)
        assert said in problem(await client.post(f"{URL}/diagnosis", json=bench), status, code)["detail"]


async def test_a_board_that_is_not_worked_out_in_time_is_there_for_who_asks_again(tmp_path: Path) -> None:
    class Hasty(Book):
        """Waits for nothing."""

        def hurry(self, wait_s: float) -> None:
            self._wait_s = wait_s

    world = World(tmp_path)
    book = Hasty(world.blobs, wait_s=0)
    summary, content = analyse({FILE: KICAD_PCB.encode()})
    ref = await world.blobs.put("designs", "i/1", content, "application/json")
    with pytest.raises(TimeoutError, match="ask again"):
        await book.diagnosis(ref, (), BoardComplaint())
    book.hurry(30.0)
    assert (await book.diagnosis(ref, (), BoardComplaint())).suspects
    assert summary.counts.parts == 5


async def test_a_board_without_a_supply_says_that_it_cannot_be_diagnosed(owner: Owner, world: World) -> None:
    netlist = """(export (version "E") (components (comp (ref "R1") (value "1k")))
        (nets (net (code "1") (name "A") (node (ref "R1") (pin "1")))))"""
    async with world.client("tickets:read", "tickets:write") as client:
        await given(client, owner, netlist)
        refused = problem(await client.post(f"{URL}/diagnosis", json={}), 422, "not_diagnosed")
    assert "no supply net was found" in refused["detail"]


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
async def test_an_upload_of_broken_files_is_answered_with_file_and_place(
    owner: Owner, world: World, broken: Broken
) -> None:
    owner.files |= broken.files
    with suppress(DesignError):
        _, content = analyse(broken.files)
        owner.index = await world.blobs.put("designs", "i/1", content, "application/json")
    started = time.process_time()
    async with world.client("tickets:read", "tickets:write") as client:
        made = await client.post("/v1/schematics/uploads", json={"names": list(broken.files)})
        files = []
        for upload in made.json()["uploads"]:
            headers = {"Content-Type": upload["media_type"]}
            put = await client.put(upload["url"], content=broken.files[upload["name"]], headers=headers)
            files.append({"name": upload["name"], "blob": put.json()})
        answer = await client.put(URL, json={"files": files})
    assert time.process_time() - started < 5
    if broken.read:
        assert answer.status_code == 200
        assert re.search(broken.said, str([one["what"] for one in answer.json()["remarks"]]))
    else:
        refused = problem(answer, 422, "design_refused")
        assert re.search(broken.said, refused["detail"])
        assert refused["file"] in broken.files
