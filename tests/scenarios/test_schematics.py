"""A board's files through a whole shop: uploaded, analysed by the worker, asked about over HTTP, drawn."""

from pathlib import Path

import httpx
import pytest

from infra.audit import replay_all
from infra.demo.design import BOARD, FILE, KICAD_PCB
from tests.scenarios.live import bare_clerk, eventually, live_shop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

URL = f"/v1/schematics/{BOARD}"


async def put(client: httpx.AsyncClient, text: str) -> httpx.Response:
    """Upload a board file and ask for its analysis."""
    [upload] = (await client.post("/v1/schematics/uploads", json={"names": [FILE]})).json()["uploads"]
    stored = await client.put(upload["url"], content=text.encode(), headers={"Content-Type": upload["media_type"]})
    assert stored.status_code == 201, stored.text
    return await client.put(URL, json={"files": [{"name": FILE, "blob": stored.json()}]})


async def test_a_board_goes_from_its_file_to_a_drawing_and_a_broken_one_is_refused(tmp_path: Path) -> None:
    async with live_shop(tmp_path / "home", ("schematics",), gateway=True) as shop, await bare_clerk(shop) as client:
        asked = await put(client, KICAD_PCB)
        assert asked.status_code in {200, 202}, asked.text  # the reading process takes its time to start

        async def known() -> bool:
            return (await client.get(f"{URL}/parts/U1")).status_code == 200

        await eventually("index of the board", known, 60.0)
        part = (await client.get(f"{URL}/parts/U1")).json()
        rails = (await client.get(f"{URL}/rails")).json()
        drawn = await client.get(f"{URL}/svg", params={"part": "U1", "net": "+3V3"})
        assert {pin["name"]: pin["net"] for pin in part["pins"]}["VOUT"] == "+3V3"
        assert {one["net"] for one in rails["rails"]} == {"+5V", "+3V3"}
        assert "net +3V3: 2 of 3 pads on this side; touch it at TP1" in drawn.text

        refused = await put(client, "(kicad_pcb\n(footprint")
        assert refused.status_code == 422, refused.text
        assert (refused.json()["file"], refused.json()["line"]) == (FILE, 2)
        assert (await client.get(f"{URL}/parts/U1")).status_code == 200

        [replayed] = [one for one in await replay_all(shop.settings.cluster()) if one.processor == "schematics"]
        assert replayed.equal
        assert replayed.events == 2
