"""A phone whose label has another IMEI than its owner stated: the technician sees it, the log does not tell it."""

from pathlib import Path

import httpx
import pytest

from infra.demo.boards import photo, to_jpeg
from infra.demo.labels import label
from schemas.images import ImageJudged
from tests.scenarios.live import bare_clerk, eventually, hand_in_bare, live_shop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

STATED, ON_THE_LABEL = "490154203237518", "356938035643809"
FORM = {
    "device": {"category": "mobile", "brand": "Lumen", "model": "P9", "imei": STATED, "lock_state": "unlocked"},
    "complaint": "The screen stays black.",
    "customer": {"name": "Erika", "mail": "erika@customers.example"},
    "channel": "counter",
    "consent_version": "2026-01",
}


async def test_another_imei_on_the_label_than_was_stated_is_seen_until_the_ticket_is_corrected(tmp_path: Path) -> None:
    photos = (to_jpeg(photo("NZL-PSU-10", 3, width_px=900).picture), to_jpeg(label(f"IMEI: {ON_THE_LABEL}")))
    workers = ("orchestrator", "tickets", "vision")
    async with live_shop(tmp_path / "home", workers, gateway=True) as shop, await bare_clerk(shop) as client:
        taken = await hand_in_bare(client, FORM, photos)
        assert taken.status_code == 201, taken.text
        ticket = taken.json()["ticket_id"]
        at = f"/v1/tickets/{ticket}"

        async def warned() -> list[str]:
            return [one["code"] for one in (await client.get(at)).json()["warnings"]]

        assert await eventually("warning", warned, 90.0) == ["other_imei_on_label"]
        told = (await client.get(f"{at}/inspection")).json()
        [code] = told["photos"][1]["codes"]
        assert (code["kind"], code["shown"], code["match"]) == ("imei", "…3809", "other")
        sentences = [one["summary"] for one in (await client.get(f"{at}/timeline")).json()["events"]]
        assert any(one.endswith("Its labels hold an IMEI.") for one in sentences), sentences
        [judged] = [one for one in shop.log.of(ticket, ImageJudged) if one.codes]
        assert ON_THE_LABEL not in judged.to_json().decode()
        async with httpx.AsyncClient() as anybody:
            page = await anybody.get(told["page"])
        assert (page.status_code, "not the stated one" in page.text) == (200, True)

        change = {"field": "device.imei", "to": ON_THE_LABEL}
        amended = await client.patch(at, json={"reason": "misread", "changes": [change]})
        assert amended.status_code == 200, amended.text
        assert await warned() == []
