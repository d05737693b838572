"""Consumer groups (classic protocol) as a state machine without I/O: time, ids and connections come from outside.

Members live in memory. After a restart they are unknown, answered UNKNOWN_MEMBER_ID, and join again; the
generation goes on from the number in the file, so an old (member, generation) pair can never be valid again.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator

from kio.schema.errors import ErrorCode

from infra.broker.group_model import Group, GroupState, JoinRequest, JoinResult, Member, SyncResult


class Coordinator:
    """All groups. `clock` is monotonic seconds; `new_id` makes a unique suffix; `on_generation` persists."""

    def __init__(
        self,
        clock: Callable[[], float],
        new_id: Callable[[], str],
        on_generation: Callable[[str, int, str], None],
        *,
        session_timeout_range_s: tuple[float, float] = (1.0, 1800.0),
        initial_delay_s: float = 0.0,
    ) -> None:
        self.groups: dict[str, Group] = {}
        self._clock = clock
        self._new_id = new_id
        self._on_generation = on_generation
        self._session_range_s = session_timeout_range_s
        self._initial_delay_s = initial_delay_s

    def restore(self, group_id: str, generation: int, protocol_type: str) -> None:
        """Bring a group back from the file, without members."""
        self.groups[group_id] = Group(group_id, generation, protocol_type=protocol_type)

    def forget(self, group_id: str) -> None:
        """Drop an abandoned group."""
        self.groups.pop(group_id, None)

    def join(self, request: JoinRequest, reply: Callable[[JoinResult], None]) -> None:
        """Answered at once when refused, else when the rebalance it starts or takes part in is complete."""
        refusal = self._refuse_join(request)
        if refusal is not None:
            reply(JoinResult(refusal, request.member_id))
            return
        group = self.groups.setdefault(request.group_id, Group(request.group_id))
        if request.member_id:
            self._join_known(group, request, reply)
            return
        existing = group.static_member(request.instance_id)
        if existing is not None:
            self._replace_static(group, existing, request, reply)
        elif request.needs_known_id and request.instance_id is None:
            member_id = self._make_id(request)
            group.pending[member_id] = (self._clock() + request.session_timeout_s, request.connection)
            reply(JoinResult(ErrorCode.member_id_required, member_id))
        else:
            self._add(group, self._make_id(request), request, reply)

    def sync(
        self,
        group_id: str,
        member_id: str,
        generation: int,
        instance_id: str | None,
        assignments: dict[str, bytes],
        connection: Hashable,
        reply: Callable[[SyncResult], None],
    ) -> None:
        """The leader's sync carries everyone's assignment and completes the rebalance."""
        error = self.check_member(group_id, member_id, generation, instance_id)
        if error is not ErrorCode.none:
            reply(SyncResult(error))
            return
        group = self.groups[group_id]
        member = group.members[member_id]
        member.connection = connection
        self._touch(member)
        if group.state is GroupState.PREPARING:
            reply(SyncResult(ErrorCode.rebalance_in_progress))
        elif group.state is GroupState.STABLE:
            reply(SyncResult(ErrorCode.none, member.assignment))
        else:
            member.sync_reply = reply
            if member_id == group.leader:
                self._finish_sync(group, assignments)

    def heartbeat(
        self, group_id: str, member_id: str, generation: int, instance_id: str | None, connection: Hashable
    ) -> ErrorCode:
        """Keep a member alive and tell it whether it has to join again."""
        error = self.check_member(group_id, member_id, generation, instance_id)
        if error is not ErrorCode.none:
            return error
        group = self.groups[group_id]
        member = group.members[member_id]
        member.connection = connection
        self._touch(member)
        return ErrorCode.rebalance_in_progress if group.state is GroupState.PREPARING else ErrorCode.none

    def leave(self, group_id: str, member_id: str, instance_id: str | None) -> ErrorCode:
        """Remove a member that says good-bye, by member id or by instance id."""
        group = self.groups.get(group_id)
        if group is None:
            return ErrorCode.unknown_member_id
        if group.pending.pop(member_id, None) is not None:
            self._try_complete(group)
            return ErrorCode.none
        member = group.static_member(instance_id)
        if instance_id is not None and member is not None and member_id not in ("", member.member_id):
            return ErrorCode.fenced_instance_id
        if instance_id is None:
            member = group.members.get(member_id)
        if member is None:
            return ErrorCode.unknown_member_id
        self._remove(group, member)
        return ErrorCode.none

    def check_member(self, group_id: str, member_id: str, generation: int, instance_id: str | None) -> ErrorCode:
        """Whether (member, generation) is the current one of the group."""
        group = self.groups.get(group_id)
        if group is None:
            return ErrorCode.unknown_member_id
        static = group.static_member(instance_id)
        if static is not None and static.member_id != member_id:
            return ErrorCode.fenced_instance_id
        if member_id not in group.members:
            return ErrorCode.unknown_member_id
        return ErrorCode.none if generation == group.generation else ErrorCode.illegal_generation

    def check_commit(self, group_id: str, member_id: str, generation: int, instance_id: str | None) -> ErrorCode:
        """Whether an offset commit is allowed; generation -1 is a client without group membership."""
        group = self.groups.get(group_id)
        if generation < 0 and not member_id:
            busy = group is not None and group.members
            return ErrorCode.unknown_member_id if busy else ErrorCode.none
        if group is None:
            return ErrorCode.illegal_generation
        error = self.check_member(group_id, member_id, generation, instance_id)
        if error is ErrorCode.none:
            self._touch(group.members[member_id])
            if group.state is GroupState.COMPLETING:
                return ErrorCode.rebalance_in_progress
        return error

    def drop_connection(self, connection: Hashable) -> None:
        """A closed connection ends its dynamic members at once; static ones keep their session timeout."""
        for group in list(self.groups.values()):
            lost = [m for m in group.members.values() if m.connection == connection]
            for member in lost:
                member.join_reply = member.sync_reply = None
                if member.request.instance_id is None:
                    self._remove(group, member)
            for member_id in [i for i, (_, owner) in group.pending.items() if owner == connection]:
                del group.pending[member_id]
            self._try_complete(group)

    def next_deadline(self) -> float | None:
        """When `expire` has something to do next, on the injected clock."""
        return min(self._deadlines(), default=None)

    def expire(self) -> None:
        """Remove members and ids whose time is over and end rebalances that waited long enough."""
        now = self._clock()
        for group in list(self.groups.values()):
            for member_id in [i for i, (deadline, _) in group.pending.items() if deadline <= now]:
                del group.pending[member_id]
            for member in list(group.members.values()):
                if member.deadline <= now and not member.waits:
                    self._remove(group, member)
            if group.state is GroupState.PREPARING and group.rebalance_deadline <= now:
                self._give_up_waiting(group)
            self._try_complete(group)

    def _deadlines(self) -> Iterator[float]:
        for group in self.groups.values():
            yield from (deadline for deadline, _ in group.pending.values())
            yield from (m.deadline for m in group.members.values() if not m.waits)
            if group.state is GroupState.PREPARING:
                waits_only_for_delay = all(m.join_reply is not None for m in group.members.values())
                yield group.hold_until if waits_only_for_delay and not group.pending else group.rebalance_deadline

    def _refuse_join(self, request: JoinRequest) -> ErrorCode | None:
        shortest_s, longest_s = self._session_range_s
        if not request.group_id:
            return ErrorCode.invalid_group_id
        if not shortest_s <= request.session_timeout_s <= longest_s:
            return ErrorCode.invalid_session_timeout
        if not request.protocols or not request.protocol_type:
            return ErrorCode.inconsistent_group_protocol
        group = self.groups.get(request.group_id)
        if group is None:
            return ErrorCode.unknown_member_id if request.member_id else None
        others = [m for i, m in group.members.items() if i != request.member_id]
        if others and (
            group.protocol_type != request.protocol_type
            or not set(request.protocols).intersection(*(m.request.protocols for m in others))
        ):
            return ErrorCode.inconsistent_group_protocol
        return None

    def _join_known(self, group: Group, request: JoinRequest, reply: Callable[[JoinResult], None]) -> None:
        if group.pending.pop(request.member_id, None) is not None:
            self._add(group, request.member_id, request, reply)
            return
        static = group.static_member(request.instance_id)
        if static is not None and static.member_id != request.member_id:
            reply(JoinResult(ErrorCode.fenced_instance_id, request.member_id))
            return
        member = group.members.get(request.member_id)
        if member is None:
            reply(JoinResult(ErrorCode.unknown_member_id, request.member_id))
            return
        unchanged = member.request.protocols == request.protocols
        may_skip = group.state is GroupState.COMPLETING or (
            group.state is GroupState.STABLE and member.member_id != group.leader
        )
        member.request, member.connection = request, request.connection
        self._touch(member)
        if unchanged and may_skip:
            reply(self._join_result(group, member))
            return
        member.join_reply = reply
        self._rebalance(group)

    def _add(self, group: Group, member_id: str, request: JoinRequest, reply: Callable[[JoinResult], None]) -> None:
        member = Member(member_id, request, 0.0, request.connection, join_reply=reply)
        self._touch(member)
        if not group.members:
            group.protocol_type = request.protocol_type
            group.hold_until = self._clock() + self._initial_delay_s
        group.members[member_id] = member
        self._rebalance(group)

    def _replace_static(
        self, group: Group, old: Member, request: JoinRequest, reply: Callable[[JoinResult], None]
    ) -> None:
        """A restarted static member takes its predecessor's place, without a rebalance where nothing changed."""
        self._answer_waiting(old, ErrorCode.fenced_instance_id)
        member = Member(self._make_id(request), request, 0.0, request.connection, old.assignment)
        self._touch(member)
        group.members = {
            (member.member_id if key == old.member_id else key): (member if value is old else value)
            for key, value in group.members.items()
        }
        unchanged = old.request.protocols == request.protocols
        if group.state is GroupState.STABLE and unchanged:
            # A leader that comes back is told of the id it had as that of the leader: it then takes the assignment
            # it has as a follower does, instead of computing a new one (Kafka does so for JoinGroup before 9).
            reply(self._join_result(group, member))
            if group.leader == old.member_id:
                group.leader = member.member_id
            return
        member.join_reply = reply
        self._rebalance(group)

    def _rebalance(self, group: Group) -> None:
        if group.state is not GroupState.PREPARING:
            group.state = GroupState.PREPARING
            for member in group.members.values():
                if member.sync_reply is not None:
                    self._touch(member)
                    waiting, member.sync_reply = member.sync_reply, None
                    waiting(SyncResult(ErrorCode.rebalance_in_progress))
        longest_s = max(m.request.rebalance_timeout_s for m in group.members.values())
        group.rebalance_deadline = max(self._clock() + longest_s, group.hold_until)
        self._try_complete(group)

    def _try_complete(self, group: Group) -> None:
        if group.state is not GroupState.PREPARING or group.pending or group.hold_until > self._clock():
            return
        if all(member.join_reply is not None for member in group.members.values()):
            self._start_generation(group)

    def _give_up_waiting(self, group: Group) -> None:
        """The rebalance timeout is over: go on without those who did not come back."""
        group.pending.clear()
        for member in [m for m in group.members.values() if m.join_reply is None]:
            if member.request.instance_id is None:
                del group.members[member.member_id]
        if group.members and any(m.join_reply is not None for m in group.members.values()):
            self._start_generation(group)
        else:
            self._empty_if_abandoned(group)

    def _start_generation(self, group: Group) -> None:
        if not group.members:
            self._empty_if_abandoned(group)
            return
        group.generation += 1
        group.protocol = _elect_protocol(group)
        present = [m for m in group.members.values() if m.join_reply is not None]
        if group.leader not in {m.member_id for m in present}:
            group.leader = present[0].member_id
        group.state = GroupState.COMPLETING
        self._on_generation(group.group_id, group.generation, group.protocol_type)
        for member in present:
            waiting, member.join_reply = member.join_reply, None
            member.assignment = b""
            self._touch(member)
            if waiting is not None:
                waiting(self._join_result(group, member))

    def _finish_sync(self, group: Group, assignments: dict[str, bytes]) -> None:
        group.state = GroupState.STABLE
        for member in group.members.values():
            member.assignment = assignments.get(member.member_id, b"")
            waiting, member.sync_reply = member.sync_reply, None
            if waiting is not None:
                self._touch(member)
                waiting(SyncResult(ErrorCode.none, member.assignment))

    def _remove(self, group: Group, member: Member) -> None:
        self._answer_waiting(member, ErrorCode.unknown_member_id)
        del group.members[member.member_id]
        if group.leader == member.member_id:
            group.leader = ""
        if group.members:
            self._rebalance(group)
        else:
            self._empty_if_abandoned(group)

    def _empty_if_abandoned(self, group: Group) -> None:
        if not group.members:
            group.state, group.leader, group.protocol = GroupState.EMPTY, "", ""

    def _answer_waiting(self, member: Member, error: ErrorCode) -> None:
        join, member.join_reply = member.join_reply, None
        sync, member.sync_reply = member.sync_reply, None
        if join is not None:
            join(JoinResult(error, member.member_id))
        if sync is not None:
            sync(SyncResult(error))

    def _join_result(self, group: Group, member: Member) -> JoinResult:
        members: tuple[tuple[str, str | None, bytes], ...] = ()
        if member.member_id == group.leader:
            members = tuple(
                (m.member_id, m.request.instance_id, m.request.protocols[group.protocol])
                for m in group.members.values()
            )
        return JoinResult(
            ErrorCode.none,
            member.member_id,
            group.generation,
            group.protocol,
            group.leader,
            members,
        )

    def _make_id(self, request: JoinRequest) -> str:
        return f"{request.instance_id or request.client_id or 'member'}-{self._new_id()}"

    def _touch(self, member: Member) -> None:
        member.deadline = self._clock() + member.request.session_timeout_s


def _elect_protocol(group: Group) -> str:
    """The assignor that every member knows and most members prefer."""
    requests = [member.request.protocols for member in group.members.values()]
    common = set(requests[0]).intersection(*requests[1:])
    votes = Counter(next(name for name in protocols if name in common) for protocols in requests)
    return votes.most_common(1)[0][0]
