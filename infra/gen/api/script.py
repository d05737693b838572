"""One day at a counter, told through every operation of the API once: where its examples come from."""

import asyncio
import hashlib
import hmac
import json
import tempfile
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pyotp

from connectors.blobs.content import put_content
from connectors.clock.clock import new_id
from infra.demo.design import BOARD, FILE, KICAD_PCB
from infra.demo.intakes import built_in_intakes
from infra.gen.api.house import HOOK_SECRET, NOW, URL, House, open_house
from infra.gen.api.record import Recorder
from processors.schematics.decide import Analysed, decide
from processors.schematics.summary import analyse
from schemas.core.blob_ref import BlobRef
from schemas.core.message import Event, Message
from schemas.core.outcome import Emit
from schemas.diagnoses import DiagnosisView, FaultDiagnosed
from schemas.inspections import InspectionView
from schemas.qc import CheckBegun, CheckPassed, CheckpointRecorded, CheckSigned, CheckWaived, QcView
from schemas.quotes import QuotePrepared, QuoteView
from schemas.schematics import AnalyseDesign, DesignAnalysed, DesignFile, DesignRemoved, DesignView
from schemas.sla import ClocksView
from schemas.tickets import TicketView
from schemas.workflow import FlowView, TaskCompleted

EXAMPLES = Path(__file__).resolve().parents[3] / "schemas" / "examples"
FLOW = Path(__file__).resolve().parents[3] / "processors" / "orchestrator" / "flows" / "repair_intake.bpmn"
PASSWORD, NEXT_PASSWORD = "four words do nicely", "four other words do too"
STROKE = {"path": "M10,60 L40 20 Q70,80 100,30", "width_px": 300, "height_px": 100}
PIECE = b"some bytes"
TABLE = b"Name;Phone;Device;Problem\nAda Lovelace;+49 30 1234567;Laptop Lumen Book 14;Does not charge\n"


@cache
def recorded_json() -> str:
    """Return the examples as a file."""
    return json.dumps(asyncio.run(recorded()), indent=1, ensure_ascii=False) + "\n"


async def recorded() -> dict[str, Any]:
    """Return requests and answers of every operation whose answer can be shown, by the operation's name."""
    with tempfile.TemporaryDirectory() as path:
        async with open_house(Path(path)) as house, _client(house) as client:
            desk = Recorder(client)
            await _intake(house, desk)
            await _people(house, desk)
            await _devices_and_papers(house, desk)
            await _checks(house, desk)
            await _designs(house, desk)
            await _house(house, desk)
            await _changes(house, desk)
            return desk.kept()


def _client(house: House, **headers: str) -> httpx.AsyncClient:
    known = headers or {"Authorization": f"Bearer {house.key()}"}
    return httpx.AsyncClient(transport=httpx.ASGITransport(house.app), base_url=URL, headers=known)


def example(kind: type[Message], name: str = "full", **changes: Any) -> Any:
    """Return a committed example of a message, about another ticket."""
    path = EXAMPLES / kind.TYPE.removeprefix("noizylab.") / f"{name}.json"
    return kind.model_validate_json(path.read_bytes()).model_copy(update=changes)


