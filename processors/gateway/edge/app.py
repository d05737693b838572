"""The edge as an ASGI application."""

from fastapi import FastAPI

from processors.gateway.edge import (
    links,
    openapi,
    problems,
    routes_auth,
    routes_blobs,
    routes_board,
    routes_bulk,
    routes_clocks,
    routes_conditions,
    routes_csv,
    routes_devices,
    routes_diagnosis,
    routes_events,
    routes_exports,
    routes_figures,
    routes_files,
    routes_flows,
    routes_health,
    routes_hooks,
    routes_imports,
    routes_inspection,
    routes_intakes,
    routes_keys,
    routes_labels,
    routes_ledger,
    routes_lists,
    routes_live,
    routes_passcodes,
    routes_qc,
    routes_reports,
    routes_schematics,
    routes_stock,
    routes_tasks,
    routes_ticket_writes,
    routes_tickets,
    routes_tiles,
    routes_users,
    routes_webhooks,
    routes_workspaces,
)
from processors.gateway.edge.conditional import Conditional
from processors.gateway.edge.deps import Edge, GatewayDeps
from processors.gateway.edge.flight import InFlight
from processors.gateway.edge.headers import Cors, PathGuard, SecurityHeaders
from processors.gateway.edge.idempotency import KeptAnswers
from processors.gateway.edge.metrics import Counted, GatewayCollector, RequestCounts
from processors.gateway.edge.middleware import AnswerHeaders, BodyLimit, TraceContext
from processors.gateway.edge.refusals import Refusals
from processors.gateway.edge.sealed_texts import OpenTexts
from processors.gateway.edge.service_calls import SignedBodies

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
        # A redirect would lead to whatever host the request names.
        redirect_slashes=False,
    )
    edge = app.state.edge = Edge(deps)
    problems.install(app)
    openapi.install(app)
    for module in (
        routes_health,
        routes_intakes,
        # Before the routes with an id in the same place.
        routes_lists,
        routes_board,
        routes_bulk,
        routes_csv,
        routes_imports,
        routes_events,
        routes_live,
        routes_tickets,
        routes_ticket_writes,
        routes_files,
        routes_devices,
        routes_clocks,
        routes_conditions,
        routes_labels,
        routes_passcodes,
        routes_qc,
        routes_inspection,
        routes_schematics,
        routes_diagnosis,
        routes_ledger,
        routes_tasks,
        routes_stock,
        routes_figures,
        routes_exports,
        routes_tiles,
        routes_reports,
        routes_flows,
        routes_hooks,
        routes_webhooks,
        routes_blobs,
        links,
        routes_auth,
        routes_users,
        routes_keys,
        routes_workspaces,
    ):
        app.include_router(module.router)
    app.add_middleware(Conditional)
    app.add_middleware(KeptAnswers, claims=edge.claims, policy=deps.policy)
    # Answers are kept as they lie on the log, with what people wrote sealed.
    app.add_middleware(OpenTexts, vault=deps.vault, views=deps.views)
    app.add_middleware(SignedBodies)
    app.add_middleware(BodyLimit, policy=deps.policy)
    app.add_middleware(InFlight, flights=edge.flights)
    app.add_middleware(TraceContext)
    app.add_middleware(PathGuard)
    app.add_middleware(Cors, origins=deps.cors_origins, routes=app.routes)
    app.add_middleware(SecurityHeaders, public_url=deps.public_url)
    app.add_middleware(AnswerHeaders)
    if edge.refusals is not None:
        app.add_middleware(Refusals, refusals=edge.refusals)
    counts = RequestCounts()
    app.state.metrics = GatewayCollector(edge, counts)
    app.add_middleware(Counted, counts=counts)
    return app
