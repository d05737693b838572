"""DescribeGroups, ListGroups, DeleteGroups and OffsetDelete."""

import struct
from typing import Any

from kio.schema.errors import ErrorCode

from infra.broker.context import Context, Request
from infra.broker.errors import StorageFailedError
from infra.broker.group_model import Group, GroupState
from infra.broker.offsets import erase_groups, erase_offsets
from infra.broker.store import Write

_NO_OPERATIONS = -(2**31)  # "not asked for", as Kafka writes it.
_CLASSIC = "classic"  # The only protocol of groups here; KIP-848 groups would be "consumer".


def describe_groups(context: Context, request: Request) -> None:
    """State and members of groups; an unknown group is Dead, as in Kafka."""
    request.answer({"groups": [_describe(context, group_id) for group_id in request.body.groups]})


def _describe(context: Context, group_id: str) -> dict[str, Any]:
    group = context.groups.groups.get(group_id)
    if group is None:
        state = "Empty" if group_id in context.offsets.group_ids() else "Dead"
        members = []
    else:
        state, members = group.state.value, _describe_members(group)
    return {
        "error_code": ErrorCode.none,
        "group_id": group_id,
        "group_state": state,
        "protocol_type": "" if group is None else group.protocol_type,
        "protocol_data": "" if group is None else group.protocol,
        "members": members,
        "authorized_operations": _NO_OPERATIONS,
    }


def _describe_members(group: Group) -> list[dict[str, Any]]:
    return [
        {
            "member_id": member.member_id,
            "group_instance_id": member.request.instance_id,
            "client_id": member.request.client_id,
            "client_host": f"/{member.request.client_host}",
            "member_metadata": member.request.protocols.get(group.protocol, b""),
            "member_assignment": member.assignment,
        }
        for member in group.members.values()
    ]


def list_groups(context: Context, request: Request) -> None:
    """Every group with members, a past, or committed offsets. States and types are compared in any case."""
    body, version = request.body, request.head.api_version
    states = {name.lower() for name in body.states_filter} if version >= 4 else set()
    types = {name.lower() for name in body.types_filter} if version >= 5 else set()
    known = dict.fromkeys(context.offsets.group_ids(), ("", GroupState.EMPTY.value))
    known |= {group.group_id: (group.protocol_type, group.state.value) for group in context.groups.groups.values()}
    groups = [
        {"group_id": group_id, "protocol_type": protocol_type, "group_state": state, "group_type": _CLASSIC}
        for group_id, (protocol_type, state) in known.items()
        if (not states or state.lower() in states) and (not types or _CLASSIC in types)
    ]
    request.answer({"error_code": 0, "groups": groups})


def delete_groups(context: Context, request: Request) -> None:
    """Forget groups without members, with their offsets; answered after the commit."""
    codes = {group_id: _check_deletion(context, group_id) for group_id in request.body.groups_names}
    doomed = [group_id for group_id, code in codes.items() if code is ErrorCode.none]
    for group_id in doomed:
        context.groups.forget(group_id)

    def done(failure: StorageFailedError | None) -> None:
        failed = ErrorCode.none if failure is None else ErrorCode.coordinator_not_available
        if failure is None:
            context.offsets.forget_groups(doomed)
        results = [{"group_id": group_id, "error_code": code or failed} for group_id, code in codes.items()]
        request.answer({"results": results})

    context.store.submit(Write(done, change=lambda writer: erase_groups(writer, doomed)))


def _check_deletion(context: Context, group_id: str) -> ErrorCode:
    group = context.groups.groups.get(group_id)
    if group is None:
        known = group_id in context.offsets.group_ids()
        return ErrorCode.none if known else ErrorCode.group_id_not_found
    return ErrorCode.none if group.abandoned else ErrorCode.non_empty_group


def offset_delete(context: Context, request: Request) -> None:
    """Forget a group's offsets of partitions that it does not read at the moment."""
    body = request.body
    refusal = _check_offset_deletion(context, body.group_id)
    subscribed = _subscriptions(context.groups.groups.get(body.group_id))
    partition_ids: list[int] = []
    topics: list[dict[str, Any]] = []
    for topic in body.topics if refusal is ErrorCode.none else ():
        entries = []
        for part in topic.partitions:
            partition = context.log.find(topic.name, part.partition_index)
            error = ErrorCode.none
            if partition is None:
                error = ErrorCode.unknown_topic_or_partition
            elif topic.name in subscribed:
                error = ErrorCode.group_subscribed_to_topic
            else:
                partition_ids.append(partition.partition_id)
            entries.append({"partition_index": part.partition_index, "error_code": error})
        topics.append({"name": topic.name, "partitions": entries})

    def done(failure: StorageFailedError | None) -> None:
        if failure is None:
            context.offsets.forget_partitions(partition_ids, body.group_id)
        error = refusal if failure is None else ErrorCode.coordinator_not_available
        request.answer({"error_code": error, "topics": topics})

    context.store.submit(Write(done, change=lambda writer: erase_offsets(writer, body.group_id, partition_ids)))


def _check_offset_deletion(context: Context, group_id: str) -> ErrorCode:
    group = context.groups.groups.get(group_id)
    if group is None:
        return ErrorCode.none if group_id in context.offsets.group_ids() else ErrorCode.group_id_not_found
    if group.members and group.protocol_type != "consumer":
        return ErrorCode.non_empty_group
    return ErrorCode.none


def _subscriptions(group: Group | None) -> set[str]:
    """Topics that members of a consumer group subscribed to, out of the metadata they joined with."""
    if group is None:
        return set()
    return {
        topic
        for member in group.members.values()
        for metadata in member.request.protocols.values()
        for topic in _topics_in(metadata)
    }


def _topics_in(metadata: bytes) -> list[str]:
    """Topic names of a ConsumerProtocolSubscription: version, then an array of strings; none in other bytes."""
    topics: list[str] = []
    try:
        _, count = struct.unpack_from(">hi", metadata)
        position = 6
        for _ in range(count):
            (size,) = struct.unpack_from(">h", metadata, position)
            topics.append(metadata[position + 2 : position + 2 + size].decode())
            position += 2 + size
    except (struct.error, UnicodeDecodeError):
        return []
    return topics
