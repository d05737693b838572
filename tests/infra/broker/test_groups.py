from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from kio.schema.errors import ErrorCode

from infra.broker.group_model import GroupState, JoinRequest, JoinResult, SyncResult
from infra.broker.groups import Coordinator

SESSION_S = 10.0
REBALANCE_S = 30.0


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """A coordinator with a settable clock and numbered ids; answers are kept in the order they came."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.generations: list[int] = []
        numbers = count(1)
        self.groups = Coordinator(
            self.clock, lambda: str(next(numbers)), lambda _, number, __: self.generations.append(number)
        )

    def join(self, member_id: str = "", *, connection: str = "c", instance: str | None = None,
             protocols: dict[str, bytes] | None = None, known_id: bool = False) -> list[JoinResult]:  # fmt: skip
        answers: list[JoinResult] = []
        request = JoinRequest(
            "g", member_id, instance, "app", "127.0.0.1", SESSION_S, REBALANCE_S, "consumer",
            protocols or {"range": b"meta"}, known_id, connection,
        )  # fmt: skip
        self.groups.join(request, answers.append)
        return answers

    def sync(
        self, joined: JoinResult, assignments: dict[str, bytes] | None = None, connection: str = "c"
    ) -> list[SyncResult]:
        answers: list[SyncResult] = []
        self.groups.sync("g", joined.member_id, joined.generation, None, assignments or {}, connection, answers.append)
        return answers

    def heartbeat(self, joined: JoinResult, connection: str = "c") -> ErrorCode:
        return self.groups.heartbeat("g", joined.member_id, joined.generation, None, connection)

    def advance(self, seconds: float) -> None:
        self.clock.now += seconds
        self.groups.expire()

    def stable_pair(self) -> tuple[JoinResult, JoinResult]:
        (first,) = self.join(connection="a")
        waiting_second = self.join(connection="b")
        (first,) = self.join(first.member_id, connection="a")
        (second,) = waiting_second
        self.sync(second, connection="b")
        self.sync(first, {first.member_id: b"A", second.member_id: b"B"}, connection="a")
        return first, second


def test_single_member_leads_the_first_generation_when_it_joins_an_empty_group() -> None:
    bench = Bench()
    (joined,) = bench.join()
    assert (joined.error, joined.generation, joined.leader) == (ErrorCode.none, 1, joined.member_id)
    assert [member[0] for member in joined.members] == [joined.member_id]
    (synced,) = bench.sync(joined, {joined.member_id: b"all"})
    assert synced.assignment == b"all"
    assert bench.heartbeat(joined) is ErrorCode.none
    assert bench.generations == [1]


def test_hands_out_an_id_first_when_the_client_must_know_it() -> None:
    bench = Bench()
    (refused,) = bench.join(known_id=True)
    assert refused.error is ErrorCode.member_id_required
    (joined,) = bench.join(refused.member_id, known_id=True)
    assert (joined.error, joined.member_id) == (ErrorCode.none, refused.member_id)


def test_second_member_waits_until_the_first_rejoins_when_it_joins() -> None:
    bench = Bench()
    (first,) = bench.join(connection="a")
    bench.sync(first, {first.member_id: b"all"}, connection="a")
    waiting = bench.join(connection="b")
    assert waiting == []
    assert bench.heartbeat(first, "a") is ErrorCode.rebalance_in_progress
    (again,) = bench.join(first.member_id, connection="a")
    (second,) = waiting
    assert again.generation == second.generation == 2
    assert len(again.members) == 2
    assert second.members == ()


def test_followers_get_their_assignment_when_the_leader_syncs() -> None:
    bench = Bench()
    _, second = bench.stable_pair()
    assert bench.groups.groups["g"].state is GroupState.STABLE
    (synced,) = bench.sync(second, connection="b")
    assert synced.assignment == b"B"


def test_others_rebalance_at_once_when_a_connection_closes() -> None:
    bench = Bench()
    first, second = bench.stable_pair()
    bench.groups.drop_connection("a")
    assert bench.heartbeat(second, "b") is ErrorCode.rebalance_in_progress
    (again,) = bench.join(second.member_id, connection="b")
    assert (again.generation, again.leader) == (3, second.member_id)
    assert bench.heartbeat(first, "a") is ErrorCode.unknown_member_id


def test_member_is_removed_when_its_session_runs_out_and_not_before() -> None:
    bench = Bench()
    first, second = bench.stable_pair()
    bench.advance(SESSION_S - 1)
    assert bench.heartbeat(second, "b") is ErrorCode.none
    assert bench.groups.next_deadline() == SESSION_S
    bench.advance(1.5)
    assert bench.heartbeat(first, "a") is ErrorCode.unknown_member_id
    assert bench.heartbeat(second, "b") is ErrorCode.rebalance_in_progress


def test_rebalance_goes_on_without_a_member_when_it_does_not_return_in_time() -> None:
    bench = Bench()
    first, second = bench.stable_pair()
    waiting = bench.join(second.member_id, connection="b", protocols={"range": b"changed"})
    for _ in range(int(REBALANCE_S / 5)):
        assert waiting == []
        bench.heartbeat(first, "a")
        bench.advance(5)
    (joined,) = waiting
    assert (joined.generation, joined.leader) == (3, second.member_id)
    assert bench.heartbeat(first, "a") is ErrorCode.unknown_member_id


def test_waiting_sync_is_told_to_rejoin_when_a_member_leaves() -> None:
    bench = Bench()
    (first,) = bench.join(connection="a")
    waiting_second = bench.join(connection="b")
    bench.join(first.member_id, connection="a")
    (second,) = waiting_second
    waiting = bench.sync(second, connection="b")
    assert waiting == []
    assert bench.groups.leave("g", first.member_id, None) is ErrorCode.none
    assert [answer.error for answer in waiting] == [ErrorCode.rebalance_in_progress]


def test_restarted_static_member_takes_its_place_when_nothing_else_changed() -> None:
    bench = Bench()
    (leader,) = bench.join(connection="a")
    waiting = bench.join(connection="b", instance="bench-2")
    (leader,) = bench.join(leader.member_id, connection="a")
    (static,) = waiting
    bench.sync(leader, {leader.member_id: b"A", static.member_id: b"B"}, connection="a")
    bench.groups.drop_connection("b")
    assert bench.heartbeat(leader, "a") is ErrorCode.none
    (back,) = bench.join(connection="b2", instance="bench-2")
    assert (back.generation, back.member_id != static.member_id) == (static.generation, True)
    assert bench.sync(back, connection="b2")[0].assignment == b"B"
    assert bench.groups.heartbeat("g", static.member_id, 2, "bench-2", "b") is ErrorCode.fenced_instance_id


def test_refuses_a_join_when_protocols_or_timeouts_do_not_fit() -> None:
    bench = Bench()
    bench.join(connection="a")
    assert bench.join(protocols={"sticky": b""})[0].error is ErrorCode.inconsistent_group_protocol
    assert bench.join("nobody")[0].error is ErrorCode.unknown_member_id
    tight = Coordinator(bench.clock, lambda: "x", lambda *_: None, session_timeout_range_s=(60, 90))
    answers: list[JoinResult] = []
    request = JoinRequest("g", "", None, "", "", SESSION_S, 1, "consumer", {"range": b""}, False, "c")
    tight.join(request, answers.append)
    assert answers[0].error is ErrorCode.invalid_session_timeout


def test_generation_goes_on_from_the_stored_number_when_a_group_comes_back() -> None:
    bench = Bench()
    bench.groups.restore("g", 41, "consumer")
    stale = JoinResult(ErrorCode.none, "app-old", 41)
    assert bench.heartbeat(stale) is ErrorCode.unknown_member_id
    assert bench.groups.check_commit("g", "app-old", 41, None) is ErrorCode.unknown_member_id
    assert bench.groups.check_commit("g", "", -1, None) is ErrorCode.none
    (joined,) = bench.join()
    assert joined.generation == 42
    assert bench.groups.check_commit("g", joined.member_id, 41, None) is ErrorCode.illegal_generation
    assert bench.groups.check_commit("g", "", -1, None) is ErrorCode.unknown_member_id


class AnyGroupHistory(RuleBasedStateMachine):
    """Clients that follow the protocol, lose connections and fall silent, in any order."""

    @initialize()
    def begin(self) -> None:
        self.bench = Bench()
        self.joins: dict[str, list[JoinResult]] = {}
        self.syncs: dict[str, list[SyncResult]] = {}
        self.restarts: list[tuple[list[JoinResult], list[SyncResult] | None]] = []

    @rule(connection=st.sampled_from("abc"))
    def join(self, connection: str) -> None:
        known = self.joins.get(connection)
        if known == []:
            return
        member_id = known[0].member_id if known and known[0].error is ErrorCode.none else ""
        self.joins[connection] = self.bench.join(member_id, connection=connection)

    @rule(connection=st.sampled_from("abc"))
    def sync(self, connection: str) -> None:
        for joined in self.joins.get(connection, []):
            if joined.error is ErrorCode.none and self.syncs.get(connection) != []:
                shares = {member_id: member_id.encode() for member_id, _, _ in joined.members}
                self.syncs[connection] = self.bench.sync(joined, shares, connection)

    @rule(changed=st.booleans())
    def restart_static(self, changed: bool) -> None:
        """The member named `desk` comes up again, perhaps with other metadata, and syncs where it may."""
        before = self.bench.groups.groups.get("g")
        known = before is not None and before.static_member("desk") is not None
        generation = before.generation if before is not None else 0
        stable = before is not None and before.state is GroupState.STABLE
        metadata = {"range": b"changed" if changed else b"meta"}
        unchanged = known and before is not None and before.static_member("desk").request.protocols == metadata
        answers = self.bench.join("", connection="d", instance="desk", protocols=metadata)
        synced = None
        if answers and answers[0].error is ErrorCode.none:
            shares = {member_id: b"share" for member_id, _, _ in answers[0].members}
            synced = self.bench.sync(answers[0], shares, "d")
            if stable and unchanged:
                assert answers[0].generation == generation
                assert synced
        self.restarts.append((answers, synced))

    @rule(connection=st.sampled_from("abc"))
    def disconnect(self, connection: str) -> None:
        self.bench.groups.drop_connection(connection)
        self.joins.pop(connection, None)
        self.syncs.pop(connection, None)

    @rule(seconds=st.sampled_from([0.5, 5.0, 11.0, 31.0]))
    def pass_time(self, seconds: float) -> None:
        self.bench.advance(seconds)

    @rule(connection=st.sampled_from("abc"))
    def leave(self, connection: str) -> None:
        for joined in self.joins.pop(connection, []):
            self.bench.groups.leave("g", joined.member_id, None)

    @invariant()
    def generations_rise_and_every_member_is_served(self) -> None:
        if not hasattr(self, "bench"):
            return
        assert self.bench.generations == sorted(set(self.bench.generations))
        group = self.bench.groups.groups.get("g")
        if group is None:
            return
        deadline = self.bench.groups.next_deadline()
        if group.members:
            assert deadline is not None, "a member that nothing would ever expire"
            assert group.state is not GroupState.EMPTY
        if group.state in {GroupState.COMPLETING, GroupState.STABLE}:
            assert group.leader in group.members
            assert all(member.join_reply is None for member in group.members.values())
        if group.state is GroupState.STABLE:
            assert all(member.sync_reply is None for member in group.members.values())

    def teardown(self) -> None:
        """Whoever waits is answered once everyone else is silent for long enough."""
        if not hasattr(self, "bench"):
            return
        for _ in range(4):
            self.bench.advance(REBALANCE_S + 1)
        for answers, synced in self.restarts:
            assert len(answers) == 1
            assert synced is None or len(synced) == 1
        for answers in self.joins.values():
            assert len(answers) == 1
        for replies in self.syncs.values():
            assert len(replies) == 1


TestAnyGroupHistory = AnyGroupHistory.TestCase
TestAnyGroupHistory.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
