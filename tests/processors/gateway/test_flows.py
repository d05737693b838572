"""Checking a flow over HTTP."""

from pathlib import Path

from tests.processors.gateway.world import World, problem

SHIPPED = Path(__file__).parents[3] / "processors" / "orchestrator" / "flows" / "repair_intake.bpmn"


async def test_says_that_the_shipped_flow_can_be_deployed(world: World) -> None:
    async with world.client("workflows:manage") as client:
        answer = await client.post("/v1/flows/check", content=SHIPPED.read_bytes())
    assert answer.status_code == 200
    assert answer.json() == {"status": "deployable"}


async def test_names_element_and_line_when_a_flow_has_an_unknown_element(world: World) -> None:
    broken = SHIPPED.read_text().replace('<bpmn:userTask id="ask_lock"', '<bpmn:adHocSubProcess id="ask_lock"', 1)
    broken = broken.replace(
        '</bpmn:userTask>\n    <bpmn:serviceTask id="move_diagnosing"',
        '</bpmn:adHocSubProcess>\n    <bpmn:serviceTask id="move_diagnosing"',
        1,
    )
    async with world.client("workflows:manage") as client:
        found = problem(await client.post("/v1/flows/check", content=broken.encode()), 422, "flow_refused")
    fault = next(one for one in found["errors"] if one["field"] == "ask_lock")
    assert fault["code"] == "adHocSubProcess"
    assert "line " in fault["detail"]


async def test_refuses_what_is_no_xml(world: World) -> None:
    async with world.client("workflows:manage") as client:
        found = problem(await client.post("/v1/flows/check", content=b"{}"), 422, "flow_refused")
    assert found["errors"]