async def _intake(house: House, desk: Recorder) -> None:
    """A device comes in, is looked at, and waits for the customer's answer."""
    [brought] = built_in_intakes(1, width_px=640)
    files = [("photos", (f"{number}.jpg", data, "image/jpeg")) for number, data in enumerate(brought.photos)]
    form = {"intake": json.dumps(brought.form)}
    shown = {**form, "photos": ["(the bytes of a JPEG)", "(the bytes of another)"]}
    taken = await desk.call("take_in", shown, multipart={"data": form, "files": files})
    ticket = taken["ticket_id"]
    house.ticket = ticket
    for kind in (QuoteView, DiagnosisView, FlowView):
        await house.tell(example(kind, "prepared" if kind is QuoteView else "full", ticket_id=ticket))
    await house.tell(example(QuotePrepared, ticket_id=ticket))
    await house.tell(example(ClocksView, ticket_id=ticket, workspace_id="main"))
    await desk.call("get_ticket", query={"include": "diagnosis,quote,timeline"}, ticket_id=ticket)
    await desk.call("get_diagnosis_report", ticket_id=ticket)
    said = {"ticket_id": ticket, "links": {"ticket": f"/v1/tickets/{ticket}"}, "status": "done", "board": None}
    note = "the device names no board; PATCH its device.board_model to have the design asked"
    again = json.loads(example(FaultDiagnosed, ticket_id=ticket).to_json())
    desk.told(
        "diagnose_ticket", {"readings": again["readings"]}, {**said, "note": note, "event": again}, ticket_id=ticket
    )
    await desk.call("get_calibration")
    await desk.call("list_tickets", query={"state": ["received"], "limit": 20, "count": "exact"})
    for name in ("get_timeline", "get_customer_links", "get_clocks"):
        await desk.call(name, ticket_id=ticket)
    await desk.call("get_ticket_image", ticket_id=ticket, number=0)
    await _inspection(house, desk)
    await desk.call("get_board", query={"cards": 5})
    await desk.call("list_tasks", query={"role": "technician"})
    done = example(TaskCompleted, ticket_id=ticket)
    desk.told("complete_task", {"by": "ada", "outputs": {}}, done, ticket_id=ticket, task_id=done.task_id)
    await desk.call("export_tickets", query={"columns": "ticket_id,state,category,brand"})
    await desk.call(
        "import_tickets", TABLE, media="text/csv", query={"consent_version": "2026-01"}, example=TABLE.decode()
    )
    move = {"do": "assign", "technician": "ada", "bench": "bench-2"}
    await desk.call("change_tickets", {"ids": [ticket], "action": move, "dry_run": True})
    await desk.call("create_socket_ticket", headers={"Origin": URL})
    stream = "id: tickets.events.v1/0/7\nevent: noizylab.ticket.opened.v1\ndata: {...}\n\n"
    for name in ("follow_ticket", "follow_events"):
        desk.answered(name, 200, "text/event-stream", f"retry: 2000\n\n{stream}".encode())


async def _inspection(house: House, desk: Recorder) -> None:
    """Vision is not here: what it found is told, about a photo that is stored and a label that says something."""
    seen = example(InspectionView, ticket_id=house.ticket)
    photo = await put_content(house.blobs, "images", PIECE, "image/jpeg")
    said = await house.vault.seal_text(house.ticket, "IMEI: 490154203237518")
    images = [
        one.model_copy(
            update={
                "image": photo,
                "codes": tuple(code.model_copy(update={"text": said}) for code in one.codes if code.kind == "imei"),
            }
        )
        for one in seen.images
    ]
    await house.tell(seen.model_copy(update={"images": tuple(images)}))
    await desk.call("get_inspection", ticket_id=house.ticket)
    await desk.call("get_inspection_photo", ticket_id=house.ticket, number=0)


