"""How tokens move through a flow: the working copy of one step, without the events that start it."""

from collections import deque
from datetime import datetime
from typing import Any

from processors.orchestrator.expressions import ExpressionError
from processors.orchestrator.model import (
    OVER,
    Binding,
    CancelTimer,
    CloseIncident,
    CloseTask,
    Definition,
    Ended,
    Entered,
    Flow,
    Ignored,
    Incident,
    Left,
    Node,
    Output,
    RaiseIncident,
    RaiseTask,
    ScheduleTimer,
    SendCommand,
    State,
    Status,
    Timer,
    Token,
)

STEP_BUDGET = 20_000
"""Nodes that one event may enter: a flow that runs in circles stops here as an incident."""
MAX_TOKENS = 256
"""Tokens that one instance may have: a flow that forks in circles stops here as an incident."""


class Walk:
    """The working copy of one step: a state taken apart, the tokens still to move, the outputs so far."""

    def __init__(self, definition: Definition, state: State, now: datetime) -> None:
        self.definition, self.before, self.now = definition, state, now
        self.nodes = definition.nodes
        self.status: Status = state.status
        self.counter = state.counter
        self.tokens = dict(state.tokens)
        self.timers = dict(state.timers)
        self.joins = {node: dict(arrived) for node, arrived in state.joins.items()}
        self.variables = dict(state.variables)
        self.kept = dict(state.kept)
        self.seen = state.seen
        self.outputs: list[Output] = []
        self.queue: deque[tuple[str, str | None]] = deque()

    def state(self) -> State:
        """The state after this step."""
        return State(
            definition=self.before.definition,
            business_key=self.before.business_key,
            status=self.status,
            counter=self.counter,
            tokens=self.tokens,
            timers=self.timers,
            joins=self.joins,
            variables=self.variables,
            kept=self.kept,
            seen=self.seen,
        )

    def fresh(self, prefix: str) -> str:
        """A new id; the counter is part of the state, so a replay makes the same ids."""
        self.counter += 1
        return f"{prefix}{self.counter}"

    def ignore(self, reason: str) -> None:
        """Say that the event changed nothing."""
        self.outputs.append(Ignored(reason))

    def drain(self) -> None:
        """Move tokens until every one of them waits for something."""
        budget = STEP_BUDGET
        while self.status == "running":
            while self.queue:
                node_id, via = self.queue.popleft()
                if budget == 0:
                    detail = f"the flow entered more than {STEP_BUDGET} nodes without waiting"
                    self.park_incident(self.nodes[node_id], "runaway", detail, via=via)
                    continue
                budget -= 1
                self.enter(self.nodes[node_id], via)
                if self.status != "running":
                    return
            if not self.find_stuck_join():
                return

    def enter(self, node: Node, via: str | None) -> None:
        """A token comes to a node by flow `via` (None: put there, not by a flow, and not counted at a join)."""
        if node.kind == "parallel" and via is not None and len(node.incoming) > 1 and not self.join(node, via):
            return
        self.outputs.append(Entered(node.id, node.name))
        match node.kind:
            case "start":
                self.enter_start(node)
            case "service":
                self.enter_service(node)
            case "user":
                self.enter_user(node)
            case "receive" | "catch":
                self.enter_catch(node)
            case "end":
                self.enter_end(node)
            case _:
                self.leave(node)

    def join(self, node: Node, via: str) -> bool:
        """Count an arrival; True once every incoming flow has brought a token, which are then used up."""
        arrived = self.joins.setdefault(node.id, {})
        arrived[via] = arrived.get(via, 0) + 1
        if len(arrived) < len(node.incoming):
            return False
        left = {flow: count - 1 for flow, count in arrived.items() if count > 1}
        if left:
            self.joins[node.id] = left
        else:
            del self.joins[node.id]
        return True

    def find_stuck_join(self) -> bool:
        """Turn one join that cannot complete any more into an incident; True if there was one."""
        reaches = self.definition.reaches
        live = {token.node for token in self.tokens.values()}
        stuck = [join for join in self.joins if not any(join in reaches[node] for node in live)]
        if not stuck:
            return False
        # A join behind another stuck one may still be fed once that one is resolved; in a circle any will do.
        first = [join for join in stuck if not any(join in reaches[other] for other in stuck if other != join)]
        node = self.nodes[(first or stuck)[0]]
        missing = [flow for flow in node.incoming if flow not in self.joins[node.id]]
        del self.joins[node.id]
        self.park_incident(node, "stuck join", f"no token can come any more by {', '.join(missing)}")
        return True

    def inputs(self, bindings: tuple[Binding, ...]) -> dict[str, Any]:
        """The values of the bindings; ExpressionError when one has none."""
        return {binding.name: binding.value.evaluate(self.variables) for binding in bindings}

    def enter_start(self, node: Node) -> None:
        """Set the variables that the process declares."""
        try:
            for binding in self.definition.variables:
                scope = {**self.variables, "business_key": self.before.business_key}
                self.variables[binding.name] = binding.value.evaluate(scope)
        except ExpressionError as error:
            return self.park_incident(node, "expression", str(error))
        return self.leave(node)

    def enter_service(self, node: Node) -> None:
        """Send the command and wait, unless nobody answers it."""
        assert node.command is not None
        try:
            data = self.inputs(node.command.inputs)
        except ExpressionError as error:
            return self.park_incident(node, "expression", str(error))
        key = self.fresh("t")
        self.outputs.append(SendCommand(key, node.id, node.command.type, data))
        return self.park(key, node) if node.command.replies else self.leave(node)

    def enter_user(self, node: Node) -> None:
        """Ask a person."""
        assert node.task is not None
        try:
            data = self.inputs(node.task.inputs)
        except ExpressionError as error:
            return self.park_incident(node, "expression", str(error))
        task_id = self.fresh("t")
        self.outputs.append(RaiseTask(task_id, node.id, node.name, node.task.role, node.task.form, data))
        return self.park(task_id, node)

    def enter_catch(self, node: Node) -> None:
        """Take the message that came early, or wait."""
        for spec in node.messages:
            data = self.kept.get(spec.type)
            if data is None:
                continue
            try:
                if spec.when and not spec.when.evaluate({**self.variables, "event": data}):
                    continue
            except ExpressionError as error:
                return self.park_incident(node, "expression", str(error))
            del self.kept[spec.type]
            if spec.into:
                self.variables[spec.into] = {**data, "_type": spec.type}
            return self.leave(node)
        return self.park(self.fresh("t"), node)

    def enter_end(self, node: Node) -> None:
        """End this token; an error end is an incident."""
        if node.end == "error":
            return self.park_incident(node, f"error end: {node.error_code}", f"the flow ended in {node.name!r}")
        return self.reach_end(node)

    def reach_end(self, node: Node) -> None:
        """Use up a token at an end event, and with the last one the instance."""
        self.outputs.append(Left(node.id, node.name))
        if node.end == "terminate":
            self.end_all("terminated")
        elif not (self.tokens or self.queue or self.joins):
            self.end_all("completed")
        self.outputs.append(Ended(node.id, node.name, final=self.status in OVER))

    def park(self, token_id: str, node: Node) -> None:
        """Let a token wait at a node, with the timers on its boundary running."""
        self.tokens[token_id] = Token(node=node.id)
        for boundary in map(self.nodes.__getitem__, node.boundaries):
            if boundary.schedule is not None:
                due = boundary.schedule.interval.after(self.now)
                self.schedule(token_id, boundary, due, boundary.schedule.repeats)

    def schedule(self, token_id: str, boundary: Node, due: datetime, left: int | None) -> None:
        """Start a timer of a boundary event for a waiting token."""
        timer_id = self.fresh("timer")
        self.timers[timer_id] = Timer(node=boundary.id, token=token_id, due=due, left=left)
        token = self.tokens[token_id]
        # Only waiting tokens have timers, so `via` and `incident` are not set.
        self.tokens[token_id] = Token(node=token.node, timers=(*token.timers, timer_id), claimed_by=token.claimed_by)
        self.outputs.append(ScheduleTimer(timer_id, due, boundary.id))

    def park_incident(
        self, node: Node, reason: str, detail: str, *, leaving: bool = False, via: str | None = None
    ) -> None:
        """Let a token wait for somebody to say how to go on."""
        incident_id = self.fresh("incident")
        incident = Incident(reason=reason, detail=detail, leaving=leaving)
        self.tokens[incident_id] = Token(node=node.id, via=via, incident=incident)
        self.outputs.append(RaiseIncident(incident_id, node.id, reason, detail))

    def drop_token(self, token_id: str, reason: str) -> None:
        """Take away a waiting token and everything the world holds for it."""
        token = self.tokens.pop(token_id)
        for timer_id in token.timers:
            del self.timers[timer_id]
            self.outputs.append(CancelTimer(timer_id))
        if token.incident is not None:
            self.outputs.append(CloseIncident(token_id, reason))
        elif self.nodes[token.node].kind == "user":
            self.outputs.append(CloseTask(token_id, reason))

    def leave_by_boundary(self, token_id: str, boundary: Node) -> None:
        """Go on from a boundary event, with the activity's token or with one more."""
        if boundary.interrupting:
            host = self.nodes[self.tokens[token_id].node]
            self.drop_token(token_id, "interrupted")
            self.outputs.append(Left(host.id, host.name))
        elif len(self.tokens) >= MAX_TOKENS:
            return self.ignore(f"{boundary.id} would give the instance more than {MAX_TOKENS} tokens")
        return self.queue.append((boundary.id, None))

    def leave(self, node: Node) -> None:
        """Assign, choose the ways out and send tokens along them."""
        try:
            for binding in node.assigns:
                self.variables[binding.name] = binding.value.evaluate(self.variables)
            flows = self.choose(node) if node.kind == "exclusive" else node.outgoing
        except ExpressionError as error:
            return self.park_incident(node, "expression", str(error), leaving=True)
        if not flows:
            detail = "no condition holds and there is no default flow"
            return self.park_incident(node, "no way out", detail, leaving=True)
        if len(flows) > 1 and len(self.tokens) + len(self.queue) + len(flows) > MAX_TOKENS:
            detail = f"the instance would have more than {MAX_TOKENS} tokens"
            return self.park_incident(node, "too many tokens", detail, leaving=True)
        self.outputs.append(Left(node.id, node.name))
        return self.queue.extend((flow.target, flow.id) for flow in flows)

    def choose(self, node: Node) -> tuple[Flow, ...]:
        """The first flow whose condition holds, else the default flow, else nothing."""
        for flow in node.outgoing:
            always = flow.condition is None and len(node.outgoing) == 1
            if always or (flow.condition is not None and flow.condition.evaluate(self.variables)):
                return (flow,)
        return tuple(flow for flow in node.outgoing if flow.id == node.default)

    def end_all(self, status: Status) -> None:
        """End the instance with every token in it."""
        for token_id in list(self.tokens):
            self.drop_token(token_id, "ended")
        self.queue.clear()
        self.joins.clear()
        self.kept.clear()
        self.status = status
