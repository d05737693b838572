"""Flows: whether a BPMN file could be deployed, before anybody tries."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Request, Response

from processors.gateway.edge.auth import Needs, Principal
from processors.gateway.edge.deps import edge_of
from processors.gateway.edge.problems import Fault, Problem

router = APIRouter(prefix="/v1/flows", tags=["flows"])


@router.post("/check")
async def check(request: Request, _: Annotated[Principal, Depends(Needs("workflows:manage"))]) -> Response:
    """Check the BPMN file in the body: 200 when it can be deployed, else a problem that names every element at fault.

    Nothing is deployed, whatever the answer.
    """
    check_flow = edge_of(request).deps.check_flow
    if check_flow is None:
        raise Problem(503, "no_flow_check", "This gateway runs without the flow checker; use `noizylab flow check`.")
    issues = check_flow(await request.body())
    if issues:
        faults = [
            Fault(issue.element_id, issue.element_type, f"line {issue.line}: {issue.message}") for issue in issues
        ]
        detail = f"{len(faults)} element(s) cannot be run, first: {faults[0].field}: {faults[0].detail}"
        raise Problem(422, "flow_refused", detail, faults=faults)
    return Response(orjson.dumps({"status": "deployable"}), media_type="application/json")
