"""The edge as an ASGI application."""

from fastapi import FastAPI

from processors.gateway.edge import (
    links,
    problems,
    routes_blobs,
    routes_clocks,
    routes_conditions,
    routes_events,
    routes_figures,
    routes_flows,
    routes_health,
    routes_intakes,
    routes_labels,
    routes_ledger,
    routes_passcodes,
    routes_stock,
    routes_tasks,
    routes_tickets,
)
from processors.gateway.edge.deps import Edge, GatewayDeps
from processors.gateway.edge.middleware import AnswerHeaders, BodyLimit, TraceContext

API_VERSION = "1.0"


def create_app(deps: GatewayDeps) -> FastAPI:
    """Return the edge over ``deps``. Whoever calls this starts and stops the read model and the publisher."""
    app = FastAPI(
        title=f"{deps.shop_name} gateway",
        version=API_VERSION,
        openapi_url="/v1/openapi.json",
        # The ready-made documentation pages load scripts from elsewhere, which our pages must not.
        docs_url=None,
        redoc_url=None,
    )
    app.state.edge = Edge(deps)
    problems.install(app)
    for module in (
        routes_health,
        routes_intakes,
        routes_events,
        routes_tickets,
        routes_clocks,
        routes_conditions,
        routes_labels,
        routes_passcodes,
        routes_ledger,
        routes_tasks,
        routes_stock,
        routes_figures,
        routes_flows,
        routes_blobs,
        links,
    ):
        app.include_router(module.router)
    app.add_middleware(BodyLimit, policy=deps.policy)
    app.add_middleware(TraceContext)
    app.add_middleware(AnswerHeaders)
    return app