async def _people(house: House, desk: Recorder) -> None:
    """Members, their sessions and second factor, and keys."""
    boss = await desk.call("invite_user", {"mail": "ada@example.org", "name": "Ada Lovelace", "roles": ["owner"]})
    await desk.call("choose_password", {"token": boss["token"], "password": PASSWORD})
    login = {"mail": "ada@example.org", "password": PASSWORD}
    session = await desk.call("log_in", login)
    await desk.call("refresh_session", {"refresh_token": session["refresh_token"]})
    session = await desk.call("log_in", login)
    bearer = {"Authorization": f"Bearer {session['access_token']}"}
    await desk.call("change_password", {"old": PASSWORD, "new": NEXT_PASSWORD}, headers=bearer)
    begun = await desk.call("add_totp", {"password": NEXT_PASSWORD}, headers=bearer)
    code = pyotp.TOTP(begun["secret"]).at(house.clock.now())
    await desk.call("confirm_totp", {"totp_id": begun["totp_id"], "code": code}, headers=bearer)
    await desk.call("get_me", headers=bearer)
    await desk.call("remove_user_totp", user_id=boss["user_id"])
    begun = await desk.call("add_totp", {"password": NEXT_PASSWORD}, headers=bearer)
    code = pyotp.TOTP(begun["secret"]).at(house.clock.now())
    await desk.call("confirm_totp", {"totp_id": begun["totp_id"], "code": code}, headers=bearer)
    await desk.call("remove_totp", {"password": NEXT_PASSWORD}, headers=bearer)
    await desk.call("log_out", headers=bearer)
    await desk.call("get_jwks")
    bo = await desk.call("invite_user", {"mail": "bo@example.org", "name": "Bo", "roles": ["technician"]})
    user = bo["user_id"]
    await desk.call("list_users")
    await desk.call("get_user", user_id=user)
    await desk.call("amend_user", {"roles": ["technician", "front_desk"]}, user_id=user)
    await desk.call("reset_user", user_id=user)
    await desk.call("log_out_user", user_id=user)
    await desk.call("forget_user", user_id=user)
    key = await desk.call("create_key", {"name": "till", "scopes": ["tickets:read"], "per_minute": 120})
    await desk.call("list_keys")
    await desk.call("revoke_key", key_id=key["id"])
    settings = {"name": "Hafen", "benches": ["bench-1", "bench-2"]}
    await desk.call("create_workspace", {"workspace_id": "hafen", "settings": settings})
    await desk.call("list_workspaces")
    await desk.call("amend_workspace", {"name": "NoizyLab"}, workspace_id="main")
    await desk.call("get_workspace", workspace_id="main")


async def _devices_and_papers(house: House, desk: Recorder) -> None:
    """The device's history and condition, its passcode, and what is printed."""
    ticket = house.ticket
    device = {"category": "mobile", "brand": "Norden", "model": "N5", "imei": "490154203237518"}
    await desk.call("add_device", {"device": device}, ticket_id=ticket)
    found = await desk.call("find_device", query={"imei": device["imei"]})
    device_id = found["devices"][0]["device_id"]
    await desk.call("flag_device", {"on": True, "note": "Ask the manager."}, device_id=device_id, kind="stolen")
    await desk.call("get_device", device_id=device_id)
    await desk.call("get_checklist", query={"language": "en"}, category="laptop")
    answers = [{"item": "screen", "grade": "damaged", "note": "crack at the top"}, {"item": "keyboard", "grade": "ok"}]
    seen = {"answers": answers, "recorded_by": "ada"}
    await desk.call("record_condition", seen, ticket_id=ticket, stage="intake")
    [brought] = built_in_intakes(1, first=1, width_px=640)
    photo: dict[str, Any] = {"media": "image/jpeg", "query": {"item": "screen"}, "ticket_id": ticket, "stage": "intake"}
    await desk.call("add_condition_photo", brought.photos[0], **photo)
    await desk.call("get_condition_photo", ticket_id=ticket, number=0)
    paper = await desk.call("get_condition_document", query={"language": "en"}, ticket_id=ticket, stage="intake")
    signing = {"document_sha256": paper["document_sha256"], "signed_by": "Erika Mustermann", "drawing": STROKE}
    await desk.call("sign_condition", signing, ticket_id=ticket, stage="intake")
    fixed = {"answers": [{"item": "screen", "grade": "ok"}], "recorded_by": "bo"}
    await desk.call("record_condition", fixed, ticket_id=ticket, stage="return")
    await desk.call("get_conditions", ticket_id=ticket)
    for name in ("get_label", "get_receipt"):
        await desk.call(name, query={"format": "pdf"}, ticket_id=ticket)
    await desk.call("get_label_sheet", query={"tickets": ticket})
    code = {"kind": "pin", "code": "4711"}
    given = {"passcode": code, "tasks": ["function_test"], "stored_by": "ada"}
    await desk.call("store_passcode", given, ticket_id=ticket)
    wanted = {"task": "function_test", "reason": "touch test", "unlocked_by": "bo"}
    await desk.call("unlock_passcode", wanted, ticket_id=ticket)
    await desk.call("read_passcode", ticket_id=ticket, number=1)
    await desk.call("get_passcode_ledger", ticket_id=ticket)
    await desk.call("destroy_passcode", ticket_id=ticket)


