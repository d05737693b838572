"""What a consumer group consists of and what is said to and by its members."""

import enum
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from kio.schema.errors import ErrorCode


class GroupState(enum.Enum):
    """States and their names in ListGroups and DescribeGroups."""

    EMPTY = "Empty"
    PREPARING = "PreparingRebalance"
    COMPLETING = "CompletingRebalance"
    STABLE = "Stable"


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """A request to join. Durations in seconds; `protocols` maps an assignor's name to the member's metadata."""

    group_id: str
    member_id: str
    instance_id: str | None
    client_id: str
    client_host: str
    session_timeout_s: float
    rebalance_timeout_s: float
    protocol_type: str
    protocols: dict[str, bytes]
    needs_known_id: bool
    connection: Hashable


@dataclass(frozen=True, slots=True)
class JoinResult:
    """Answer to a join; only the leader gets the list of (member id, instance id, metadata)."""

    error: ErrorCode
    member_id: str = ""
    generation: int = -1
    protocol: str = ""
    leader: str = ""
    members: tuple[tuple[str, str | None, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class SyncResult:
    """Answer to a sync: the member's assignment as the leader wrote it."""

    error: ErrorCode
    assignment: bytes = b""


@dataclass(slots=True, eq=False)
class Member:
    """One member. While a join or sync waits for its answer the session cannot run out."""

    member_id: str
    request: JoinRequest
    deadline: float
    connection: Hashable
    assignment: bytes = b""
    join_reply: Callable[[JoinResult], None] | None = None
    sync_reply: Callable[[SyncResult], None] | None = None

    @property
    def waits(self) -> bool:
        """Whether the broker owes this member an answer."""
        return self.join_reply is not None or self.sync_reply is not None


@dataclass(slots=True, eq=False)
class Group:
    """One group. `pending` holds ids handed out to clients that have not joined with them yet."""

    group_id: str
    generation: int = 0
    state: GroupState = GroupState.EMPTY
    protocol_type: str = ""
    protocol: str = ""
    leader: str = ""
    members: dict[str, Member] = field(default_factory=dict)
    pending: dict[str, tuple[float, Hashable]] = field(default_factory=dict)
    rebalance_deadline: float = 0.0
    hold_until: float = 0.0

    @property
    def abandoned(self) -> bool:
        """Whether nobody is a member and nobody is about to become one."""
        return not self.members and not self.pending

    def static_member(self, instance_id: str | None) -> Member | None:
        """The member that joined under this instance id."""
        if instance_id is None:
            return None
        return next((m for m in self.members.values() if m.request.instance_id == instance_id), None)
