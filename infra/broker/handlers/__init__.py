"""One function per Kafka API, and the table of what the broker speaks."""

from collections.abc import Mapping
from dataclasses import dataclass

from infra.broker.context import Context, Handler, Request
from infra.broker.handlers import admin, fetching, login, membership, offset_apis, producing
from infra.broker.wire import API_VERSIONS


@dataclass(frozen=True, slots=True)
class Api:
    """An API with the range of versions it is answered in."""

    handler: Handler
    min_version: int
    max_version: int


def api_versions(context: Context, request: Request) -> None:
    """ApiVersions: this table."""
    request.answer({"error_code": 0, "api_keys": api_ranges()})


def api_ranges() -> list[dict[str, int]]:
    """The table in the shape of an ApiVersions answer."""
    return [
        {"api_key": key, "min_version": api.min_version, "max_version": api.max_version}
        for key, api in sorted(APIS.items())
    ]


# All but ApiVersions end before the flexible versions (KIP-482). Those add tagged fields, of which kio refuses
# the unknown ones, and librdkafka's Metadata request of version 9 carries one; no client needs them.
APIS: Mapping[int, Api] = {
    0: Api(producing.produce, 3, 8),
    1: Api(fetching.fetch, 4, 11),
    2: Api(offset_apis.list_offsets, 1, 5),
    3: Api(admin.metadata, 0, 8),
    8: Api(offset_apis.offset_commit, 2, 7),
    9: Api(offset_apis.offset_fetch, 1, 5),
    10: Api(membership.find_coordinator, 0, 2),
    11: Api(membership.join_group, 0, 5),
    12: Api(membership.heartbeat, 0, 3),
    13: Api(membership.leave_group, 0, 3),
    14: Api(membership.sync_group, 0, 3),
    15: Api(membership.describe_groups, 0, 4),
    16: Api(membership.list_groups, 0, 2),
    17: Api(login.sasl_handshake, 1, 1),
    API_VERSIONS: Api(api_versions, 0, 3),
    19: Api(admin.create_topics, 2, 4),
    20: Api(admin.delete_topics, 1, 3),
    22: Api(producing.init_producer_id, 0, 1),
    32: Api(admin.describe_configs, 1, 3),
    36: Api(login.sasl_authenticate, 0, 1),
}