async def _checks(house: House, desk: Recorder) -> None:
    """The quality check. Its owner is not here: what inspectors wish is answered with the examples of its events."""
    place: dict[str, Any] = {"ticket_id": house.ticket}
    await house.tell(example(QcView, **place))
    await desk.call("get_checks", **place)
    await desk.call("get_bounce_rates")
    await desk.call("get_check_report", **place)

    def granted(name: str, wish: dict[str, Any] | None, event: type[Event], **more: Any) -> None:
        desk.told(name, wish, example(event, **place), **place, **more)

    granted("begin_check", {"by": "Bo"}, CheckBegun)
    recorded = example(CheckpointRecorded, **place)
    point = recorded.result.checkpoint_id
    wish = {"by": "Bo", "measured": 41.5, "unit": "C", "instrument": "firmware sensor"}
    granted("record_checkpoint", wish, CheckpointRecorded, checkpoint_id=point)
    granted("photograph_checkpoint", None, CheckpointRecorded, checkpoint_id=point)
    granted("sign_check", {"by": "Ada"}, CheckSigned)
    granted("conclude_check", {"by": "Bo", "verdict": "pass"}, CheckPassed)
    granted("waive_check", {"by": "Cy", "reason": "The customer takes it as it is."}, CheckWaived)


async def _designs(house: House, desk: Recorder) -> None:
    """The files of a board. Their owner is not here: it would read them as this does."""
    place: dict[str, Any] = {"board": BOARD}
    await desk.call("create_design_uploads", {"names": [FILE]})
    key = f"uploads/main/{new_id()}/0"
    file = await house.blobs.put("designs", key, KICAD_PCB.encode(), "application/octet-stream")
    summary, content = analyse({FILE: KICAD_PCB.encode()})
    files = (DesignFile(name=FILE, blob=file),)
    found = Analysed(summary, await put_content(house.blobs, "designs", content, "application/json"))
    whose = {"design_id": f"main/{BOARD}", "workspace_id": "main", "board_model": BOARD}
    outcome = decide(AnalyseDesign(**whose, files=files), found, house.clock.now())
    assert isinstance(outcome, Emit)
    [analysed] = outcome.messages
    assert isinstance(analysed, DesignAnalysed)
    desk.told("analyse_design", {"files": [one.model_dump() for one in files]}, analysed, **place)
    await house.tell(DesignView(**whose, analysed=analysed))
    await desk.call("list_designs")
    for name in ("get_design", "get_design_rails", "get_design_buses"):
        await desk.call(name, **place)
    await desk.call("get_design_part", **place, ref="U1")
    await desk.call("get_design_net", query={"name": "+3V3"}, **place)
    await desk.call("get_design_path", query={"start": "C1", "end": "C2"}, **place)
    bench = [{"net": "TP1", "measured": 0.4, "unit": "V"}, {"net": "+5V", "measured": 5.02, "unit": "V"}]
    await desk.call("diagnose_board", {"readings": bench, "complaint": {"symptom": "dead"}}, **place)
    await desk.call("get_design_overlay", query={"part": ["U1"], "net": ["+3V3"]}, **place)
    await desk.call("get_design_drawing", query={"side": "top", "part": "U1", "net": "+3V3"}, **place)
    desk.told("remove_design", None, DesignRemoved(**whose, removed_at=house.clock.now()), **place)


