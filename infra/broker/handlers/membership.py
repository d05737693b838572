"""FindCoordinator, JoinGroup, SyncGroup, Heartbeat and LeaveGroup."""

from infra.broker.context import NODE_ID, Context, Request
from infra.broker.group_model import JoinRequest, JoinResult, SyncResult


def find_coordinator(context: Context, request: Request) -> None:
    """This broker coordinates everything."""
    request.answer(
        {
            "error_code": 0,
            "error_message": None,
            "node_id": NODE_ID,
            "host": context.host,
            "port": context.port,
        }
    )


def join_group(context: Context, request: Request) -> None:
    """Answered when the generation starts."""
    body, version = request.body, request.head.api_version
    session_s = body.session_timeout.total_seconds()
    join = JoinRequest(
        group_id=body.group_id,
        member_id=body.member_id,
        instance_id=body.group_instance_id if version >= 5 else None,
        client_id=request.client_id,
        client_host=request.client_host,
        session_timeout_s=session_s,
        rebalance_timeout_s=body.rebalance_timeout.total_seconds() if version >= 1 else session_s,
        protocol_type=body.protocol_type,
        protocols={entry.name: entry.metadata for entry in body.protocols},
        needs_known_id=version >= 4,
        connection=request.connection,
    )

    def reply(result: JoinResult) -> None:
        request.answer(
            {
                "error_code": result.error,
                "generation_id": result.generation,
                "protocol_name": result.protocol,
                "leader": result.leader,
                "member_id": result.member_id,
                "members": [
                    {"member_id": member_id, "group_instance_id": instance_id, "metadata": metadata}
                    for member_id, instance_id, metadata in result.members
                ],
            }
        )

    context.groups.join(join, reply)
    context.arm_group_timer()


def sync_group(context: Context, request: Request) -> None:
    """Answered when the leader has sent the assignment."""
    body, version = request.body, request.head.api_version

    def reply(result: SyncResult) -> None:
        request.answer({"error_code": result.error, "assignment": result.assignment})

    context.groups.sync(
        body.group_id,
        body.member_id,
        body.generation_id,
        body.group_instance_id if version >= 3 else None,
        {entry.member_id: entry.assignment for entry in body.assignments},
        request.connection,
        reply,
    )
    context.arm_group_timer()


def heartbeat(context: Context, request: Request) -> None:
    """Keeps a member's session alive."""
    body = request.body
    instance_id = body.group_instance_id if request.head.api_version >= 3 else None
    error = context.groups.heartbeat(body.group_id, body.member_id, body.generation_id, instance_id, request.connection)
    request.answer({"error_code": error})


def leave_group(context: Context, request: Request) -> None:
    """One member before version 3, a list since."""
    body = request.body
    if request.head.api_version < 3:
        error = context.groups.leave(body.group_id, body.member_id, None)
        request.answer({"error_code": error})
    else:
        members = [
            {
                "member_id": entry.member_id,
                "group_instance_id": entry.group_instance_id,
                "error_code": context.groups.leave(body.group_id, entry.member_id, entry.group_instance_id),
            }
            for entry in body.members
        ]
        request.answer({"error_code": 0, "members": members})
    context.arm_group_timer()
