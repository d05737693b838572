"""The token engine: `step(definition, state, event, now) -> (state, outputs)`, pure and deterministic.

Rules a reader of a flow can rely on:

* All variables belong to the instance; there are no scopes to merge at a join, so no update is lost there.
* A service task parks its token under a fresh id, which is the key of its command. Entering it again sends a new
  command under a new key; an answer to the old one is ignored. An answer without `in_reply_to` goes to the oldest
  token that waits for its type.
* A message for a catch event or receive task may come early: the newest of each type is kept until the flow gets
  there. Where a flow can come there twice, `when` says which message is meant. Replies and boundary messages are
  never kept: the first cannot be early, the second count only while their activity runs.
* What was caught by a message event is stored with its type under `_type`.
* Assignments run when a node's work is done and before its ways out are looked at.
* Anything that cannot go on parks its token as an incident, and an incident can always be resolved.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from processors.orchestrator.expressions import ExpressionError
from processors.orchestrator.model import (
    OVER,
    Cancel,
    ClaimTask,
    CloseIncident,
    Definition,
    Ended,
    Event,
    Ignored,
    Kept,
    Left,
    Message,
    MessageSpec,
    Node,
    Output,
    RefuseTask,
    Resolve,
    ScheduleTimer,
    Start,
    State,
    TaskClaimed,
    TaskCompleted,
    Timer,
    TimerFired,
    Token,
)
from processors.orchestrator.tokens import Walk

SEEN_MESSAGES = 16
MAX_KEPT_TYPES = 32


def step(definition: Definition, state: State, event: Event, now: datetime) -> tuple[State, tuple[Output, ...]]:
    """The next state and, in order, what has to be done about it.

    `now` is aware. Neither argument is changed; the same arguments give the same result, byte for byte. ValueError
    for a state of another definition: which version an instance runs on is for the caller to decide.
    """
    if state.definition != definition.hash:
        raise ValueError(f"instance {state.business_key!r} runs on definition {state.definition}, not this one")
    if now.tzinfo is None:
        raise ValueError("now must carry a time zone")
    if state.status in OVER:
        return state, (Ignored(f"the instance is {state.status}"),)
    run = _Run(definition, state, now.astimezone(UTC))
    run.handle(event)
    run.drain()
    return run.state(), tuple(run.outputs)


def _short(event_id: str) -> str:
    return blake2b(event_id.encode(), digest_size=6).hexdigest()


class _Run(Walk):
    """Takes one event."""

    def handle(self, event: Event) -> None:
        """Dispatch one event."""
        match event:
            case Cancel():
                self.end_all("cancelled")
                self.outputs.append(Ended(None, event.reason, final=True))
            case Start():
                self.start(event)
            case Message() if self.status == "new":
                self.start(Start(event))
            case _ if self.status == "new":
                self.ignore("the instance has not started")
            case Message():
                self.message(event)
            case TimerFired():
                self.timer(event.timer_id)
            case TaskClaimed():
                self.claim(event)
            case TaskCompleted():
                self.complete(event)
            case Resolve():
                self.resolve(event)

    def start(self, event: Start) -> None:
        """Start the instance."""
        if self.status != "new":
            return self.ignore("the instance has already started")
        node, spec = self.find_start(event.message)
        if node is None:
            wanted = event.message.type if event.message else "a start without a message"
            return self.ignore(f"the flow is not started by {wanted}")
        self.status = "running"
        self.variables.update(event.variables)
        if event.message is not None and spec is not None:
            self.remember(event.message)
            if spec.into:
                self.variables[spec.into] = dict(event.message.data)
        return self.queue.append((node.id, None))

    def find_start(self, message: Message | None) -> tuple[Node | None, MessageSpec | None]:
        """The start event for this message, or for none."""
        for node in map(self.nodes.__getitem__, self.definition.starts):
            if message is None and not node.messages:
                return node, None
            for spec in node.messages:
                if message is not None and spec.type == message.type:
                    return node, spec
        return None, None

    def remember(self, message: Message) -> None:
        """Note the message against redelivery."""
        self.seen = (*self.seen, _short(message.event_id))[-SEEN_MESSAGES:]

    def message(self, message: Message) -> None:
        """Give the message to the first waiting token that takes it."""
        if _short(message.event_id) in self.seen:
            return self.ignore(f"message {message.event_id} was here before")
        if message.type not in self.definition.awaited:
            return self.ignore(f"nothing in this flow waits for {message.type}")
        self.remember(message)
        wanted = False
        for token_id, token in self.tokens.items():
            if token.incident is not None:
                continue
            for node, spec, refusal in self.subscriptions(token_id, token, message):
                wanted = True
                try:
                    if spec.when and not spec.when.evaluate({**self.variables, "event": message.data}):
                        continue
                except ExpressionError as error:
                    self.drop_token(token_id, "interrupted")
                    return self.park_incident(self.nodes[token.node], "expression", str(error))
                return self.deliver(token_id, node, spec, message, refusal=refusal)
        if message.type in self.definition.kept and not wanted:
            return self.keep(message)
        return self.ignore(f"no token waits for this {message.type} now")

    def subscriptions(self, token_id: str, token: Token, message: Message) -> Iterable[tuple[Node, MessageSpec, bool]]:
        """What a waiting token would take of this type: (node that takes it, its entry, is it a refusal)."""
        node = self.nodes[token.node]
        if node.command is not None and message.in_reply_to in (None, token_id):
            yield from ((node, spec, False) for spec in node.command.replies if spec.type == message.type)
            yield from ((node, spec, True) for spec in node.command.refusals if spec.type == message.type)
        for taker in (node, *(self.nodes[boundary] for boundary in node.boundaries)):
            yield from ((taker, spec, False) for spec in taker.messages if spec.type == message.type)

    def keep(self, message: Message) -> None:
        """Hold an early message; a newer one of its type replaces it."""
        if message.type not in self.kept and len(self.kept) >= MAX_KEPT_TYPES:
            return self.ignore(f"too many early messages to keep {message.type}")
        self.kept[message.type] = dict(message.data)
        return self.outputs.append(Kept(message.event_id, message.type))

    def deliver(self, token_id: str, node: Node, spec: MessageSpec, message: Message, *, refusal: bool) -> None:
        """Store the message's data and move the token on."""
        if spec.into:
            stored = dict(message.data)
            self.variables[spec.into] = {**stored, "_type": message.type} if node.messages else stored
        host = self.nodes[self.tokens[token_id].node]
        if node is not host:
            self.leave_by_boundary(token_id, node)
        elif refusal:
            self.refuse(token_id, host, spec, message)
        else:
            self.drop_token(token_id, "completed")
            self.leave(host)

    def refuse(self, token_id: str, node: Node, spec: MessageSpec, message: Message) -> None:
        """Go to the error boundary event for the refusal, or park."""
        catchers = [self.nodes[b] for b in node.boundaries if self.nodes[b].kind == "error_boundary"]
        exact = [boundary for boundary in catchers if boundary.error_code == spec.code]
        catch_all = [boundary for boundary in catchers if boundary.error_code is None]
        if exact or catch_all:
            return self.leave_by_boundary(token_id, (exact or catch_all)[0])
        self.drop_token(token_id, "interrupted")
        detail = message.data.get("reason", message.data.get("detail", ""))
        return self.park_incident(node, f"refused: {spec.code or spec.type}", str(detail)[:500])

    def timer(self, timer_id: str) -> None:
        """Fire a timer, once."""
        timer = self.timers.get(timer_id)
        if timer is None:
            return self.ignore(f"timer {timer_id} is not running")
        if self.now < timer.due:
            self.outputs.append(ScheduleTimer(timer_id, timer.due, timer.node))
            return self.ignore(f"timer {timer_id} is not due before {timer.due.isoformat()}")
        boundary, token = self.nodes[timer.node], self.tokens[timer.token]
        del self.timers[timer_id]
        running = tuple(other for other in token.timers if other != timer_id)
        self.tokens[timer.token] = token.model_copy(update={"timers": running})
        if not boundary.interrupting:
            self.repeat(timer, boundary)
        return self.leave_by_boundary(timer.token, boundary)

    def repeat(self, timer: Timer, boundary: Node) -> None:
        """Schedule the next firing; those missed while nobody fired timers count, but do not come in a burst."""
        assert boundary.schedule is not None
        due, left = timer.due, timer.left
        while left is None or left > 1:
            due, left = boundary.schedule.interval.after(due), None if left is None else left - 1
            if due > self.now:
                return self.schedule(timer.token, boundary, due, left)
        return None

    def task(self, task_id: str) -> Token | None:
        """The token of an open task."""
        token = self.tokens.get(task_id)
        is_open = token is not None and token.incident is None and self.nodes[token.node].kind == "user"
        return token if is_open else None

    def claim(self, event: TaskClaimed) -> None:
        """Note who holds the task."""
        token = self.task(event.task_id)
        if token is None:
            return self.ignore(f"task {event.task_id} is not open")
        if event.by is not None and token.claimed_by not in (None, event.by):
            return self.outputs.append(RefuseTask(event.task_id, f"claimed by {token.claimed_by}"))
        self.tokens[event.task_id] = token.model_copy(update={"claimed_by": event.by})
        return self.outputs.append(ClaimTask(event.task_id, event.by))

    def complete(self, event: TaskCompleted) -> None:
        """Take a person's result, or refuse it."""
        token = self.task(event.task_id)
        if token is None:
            return self.ignore(f"task {event.task_id} is not open")
        node = self.nodes[token.node]
        refusal = _check_outputs(node, event.outputs)
        if refusal:
            return self.outputs.append(RefuseTask(event.task_id, refusal))
        self.variables.update(event.outputs)
        self.drop_token(event.task_id, "completed")
        return self.leave(node)

    def resolve(self, event: Resolve) -> None:
        """Do what somebody decided about an incident."""
        token = self.tokens.get(event.incident_id)
        if token is None or token.incident is None:
            return self.ignore(f"incident {event.incident_id} is not open")
        node, target = self.nodes[token.node], self.nodes.get(event.to or "")
        if event.action == "move" and (target is None or target.attached_to is not None):
            return self.ignore(f"the token cannot be moved to {event.to!r}")
        if event.action == "skip" and node.kind == "exclusive" and node.default is None:
            return self.ignore(f"{node.id} has no default flow to skip to: retry with variables, or move")
        self.variables.update(event.variables)
        if event.action == "cancel":
            self.end_all("cancelled")
            return self.outputs.append(Ended(None, "cancelled at an incident", final=True))
        del self.tokens[event.incident_id]
        self.outputs.append(CloseIncident(event.incident_id, event.action))
        if event.action == "move" and target is not None:
            return self.queue.append((target.id, None))
        if event.action == "skip":
            return self.skip(node)
        return self.leave(node) if token.incident.leaving else self.queue.append((node.id, token.via))

    def skip(self, node: Node) -> None:
        if node.kind == "end":
            return self.reach_end(node)
        taken = [flow for flow in node.outgoing if node.kind != "exclusive" or flow.id == node.default]
        self.outputs.append(Left(node.id, node.name))
        return self.queue.extend((flow.target, flow.id) for flow in taken)


def _check_outputs(node: Node, outputs: Mapping[str, Any]) -> str | None:
    """Why these outputs cannot complete the task, or None."""
    assert node.task is not None
    allowed = {output.name: output for output in node.task.outputs}
    unknown = sorted(set(outputs) - set(allowed))
    if unknown:
        return f"the task does not set {', '.join(unknown)}"
    for output in allowed.values():
        if output.required and output.name not in outputs:
            return f"{output.name} is missing"
        if output.values and output.name in outputs and outputs[output.name] not in output.values:
            return f"{output.name} must be one of {', '.join(output.values)}"
    return None