async def _house(house: House, desk: Recorder) -> None:
    """Stock, figures, flows, webhooks both ways, stored objects, and how the gateway is."""
    part = {"receipt_id": "delivery-88", "location_id": "main", "sku": "battery.laptop", "quantity": 5}
    await desk.call("receive_stock", {**part, "unit_cost_cents": 3200})
    await desk.call("list_stock", query={"sku": "battery.laptop"})
    figures = (await desk.call("list_figures"))["figures"]
    rows = [{"state": "ready", "tickets": 4}, {"state": "repairing", "tickets": 7}]
    state = next(one for one in figures if one["name"] == "tickets_by_state")
    desk.told("get_figure", None, {**state, "rows": rows}, name="tickets_by_state")
    await _reports(desk)
    await desk.call("check_flow", FLOW.read_bytes(), media="application/xml", example="<definitions>...</definitions>")
    await _hooks(house, desk)
    await _webhooks(desk)
    await desk.call("get_health")
    desk.told("get_readiness", None, {"status": "ready", "unreadable": 0})
    until: dict[str, Any] = {"max_bytes": len(PIECE), "expires_in": timedelta(hours=1)}
    put = await house.blobs.presign_put("images", "scans/1", "application/octet-stream", **until)
    token = put.rpartition("/")[2]
    ref = await desk.call("put_object", PIECE, media="application/octet-stream", example="(the bytes)", token=token)
    address = await house.blobs.presign_get(BlobRef.model_validate(ref), timedelta(hours=1))
    await desk.call("get_object", token=address.rpartition("/")[2])


async def _reports(desk: Recorder) -> None:
    """Figures over a period and forecasts: which there are, and what a warehouse would say."""
    figures = (await desk.call("list_reports"))["figures"]
    day, next_day = f"{NOW:%Y-%m-%d}", f"{NOW + timedelta(days=1):%Y-%m-%d}"
    period = {"since": f"{day}T00:00:00Z", "until": f"{next_day}T00:00:00Z"}
    numbers = {"value": 4.0, "previous": 5.0, "change": -0.2, "sparkline": [{"day": day, "value": 4.0}]}
    said = {**figures[0], **period, **numbers, "rows": [{"state": "ready", "tickets": 4}]}
    desk.told("get_report", None, said, name=figures[0]["name"])
    record = {"origins": 26, "mase": 0.81, "naive_mase": 1.02, "pinball": 0.9, "naive_pinball": 1.1}
    held = {"coverage_80": 0.79, "coverage_95": 0.95}
    series = {"metric": "intake", "series": "", "grain": "day", "run_at": f"{NOW:%Y-%m-%dT%H:%M:%S}"}
    run = {**series, "model": "theta+ridge", "code": "", "reason": "", **record, **held}
    desk.told("list_forecasts", None, {"forecasts": [run]})
    odd = [{"at": day, "value": 31.0, "expected": 12.0, "low": 6.0, "high": 18.0}]
    bands = {"expected": 12.5, "low_80": 9.0, "high_80": 16.0, "low_95": 6.5, "high_95": 19.0}
    desk.told("get_forecast", None, {**run, "anomalies": odd, "points": [{"at": next_day, **bands}]}, series="intake")
    desk.answered("export_view", 200, "text/csv", b"ticket_id,state\r\nT-0001,ready\r\n")
    tile = 'id: 3f2a.9c01\nevent: tile\ndata: {"name": "intake", "value": 4}\n\n'
    desk.answered("follow_tiles", 200, "text/event-stream", f"retry: 2000\n\n{tile}".encode())


