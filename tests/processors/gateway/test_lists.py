import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from processors.gateway.buckets import BUCKETS
from processors.gateway.edge.cache import Kept, Page
from schemas.devices import Device
from schemas.tickets import TICKET_STATES, TicketView
from tests.processors.gateway.world import NOW, World, problem, ticket_view
from topics.tickets import TICKET_VIEWS


def _shelf(world: World, count: int = 12) -> None:
    """Number n was opened n hours ago, moved n minutes ago, and is worth n cents."""
    for number in range(count):
        world.feed(
            ticket_view(
                f"T-{number:04}",
                state="ready" if number % 3 == 0 else "quoted",
                opened_at=NOW - timedelta(hours=number),
                moved_at=NOW - timedelta(minutes=number),
                quote_total_cents=number,
                complaint=f"hinge number {number}",
            )
        )


def _ids(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [ticket["ticket_id"] for ticket in response.json()["tickets"]]


def in_workspace(world: World, workspace: str) -> None:
    """Move the keys made so far into another workspace."""
    records = {one.id: one.model_copy(update={"workspace_id": workspace}) for one in world.keyring.list()}
    world.keyring._save(records)


@pytest.mark.parametrize("sort", ["newest", "oldest_in_state", "relevance", "value"])
async def test_pages_hold_every_ticket_once_in_order_while_others_come_and_move(world: World, sort: str) -> None:
    _shelf(world)
    seen: list[str] = []
    async with world.client("tickets:read") as client:
        whole = _ids(await client.get(f"/v1/tickets?q=hinge&sort={sort}"))
        url: str | None = f"/v1/tickets?q=hinge&limit=5&sort={sort}"
        while url is not None:
            response = await client.get(url)
            seen += _ids(response)
            url = response.json()["next"]
            assert (url is None) == ("link" not in response.headers)
            if url is not None:
                assert response.headers["link"] == f'<{url}>; rel="next"'
            newer = NOW + timedelta(hours=len(seen))
            world.feed(
                ticket_view(
                    f"T-new-{len(seen)}", opened_at=newer, moved_at=newer, complaint="hinge", quote_total_cents=99
                )
            )
            first = world.views.view(TICKET_VIEWS, seen[0], TicketView)
            assert first is not None
            world.feed(first.model_copy(update={"state": "collected", "complaint": "hinge and more"}))
    assert [one for one in seen if "new" not in one] == whole
    assert len(seen) == len(set(seen))


async def test_a_cursor_belongs_to_its_question_and_is_nothing_else(world: World) -> None:
    _shelf(world)
    async with world.client("tickets:read") as client:
        following = (await client.get("/v1/tickets?limit=2")).json()["next"]
        cursor = following.rpartition("cursor=")[2]
        for url in (
            f"/v1/tickets?limit=2&state=ready&cursor={cursor}",
            f"/v1/tickets?sort=value&cursor={cursor}",
            f"/v1/tickets?cursor={cursor[:-3]}",
            "/v1/tickets?cursor=%00%ff",
            "/v1/tickets?cursor=W10",
        ):
            wrong = problem(await client.get(url), 422, "validation")
            assert wrong["errors"][0]["field"] == "cursor"
            assert "next" in wrong["detail"]
        assert len(_ids(await client.get(f"/v1/tickets?limit=7&cursor={cursor}"))) == 7


_DEVICE = Device(category="mobile", brand="Fairphone", model="FP 4", serial="sn-77A", imei="490154203237518")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=ready,quoted", True),
        ("state=ready&state=quoted", True),
        ("state=ready", False),
        ("bucket=waiting_for_customer", True),
        ("bucket=qc,ready", False),
        ("category=mobile,tablet", True),
        ("brand=FAIRPHONE&model=fp%204", True),
        ("brand=fair", False),
        ("imei=490154203237518", True),
        ("imei=49015*", True),
        ("imei=5*", False),
        ("serial=SN-77a", True),
        ("serial=sn-*", True),
        ("serial=sn-", False),
        ("customer=C-0007", True),
        ("customer=C-0008", False),
        ("channel=kiosk&hold=supplier&outcome=partly", True),
        ("hold=none", False),
        ("technician=none", True),
        ("technician=ada", False),
        ("opened_from=2026-03-02T09:00:00Z&opened_to=2026-03-02T09:00:01Z", True),
        ("opened_to=2026-03-02T10:00:00%2B01:00", False),
        ("moved_from=2026-03-01T09:00:01Z", False),
        ("moved_to=2026-03-01T09:00:01Z", True),
        ("older_than=23h", True),
        ("older_than=2d", False),
        ("q=charge+phone", True),
        ("q=charge+laptop", False),
    ],
)
async def test_filters(world: World, query: str, found: bool) -> None:
    world.feed(
        ticket_view(
            state="quoted",
            device=_DEVICE,
            customer_id="C-0007",
            hold="supplier",
            outcome="partly",
            moved_at=NOW - timedelta(days=1),
            complaint="Phone does not charge",
        )
    )
    async with world.client("tickets:read") as client:
        assert bool(_ids(await client.get(f"/v1/tickets?{query}"))) is found


