"""Tasks, stock and figures."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from connectors.errors import Transient
from processors.analytics.figures import Column, Figure
from schemas.inventory import ReceiveStock, StockView
from schemas.workflow import CompleteTask, FlowView, OpenTask, TaskRefused
from tests.processors.gateway.world import NOW, TICKET, World, problem, ticket_view


def _flow(ticket_id: str, *roles: str, minutes: int = 0) -> FlowView:
    tasks = tuple(
        OpenTask(
            task_id=f"{ticket_id}-{role}",
            node_id="n",
            name="Do it",
            role=role,
            raised_at=NOW + timedelta(minutes=minutes),
        )
        for role in roles
    )
    return FlowView(
        ticket_id=ticket_id, definition="repair", definition_hash="h", status="running", state={}, tasks=tasks
    )


async def test_lists_open_tasks_of_all_flows_the_oldest_first(world: World) -> None:
    world.feed(ticket_view())
    world.feed(ticket_view("T-0002"))
    world.feed(_flow("T-0003", "manager"))
    world.feed(_flow("T-0002", "manager", minutes=5))
    world.feed(_flow(TICKET, "technician", "manager"))
    async with world.client("workflows:manage") as client:
        every = (await client.get("/v1/tasks")).json()["tasks"]
        # Nobody can tell yet whose ticket the third flow is about, so nobody sees it.
        assert [task["task_id"] for task in every] == ["T-0001-manager", "T-0001-technician", "T-0002-manager"]
        assert every[0]["device"]["brand"] == "Lenovo"
        one = (await client.get("/v1/tasks?role=technician")).json()["tasks"]
        assert [task["ticket_id"] for task in one] == [TICKET]
        problem(await client.get("/v1/tasks?role=Boss!"), 422, "validation")


async def test_completes_a_task_for_a_named_person(world: World) -> None:
    world.feed(ticket_view())
    async with world.client("workflows:manage") as client:
        response = await client.post(f"/v1/tasks/{TICKET}/t1/complete", json={"by": "ada", "outputs": {"ok": True}})
    assert response.status_code == 200
    assert response.json()["by"] == "ada"
    assert world.sent[0][1] == CompleteTask(ticket_id=TICKET, task_id="t1", by="ada", outputs={"ok": True})


async def test_is_a_conflict_when_the_flow_refuses_and_accepted_when_nobody_answers(world: World) -> None:
    world.feed(ticket_view())
    url = f"/v1/tasks/{TICKET}/t1/complete"
    world.answer = lambda command, envelope: [
        (TaskRefused(ticket_id=TICKET, task_id="t1", reason="no open task t1", refused_at=NOW), None)
    ]
    async with world.client("workflows:manage") as client:
        refused = problem(await client.post(url, json={"by": "ada"}), 409, "task_refused")
        assert refused["detail"] == "no open task t1"
        world.silent()
        for _ in range(2):
            waiting = await client.post(url, json={"by": "ada"}, headers={"Idempotency-Key": "k"})
            assert (waiting.status_code, waiting.json()["status"]) == (202, "accepted")
        body = problem(await client.post(url, json={"by": "", "extra": 1}), 422, "validation")
        assert {error["field"] for error in body["errors"]} == {"by", "extra"}
        problem(await client.post(url, content=b"{"), 422, "validation")
        problem(await client.post(url, content=b"x" * 300_000), 413, "too_large")
        problem(await client.post("/v1/tasks/T-9999/t1/complete", json={"by": "ada"}), 404, "not_found")
    assert world.sent[1][0].id == world.sent[2][0].id


RECEIPT = {
    "location_id": "main",
    "receipt_id": "PO-7/1",
    "sku": "dc_jack.laptop",
    "quantity": 5,
    "unit_cost_cents": 420,
}


async def test_books_a_receipt_once_however_often_it_is_sent(world: World) -> None:
    async with world.client("inventory:write") as client:
        first = await client.post("/v1/stock/receipts", json=RECEIPT)
        second = await client.post("/v1/stock/receipts", json=RECEIPT)
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json()["quantity"] == 5
        bad = problem(
            await client.post("/v1/stock/receipts", json=RECEIPT | {"quantity": 0, "colour": 1}), 422, "validation"
        )
    assert {error["field"] for error in bad["errors"]} == {"quantity", "colour"}
    assert world.sent[0][0].id == world.sent[1][0].id
    assert world.sent[0][1] == ReceiveStock.model_validate(RECEIPT)
    assert world.sent[0][0].subject == "main"


async def test_lists_stock_by_location_and_part(world: World) -> None:
    for location, sku in (("west", "fan.laptop"), ("main", "fan.laptop"), ("main", "battery.laptop")):
        stock = StockView(location_id=location, sku=sku, on_hand=2, reserved=1, unit_cost_cents=5, reorder_point=1)
        world.feed(stock, key=f"{location}/{sku}")
    async with world.client("inventory:read") as client:
        every = (await client.get("/v1/stock")).json()["stock"]
        assert [(one["location_id"], one["sku"]) for one in every] == [
            ("main", "battery.laptop"),
            ("main", "fan.laptop"),
            ("west", "fan.laptop"),
        ]
        assert len((await client.get("/v1/stock?location_id=main&sku=fan.laptop")).json()["stock"]) == 1


TURNOVER = Figure(
    name="turnover",
    view="v_turnover",
    title="Turnover",
    definition="Accepted quotes, by month.",
    unit="cents",
    columns=(Column("month", "month"), Column("turnover_cents", "cents")),
)


class MemoryWarehouse:
    """Answers every SELECT with one row of the types ClickHouse gives; takes nothing in."""

    def __init__(self) -> None:
        self.down = False
        self.asked: list[str] = []

    async def insert_json_rows(self, table: str, rows: bytes, token: str | None = None, settings: Any = None) -> int:
        raise AssertionError("the edge writes no rows")

    async def query(
        self, sql: str, parameters: Mapping[str, Any] | None = None, settings: Any = None
    ) -> list[dict[str, Any]]:
        if self.down:
            raise Transient("the warehouse is away")
        self.asked.append(sql)
        return [{"month": date(2026, 3, 1), "turnover_cents": 8900, "margin": Decimal("0.25")}]

    async def command(self, sql: str) -> None:
        raise AssertionError("the edge runs no statements")

    async def close(self) -> None:
        return


async def test_gives_a_figure_with_its_definition_and_rows(tmp_path: Path) -> None:
    world = World(tmp_path, figures={"turnover": TURNOVER}, warehouse=MemoryWarehouse())
    about = {"name": "turnover", "title": "Turnover", "definition": "Accepted quotes, by month.", "unit": "cents"}
    async with world.client("pricing:read") as client:
        assert (await client.get("/v1/figures")).json() == {"figures": [about]}
        rows = [{"month": "2026-03-01", "turnover_cents": 8900, "margin": "0.25"}]
        assert (await client.get("/v1/figures/turnover")).json() == {**about, "rows": rows}
        assert world.warehouse.asked == ["SELECT month, turnover_cents FROM v_turnover"]
        problem(await client.get("/v1/figures/profit"), 404, "not_found")
        world.warehouse.down = True
        problem(await client.get("/v1/figures/turnover"), 503, "unavailable")


async def test_figures_are_unavailable_without_a_warehouse(tmp_path: Path) -> None:
    world = World(tmp_path, figures={"turnover": TURNOVER})
    async with world.client("pricing:read") as client:
        problem(await client.get("/v1/figures/turnover"), 503, "unavailable")