async def _hooks(house: House, desk: Recorder) -> None:
    delivery = {"id": "job-7", "type": "scan.done"}
    body, at = json.dumps(delivery).encode(), int(house.clock.now().timestamp())
    made = hmac.new(HOOK_SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    signed = {"X-NoizyLab-Signature": f"t={at},v1={made}"}
    await desk.call("receive_hook", body, headers=signed, example=body.decode(), provider="acme")
    desk.told("prove_hook", None, {"challengeResponse": "0" * 64}, provider="ebay")


async def _webhooks(desk: Recorder) -> None:
    wish = {"url": "https://books.example/hooks", "types": ["noizylab.ticket.*"], "description": "bookkeeping"}
    webhook = (await desk.call("add_webhook", wish))["webhook_id"]
    await desk.call("amend_webhook", {"description": "books", "rotate_secret": True}, webhook_id=webhook)
    await desk.call("list_webhooks")
    await desk.call("get_webhook", webhook_id=webhook)
    sent = (await desk.call("probe_webhook", webhook_id=webhook))["delivery_id"]
    await desk.call("list_deliveries", query={"limit": 10}, webhook_id=webhook)
    again = {"webhook_id": webhook, "delivery_id": sent, "status": "accepted"}
    desk.told("replay_delivery", None, again, 202, webhook_id=webhook, delivery_id=sent)
    await desk.call("remove_webhook", webhook_id=webhook)


async def _changes(house: House, desk: Recorder) -> None:
    """Everything that can be wished of a ticket, the end of it last."""
    ticket = house.ticket
    place: dict[str, Any] = {"ticket_id": ticket}
    await desk.call("move_ticket", {"to": "triage", "reason": "begun", "evidence": {"bin": "A-1"}}, **place)
    await desk.call("assign_ticket", {"technician": "ada", "bench": "bench-2"}, **place)
    await desk.call("hold_ticket", {"reason": "asked", "hold": "customer"}, **place)
    await desk.call("release_ticket", {"reason": "asked"}, **place)
    paid = {"reference": "till-204", "kind": "deposit", "amount_cents": 2500, "currency": "EUR"}
    await desk.call("record_payment", paid, **place)
    await desk.call("move_custody", {"reason": "moved", "custody": "shop", "bin": "B-2"}, **place)
    await desk.call("amend_ticket", {"reason": "typo", "changes": [{"field": "language", "to": "de"}]}, **place)
    note = (await desk.call("add_note", {"kind": "internal", "text": "Customer comes on Friday."}, **place))["note_id"]
    await desk.call("edit_note", {"text": "Customer comes on Saturday."}, note_id=note, **place)
    await desk.call("withdraw_note", {"reason": "typo"}, note_id=note, **place)
    file = {"file": ("offer.pdf", b"%PDF-1.7 of no other use", "application/pdf")}
    about = {"kind": "document", "caption": "Offer of the supplier."}
    shown = {**about, "file": "(the bytes of a PDF)"}
    kept = await desk.call("attach_file", shown, multipart={"data": about, "files": file}, **place)
    await desk.call("get_file", file_id=kept["file_id"], **place)
    await desk.call("detach_file", {"reason": "typo"}, file_id=kept["file_id"], **place)
    third = {"device": {"category": "tablet", "brand": "Norden"}}
    number = (await desk.call("add_device", third, **place))["number"]
    await desk.call("move_device", {"reason": "collected", "to": "returned"}, number=number, **place)
    number = (await desk.call("add_device", third, **place))["number"]
    await desk.call("remove_device", {"reason": "typo"}, number=number, **place)
    split = await desk.call("split_ticket", {"reason": "apart", "device_numbers": [2]}, **place)
    merged = {"reason": "together", "into": ticket}
    await desk.call("merge_ticket", merged, ticket_id=split["new_ticket_id"])
    old = example(
        TicketView,
        ticket_id="T-0001-0001",
        workspace_id="main",
        state="collected",
        outcome="fixed",
        warranty_began_at=NOW,
    )
    await house.tell(old)
    claim = {"repair_line": "battery", "cause": "part", "complaint": "It is flat again after an hour."}
    await desk.call("claim_warranty", claim, ticket_id=old.ticket_id)
    await desk.call("erase_ticket", {"reason": "asked"}, ticket_id=old.ticket_id)