@pytest.mark.parametrize(
    ("query", "field", "says"),
    [
        ("state=lost", "state", "none of draft"),
        ("bucket=here", "bucket", "waiting_for_parts"),
        ("older_than=3", "older_than", "30m, 12h or 3d"),
        ("older_than=9999999d", "older_than", "3d"),
        ("imei=12", "imei", "match"),
        ("opened_from=2026-03-02", "opened_from", "timezone"),
        ("fields=ticket_id,colour", "fields", "'colour' is no field of a ticket"),
        ("sort=relevance", "sort", "give q as well"),
        ("sort=price", "sort", "newest"),
        ("count=all", "count", "exact"),
        ("stat=ready", "stat", "not permitted"),
        ("limit=0", "limit", "greater"),
    ],
)
async def test_says_which_parameter_is_wrong_and_what_would_be_right(
    world: World, query: str, field: str, says: str
) -> None:
    async with world.client("tickets:read") as client:
        wrong = problem(await client.get(f"/v1/tickets?{query}"), 422, "validation")
    assert [error["field"] for error in wrong["errors"]] == [field]
    assert says in wrong["errors"][0]["detail"]


async def test_sends_only_the_fields_asked_for_and_counts_when_told(world: World) -> None:
    _shelf(world, 5)
    async with world.client("tickets:read") as client:
        body = (await client.get("/v1/tickets?fields=state,device&limit=2&count=exact")).json()
        assert [set(ticket) for ticket in body["tickets"]] == [{"ticket_id", "state", "device"}] * 2
        assert (body["count"], body["count_is"]) == (5, "exact")
        assert "count" not in (await client.get("/v1/tickets")).json()
        for number in range(5, 1002):
            world.feed(ticket_view(f"T-{number:04}"))
        about = (await client.get("/v1/tickets?count=estimate&limit=1")).json()
        assert (about["count"], about["count_is"]) == (1000, "at_least")
        assert len((await client.get("/v1/tickets?limit=9999")).json()["tickets"]) == 200


async def test_is_not_modified_until_a_ticket_of_the_workspace_changes_or_time_does(world: World) -> None:
    _shelf(world, 3)
    async with world.client("tickets:read") as client:

        async def again(url: str, etag: str) -> int:
            return (await client.get(url, headers={"If-None-Match": etag})).status_code

        plain, aged = "/v1/tickets?limit=2", "/v1/tickets?older_than=1h"
        tag, aged_tag = [(await client.get(url)).headers["etag"] for url in (plain, aged)]
        assert await again(plain, f"W/{tag}") == 304
        assert await again("/v1/tickets?limit=3", tag) == 200
        world.feed(ticket_view("T-else", workspace_id="west"))
        world.clock.advance(timedelta(seconds=59))
        assert (await again(plain, tag), await again(aged, aged_tag)) == (304, 304)
        world.clock.advance(timedelta(seconds=1))
        assert (await again(plain, tag), await again(aged, aged_tag)) == (304, 200)
        world.feed(ticket_view("T-0001", version=2, state="qc"))
        assert await again(plain, tag) == 200


