"""Every operation of the API: its name, which never changes, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from processors.gateway.edge.api import answers as one
from processors.gateway.edge.api import answers_brain as brain
from processors.gateway.edge.api import answers_house as house
from processors.gateway.edge.api import answers_quality as quality
from processors.gateway.edge.api import answers_reports as reports
from processors.gateway.edge.api import answers_schematics as designs
from processors.gateway.edge.api.answers_inspection import InspectionShown
from schemas.conditions import ConditionPhotoAdded, ConditionRecorded, DocumentSigned
from schemas.core.blob_ref import BlobRef
from schemas.core.message import Event
from schemas.design_answers import (
    BusesAnswer,
    DesignDiagnosis,
    NetAnswer,
    Overlay,
    PartAnswer,
    PathAnswer,
    RailsAnswer,
)
from schemas.device_history import DeviceFlagged, DeviceHistoryView
from schemas.inventory import StockReceived
from schemas.passcodes import PasscodeStored
from schemas.qc import CheckBegun, CheckFailed, CheckPassed, CheckpointRecorded, CheckSigned, CheckWaived
from schemas.schematics import DesignAnalysed, DesignRemoved, DesignView
from schemas.sla import ClocksReport
from schemas.ticket_devices import DeviceAdded, DeviceMoved, DeviceRemoved
from schemas.ticket_facets import CustodyMoved, HoldReleased, HoldSet, PaymentRecorded
from schemas.ticket_links import TicketErased, TicketMerged, TicketSplit, WarrantyClaimed
from schemas.ticket_records import (
    FileAttached,
    FileDetached,
    NoteAdded,
    NoteEdited,
    NoteWithdrawn,
    TicketAmended,
    TicketAssigned,
)
from schemas.tickets import TicketMoved
from schemas.workflow import TaskCompleted

JSON: Final = "application/json"
LINES: Final = "application/x-ndjson"
EVENTS: Final = "text/event-stream"
PICTURES: Final = ("image/jpeg", "image/png", "image/webp")
FILES: Final = (
    *PICTURES, "application/pdf", "audio/wav", "audio/mp4", "audio/ogg", "audio/flac", "audio/mpeg", "audio/webm",
    "audio/aac",
)  # fmt: skip
PAPERS: Final = ("application/pdf", "text/html")


@dataclass(frozen=True, slots=True)
class Operation:
    """What one operation answers when it succeeds.

    ``answers``: the JSON it may be, one of them; empty: no JSON. ``media``: other types that it may be. ``late``: what
    202 says, when it can be 202. ``chosen``: what it is instead when ``fields`` names some. ``takes``: the types of a
    body that the route reads itself.
    """

    name: str
    answers: tuple[type[BaseModel], ...] = ()
    media: tuple[str, ...] = ()
    late: type[BaseModel] | None = None
    chosen: type[BaseModel] | None = None
    takes: tuple[str, ...] = ()


def _op(
    name: str,
    *answers: type[BaseModel],
    media: tuple[str, ...] = (),
    late: type[BaseModel] | None = None,
    chosen: type[BaseModel] | None = None,
    takes: tuple[str, ...] = (),
) -> Operation:
    return Operation(name, answers, media, late, chosen, takes)


def _wish(name: str, event: type[Event]) -> Operation:
    answer = one.write_of(event)
    return Operation(name, (answer,), late=answer)


_TICKET = "/v1/tickets/{ticket_id}"
_OF_TICKETS: Mapping[str, Operation] = {
    "POST /v1/intakes": _op("take_in", one.IntakeTaken, late=one.IntakeTaken),
    "POST /v1/imports": _op("import_tickets", one.ImportResult, media=(LINES, "text/csv")),
    "GET /v1/tickets": _op("list_tickets", one.TicketPage, chosen=one.ChosenPage),
    "GET /v1/board": _op("get_board", one.Board),
    "POST /v1/tickets/bulk": _op("change_tickets", one.BulkResult, media=(LINES,)),
    "GET /v1/tickets/export.csv": _op("export_tickets", media=("text/csv",)),
    "GET /v1/live/events": _op("follow_events", media=(EVENTS,)),
    "POST /v1/live/tickets": _op("create_socket_ticket", one.SocketTicket),
    f"GET {_TICKET}": _op("get_ticket", one.Ticket, chosen=one.Chosen),
    f"PATCH {_TICKET}": _wish("amend_ticket", TicketAmended),
    f"DELETE {_TICKET}": _wish("erase_ticket", TicketErased),
    f"GET {_TICKET}/events": _op("follow_ticket", media=(EVENTS,)),
    f"GET {_TICKET}/timeline": _op("get_timeline", one.Timeline),
    f"GET {_TICKET}/images/{{number}}": _op("get_ticket_image", media=PICTURES),
    f"GET {_TICKET}/links": _op("get_customer_links", one.CustomerLinks),
    f"POST {_TICKET}/moves": _wish("move_ticket", TicketMoved),
    f"PUT {_TICKET}/hold": _wish("hold_ticket", HoldSet),
    f"POST {_TICKET}/hold/release": _wish("release_ticket", HoldReleased),
    f"POST {_TICKET}/payments": _wish("record_payment", PaymentRecorded),
    f"PUT {_TICKET}/custody": _wish("move_custody", CustodyMoved),
    f"PUT {_TICKET}/assignment": _wish("assign_ticket", TicketAssigned),
    f"POST {_TICKET}/notes": _wish("add_note", NoteAdded),
    f"PATCH {_TICKET}/notes/{{note_id}}": _wish("edit_note", NoteEdited),
    f"POST {_TICKET}/notes/{{note_id}}/withdraw": _wish("withdraw_note", NoteWithdrawn),
    f"POST {_TICKET}/devices": _wish("add_device", DeviceAdded),
    f"POST {_TICKET}/devices/{{number}}/remove": _wish("remove_device", DeviceRemoved),
    f"POST {_TICKET}/devices/{{number}}/moves": _wish("move_device", DeviceMoved),
    f"POST {_TICKET}/split": _wish("split_ticket", TicketSplit),
    f"POST {_TICKET}/merge": _wish("merge_ticket", TicketMerged),
    f"POST {_TICKET}/warranty-claims": _wish("claim_warranty", WarrantyClaimed),
    f"POST {_TICKET}/files": _wish("attach_file", FileAttached),
    f"GET {_TICKET}/files/{{file_id}}": _op("get_file", media=FILES),
    f"DELETE {_TICKET}/files/{{file_id}}": _wish("detach_file", FileDetached),
    f"GET {_TICKET}/clocks": _op("get_clocks", ClocksReport),
    f"GET {_TICKET}/conditions": _op("get_conditions", one.Conditions),
    f"PUT {_TICKET}/conditions/{{stage}}": _op("record_condition", ConditionRecorded, late=one.Accepted),
    f"POST {_TICKET}/conditions/{{stage}}/photos": _op("add_condition_photo", ConditionPhotoAdded, late=one.Accepted),
    f"GET {_TICKET}/conditions/photos/{{number}}": _op("get_condition_photo", media=PICTURES),
    f"GET {_TICKET}/conditions/{{stage}}/document": _op("get_condition_document", one.DocumentToSign),
    f"POST {_TICKET}/conditions/{{stage}}/signature": _op("sign_condition", DocumentSigned, late=one.Accepted),
    f"GET {_TICKET}/label": _op("get_label", media=(*PAPERS, "image/svg+xml")),
    f"GET {_TICKET}/receipt": _op("get_receipt", media=PAPERS),
    f"GET {_TICKET}/passcode": _op("get_passcode_ledger", one.PasscodeLedger),
    f"PUT {_TICKET}/passcode": _op("store_passcode", PasscodeStored),
    f"DELETE {_TICKET}/passcode": _op("destroy_passcode"),
    f"POST {_TICKET}/passcode/unlock": _op("unlock_passcode", one.OpenedPasscode),
    f"POST {_TICKET}/passcode/unlocks/{{number}}/read": _op("read_passcode", one.OpenedPasscode),
    "GET /v1/labels": _op("get_label_sheet", media=("application/pdf",)),
    "GET /v1/devices": _op("find_device", one.Devices),
    "GET /v1/devices/{device_id}": _op("get_device", DeviceHistoryView),
    "PUT /v1/devices/{device_id}/flags/{kind}": _op("flag_device", DeviceFlagged, one.FlagUnchanged, late=one.Accepted),
    "GET /v1/checklists/{category}": _op("get_checklist", one.ChecklistToFill),
}
_OF_THE_HOUSE: Mapping[str, Operation] = {
    "GET /healthz": _op("get_health", house.Alive),
    "GET /readyz": _op("get_readiness", house.Ready),
    "GET /v1/tasks": _op("list_tasks", house.Tasks),
    "POST /v1/tasks/{ticket_id}/{task_id}/complete": _op("complete_task", TaskCompleted, late=one.Accepted),
    "GET /v1/stock": _op("list_stock", house.Stock),
    "POST /v1/stock/receipts": _op("receive_stock", StockReceived, late=one.Accepted),
    "GET /v1/figures": _op("list_figures", house.Figures),
    "GET /v1/figures/{name}": _op("get_figure", house.FigureRows),
    "POST /v1/flows/check": _op("check_flow", house.Deployable, takes=("application/xml",)),
    "POST /hooks/{provider}": _op("receive_hook", house.Received, takes=(JSON,)),
    "GET /hooks/{provider}": _op("prove_hook", house.Received),
    "POST /v1/webhooks": _op("add_webhook", house.Webhook, late=one.Accepted),
    "GET /v1/webhooks": _op("list_webhooks", house.Webhooks),
    "GET /v1/webhooks/{webhook_id}": _op("get_webhook", house.Webhook),
    "PATCH /v1/webhooks/{webhook_id}": _op("amend_webhook", house.Webhook, late=one.Accepted),
    "DELETE /v1/webhooks/{webhook_id}": _op("remove_webhook", late=one.Accepted),
    "GET /v1/webhooks/{webhook_id}/deliveries": _op("list_deliveries", house.Deliveries),
    "POST /v1/webhooks/{webhook_id}/deliveries/{delivery_id}/replay": _op("replay_delivery", one.Accepted),
    "POST /v1/webhooks/{webhook_id}/test": _op("probe_webhook", one.Accepted),
    "GET /blobs/{token}": _op("get_object", media=("application/octet-stream", *FILES)),
    "PUT /blobs/{token}": _op("put_object", BlobRef, takes=("application/octet-stream",)),
    "POST /v1/auth/login": _op("log_in", house.SessionTokens),
    "POST /v1/auth/refresh": _op("refresh_session", house.SessionTokens),
    "POST /v1/auth/logout": _op("log_out"),
    "GET /v1/auth/me": _op("get_me", house.Me),
    "PUT /v1/auth/password": _op("change_password"),
    "POST /v1/auth/password": _op("choose_password"),
    "POST /v1/auth/totp": _op("add_totp", house.NewTotp),
    "PUT /v1/auth/totp": _op("confirm_totp", house.RecoveryCodes),
    "POST /v1/auth/totp/remove": _op("remove_totp"),
    "GET /.well-known/jwks.json": _op("get_jwks", house.KeySet),
    "GET /v1/users": _op("list_users", house.Members),
    "POST /v1/users": _op("invite_user", house.PasswordLink),
    "GET /v1/users/{user_id}": _op("get_user", house.Member),
    "PATCH /v1/users/{user_id}": _op("amend_user", house.Member),
    "DELETE /v1/users/{user_id}": _op("forget_user"),
    "POST /v1/users/{user_id}/link": _op("reset_user", house.PasswordLink),
    "DELETE /v1/users/{user_id}/sessions": _op("log_out_user"),
    "DELETE /v1/users/{user_id}/totp": _op("remove_user_totp"),
    "GET /v1/keys": _op("list_keys", house.Keys),
    "POST /v1/keys": _op("create_key", house.NewKey),
    "DELETE /v1/keys/{key_id}": _op("revoke_key"),
    "GET /v1/workspaces": _op("list_workspaces", house.Workspaces),
    "POST /v1/workspaces": _op("create_workspace", house.Workspace),
    "GET /v1/workspaces/{workspace_id}": _op("get_workspace", house.Workspace),
    "PUT /v1/workspaces/{workspace_id}": _op("amend_workspace", house.Workspace),
}
_CHECK = f"{_TICKET}/qc"
_OF_CHECKS: Mapping[str, Operation] = {
    "GET /v1/qc/bounce-rates": _op("get_bounce_rates", quality.BounceRates),
    f"GET {_CHECK}": _op("get_checks", quality.Checks),
    f"GET {_CHECK}/report.pdf": _op("get_check_report", media=("application/pdf",)),
    f"GET {_CHECK}/rounds/{{number}}/checkpoints/{{checkpoint_id}}/photo": _op("get_check_photo", media=PICTURES),
    f"POST {_CHECK}/begin": _op("begin_check", CheckBegun, late=one.Accepted),
    f"PUT {_CHECK}/checkpoints/{{checkpoint_id}}": _op("record_checkpoint", CheckpointRecorded, late=one.Accepted),
    f"POST {_CHECK}/checkpoints/{{checkpoint_id}}/photo": _op(
        "photograph_checkpoint", CheckpointRecorded, late=one.Accepted
    ),
    f"POST {_CHECK}/signature": _op("sign_check", CheckSigned, late=one.Accepted),
    f"POST {_CHECK}/conclusion": _op("conclude_check", CheckPassed, CheckFailed, late=one.Accepted),
    f"POST {_CHECK}/waiver": _op("waive_check", CheckWaived, late=one.Accepted),
}
_OF_INSPECTIONS: Mapping[str, Operation] = {
    f"GET {_TICKET}/inspection": _op("get_inspection", InspectionShown),
    f"GET {_TICKET}/inspection/photos/{{number}}": _op("get_inspection_photo", media=PICTURES),
}
_OF_DIAGNOSES: Mapping[str, Operation] = {
    f"POST {_TICKET}/diagnosis": _op("diagnose_ticket", brain.TicketDiagnosis, late=brain.TicketDiagnosis),
    f"GET {_TICKET}/diagnosis/report": _op("get_diagnosis_report", media=("text/markdown", "application/pdf")),
    "GET /v1/brain/calibration": _op("get_calibration", brain.Calibration, media=("image/svg+xml",)),
}
_OF_REPORTS: Mapping[str, Operation] = {
    "GET /v1/analytics/figures": _op("list_reports", reports.Reports),
    "GET /v1/analytics/figures/{name}": _op("get_report", reports.Report),
    "GET /v1/analytics/forecasts": _op("list_forecasts", reports.Forecasts),
    "GET /v1/analytics/forecasts/{series}": _op("get_forecast", reports.Forecast),
    "GET /v1/analytics/export/{view}": _op("export_view", media=("text/csv", "application/vnd.apache.parquet")),
    "GET /v1/analytics/tiles": _op("follow_tiles", media=(EVENTS,)),
}
_DESIGN = "/v1/schematics/{board}"
_OF_DESIGNS: Mapping[str, Operation] = {
    "POST /v1/schematics/uploads": _op("create_design_uploads", designs.UploadAddresses),
    "GET /v1/schematics": _op("list_designs", designs.Designs),
    f"PUT {_DESIGN}": _op("analyse_design", DesignAnalysed, late=one.Accepted),
    f"GET {_DESIGN}": _op("get_design", DesignView),
    f"DELETE {_DESIGN}": _op("remove_design", DesignRemoved, late=one.Accepted),
    f"GET {_DESIGN}/parts/{{ref}}": _op("get_design_part", PartAnswer),
    f"GET {_DESIGN}/nets": _op("get_design_net", NetAnswer),
    f"GET {_DESIGN}/path": _op("get_design_path", PathAnswer),
    f"GET {_DESIGN}/rails": _op("get_design_rails", RailsAnswer),
    f"GET {_DESIGN}/buses": _op("get_design_buses", BusesAnswer),
    f"POST {_DESIGN}/diagnosis": _op("diagnose_board", DesignDiagnosis),
    f"GET {_DESIGN}/overlay": _op("get_design_overlay", Overlay),
    f"GET {_DESIGN}/svg": _op("get_design_drawing", media=("image/svg+xml",)),
}
OPERATIONS: Final[Mapping[str, Operation]] = {
    **_OF_TICKETS,
    **_OF_CHECKS,
    **_OF_INSPECTIONS,
    **_OF_DIAGNOSES,
    **_OF_DESIGNS,
    **_OF_REPORTS,
    **_OF_THE_HOUSE,
}
