"""The API does what its description says, for callers of every role, whatever they send."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from processors.gateway.access.roles import ROLES, Scope
from processors.gateway.config import Policy
from tests.processors.gateway.world import World, ticket_view

PATIENT = Policy(
    outcome_wait_s=0.01,
    publish_wait_s=0.05,
    requests_per_minute=1_000_000,
    page_requests_per_minute=1_000_000,
    in_flight_max=1_000,
    in_flight_per_caller_max=1_000,
)
ENDLESS = {"/v1/live/events", "/v1/analytics/tiles", "/v1/tickets/{ticket_id}/events"}
"""Streams; a client that only waits for an end would wait for ever."""
NOT_READY = {"/readyz", "/v1/analytics/export/{view}", "/v1/analytics/forecasts", "/v1/analytics/forecasts/{series}"}
"""503 by intent: this gateway follows no log and has no warehouse."""
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def _walk(tmp_path: Path, examples: int, callers: Mapping[str, frozenset[Scope]]) -> None:
    """Send what the description allows, and some of what it does not, to every operation."""
    world = World(tmp_path, policy=PATIENT)
    world.feed(ticket_view())
    keys = {name: world.key(*scopes) for name, scopes in callers.items()}
    walked = 0
    for found in schemathesis.openapi.from_asgi("/v1/openapi.json", world.app).get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if operation.path in ENDLESS | NOT_READY:
            continue
        walked += 1

        @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            for key in keys.values():
                case.validate_response(case.call(headers={"X-API-Key": key}), checks=CHECKS)

        ask()
    assert walked > 90


def test_answers_an_owner_as_described(tmp_path: Path) -> None:
    _walk(tmp_path, 2, {"owner": ROLES["owner"]})


@pytest.mark.long
def test_answers_every_role_as_described(tmp_path: Path) -> None:
    _walk(tmp_path, 15, ROLES)