@pytest.mark.parametrize("path", ["/v1/tickets?q=hinge&count=exact", "/v1/board", "/v1/tickets/export.csv"])
async def test_shows_no_ticket_of_another_workspace(world: World, path: str) -> None:
    _shelf(world, 3)
    async with world.client("tickets:read", "admin") as client:
        assert "T-0001" in (await client.get(path)).text
        in_workspace(world, "west")
        other = await client.get(path)
        assert other.status_code == 200
        assert "T-000" not in other.text
        world.feed(ticket_view("T-west", workspace_id="west", complaint="hinge"))
        assert "T-west" in (await client.get(path)).text


def test_every_state_stands_in_exactly_one_bucket() -> None:
    assert sorted(state for bucket in BUCKETS for state in bucket.states) == sorted(TICKET_STATES)


async def test_the_board_counts_ages_and_values_by_bucket_and_technician(world: World) -> None:
    def put(ticket_id: str, state: str, days: float, cents: int, who: str | None = None) -> None:
        moved_at = NOW - timedelta(days=days)
        world.feed(ticket_view(ticket_id, state=state, moved_at=moved_at, quote_total_cents=cents, technician=who))

    put("T-0001", "repairing", 3, 100, "ada")
    put("T-0002", "rework", 1, 50, "ada")
    put("T-0003", "qc", 0.5, 25, "bob")
    put("T-0004", "received", 0, 0)
    put("T-0005", "collected", 90, 7, "ada")
    async with world.client("tickets:read") as client:
        response = await client.get("/v1/board?cards=1")
        body: dict[str, Any] = response.json()
        bench = next(bucket for bucket in body["buckets"] if bucket["name"] == "on_bench")
        assert {name: bench[name] for name in ("count", "overdue", "value_cents", "oldest_since")} == {
            "count": 2,
            "overdue": 1,
            "value_cents": 150,
            "oldest_since": "2026-02-27T09:00:00.000000Z",
        }
        assert [(card["ticket_id"], card["technician"]) for card in bench["cards"]] == [("T-0001", "ada")]
        assert "complaint" not in json.dumps(body)
        assert "closed" not in {bucket["name"] for bucket in body["buckets"]}
        lanes = {lane["technician"]: (lane["count"], lane["overdue"], lane["buckets"]) for lane in body["lanes"]}
        assert lanes == {"ada": (2, 1, {"on_bench": 2}), "bob": (1, 0, {"qc": 1})}
        assert body["overdue"] == 1
        tag = {"If-None-Match": response.headers["etag"]}
        assert (await client.get("/v1/board?cards=1", headers=tag)).status_code == 304
        world.feed(ticket_view("T-0006", state="qc"))
        assert (await client.get("/v1/board?cards=1", headers=tag)).status_code == 200
        problem(await client.get("/v1/board?cards=51"), 422, "validation")


def test_answers_are_kept_up_to_a_size_the_least_used_go() -> None:
    kept: Kept[Page] = Kept(max_bytes=10)
    for tag in ("a", "b"):
        kept.put(tag, Page(b"x" * 4))
    kept.put("a", Page(b"y" * 4))
    kept.put("c", Page(b"z" * 4))
    assert (kept.get("a"), kept.get("b")) == (Page(b"y" * 4), None)
    kept.put("d", Page(b"x" * 11))
    assert [kept.get(tag) for tag in "abcd"] == [None] * 4
    kept.put("e", Page(b"x" * 10))
    assert kept.get("e") is not None


async def test_an_answer_that_is_kept_is_given_only_to_the_question_and_version_it_was_made_for(world: World) -> None:
    _shelf(world, 4)
    async with world.client("tickets:read") as client:
        first = await client.get("/v1/tickets?limit=2")
        again = await client.get("/v1/tickets?limit=2")
        assert (again.content, again.headers["link"]) == (first.content, first.headers["link"])
        assert _ids(await client.get("/v1/tickets?limit=3")) == ["T-0000", "T-0001", "T-0002"]
        world.feed(ticket_view("T-new1", opened_at=NOW + timedelta(hours=1)))
        assert _ids(await client.get("/v1/tickets?limit=2")) == ["T-new1", "T-0000"]
