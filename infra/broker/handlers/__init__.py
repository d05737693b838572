"""One function per Kafka API, and the table of what the broker speaks."""

from collections.abc import Mapping
from dataclasses import dataclass

from infra.broker.context import Context, Handler, Request
from infra.broker.handlers import (
    admin,
    configs,
    fetching,
    group_admin,
    login,
    logs,
    membership,
    offset_apis,
    producing,
    transacting,
    transaction_admin,
)
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


# Flexible versions (KIP-482) only where a client needs something that no older version has: the hot path and
# what every client asks at its start end before them. `infra/docs/adr/0003` says which client needs which.
APIS: Mapping[int, Api] = {
    0: Api(producing.produce, 3, 8),
    1: Api(fetching.fetch, 4, 11),
    2: Api(offset_apis.list_offsets, 1, 7),
    3: Api(admin.metadata, 0, 8),
    8: Api(offset_apis.offset_commit, 2, 7),
    9: Api(offset_apis.offset_fetch, 1, 7),
    10: Api(membership.find_coordinator, 0, 2),
    11: Api(membership.join_group, 0, 5),
    12: Api(membership.heartbeat, 0, 3),
    13: Api(membership.leave_group, 0, 3),
    14: Api(membership.sync_group, 0, 3),
    15: Api(group_admin.describe_groups, 0, 4),
    16: Api(group_admin.list_groups, 0, 5),
    17: Api(login.sasl_handshake, 1, 1),
    API_VERSIONS: Api(api_versions, 0, 3),
    19: Api(admin.create_topics, 2, 4),
    20: Api(admin.delete_topics, 1, 3),
    21: Api(logs.delete_records, 0, 1),
    22: Api(transacting.init_producer_id, 0, 4),
    23: Api(logs.offset_for_leader_epoch, 2, 3),
    24: Api(transacting.add_partitions_to_txn, 0, 2),
    25: Api(transacting.add_offsets_to_txn, 0, 2),
    26: Api(transacting.end_txn, 0, 2),
    28: Api(transacting.txn_offset_commit, 0, 3),
    32: Api(configs.describe_configs, 1, 3),
    33: Api(configs.alter_configs, 0, 1),
    35: Api(logs.describe_log_dirs, 1, 1),
    36: Api(login.sasl_authenticate, 0, 1),
    37: Api(admin.create_partitions, 0, 1),
    42: Api(group_admin.delete_groups, 0, 1),
    44: Api(configs.incremental_alter_configs, 0, 0),
    47: Api(group_admin.offset_delete, 0, 0),
    60: Api(admin.describe_cluster, 0, 1),
    61: Api(logs.describe_producers, 0, 0),
    65: Api(transaction_admin.describe_transactions, 0, 0),
    66: Api(transaction_admin.list_transactions, 0, 1),
}
