"""One thing after another that can happen to a repair, chosen by a `Random`."""

from collections.abc import Mapping
from random import Random
from typing import Any
from uuid import uuid5

from processors.orchestrator.model import (
    Definition,
    Event,
    Message,
    MessageSpec,
    Resolve,
    State,
    TaskCompleted,
    TaskOutput,
    TimerFired,
)
from schemas.core.envelope import NAMESPACE
from tests.processors.orchestrator.flow_builder import Instance
from tests.processors.orchestrator.shop import DATA, DIAGNOSED, answer_data, template_of

GOOD: Mapping[str, Any] = {"diagnosis": DATA[DIAGNOSED.TYPE]}
"""What a careful person writes into an output without fixed values."""


def advance(instance: Instance, random: Random, *, happy: bool = False, towards: str = "") -> Event:
    """Do one thing that can happen at this point; returns it. `happy`: nothing is refused, late or wrong."""
    event = choose(instance.definition, instance.state, random, happy=happy, towards=towards, count=instance.count)
    instance.count += 1
    if isinstance(event, TimerFired) and event.timer_id in instance.state.timers:
        instance.now = max(instance.now, instance.state.timers[event.timer_id].due)
    instance.take(event)
    return event


def choose(
    definition: Definition, state: State, random: Random, *, happy: bool = False, towards: str = "", count: int = 0
) -> Event:
    token_id, token = random.choice(sorted(state.tokens.items()))
    node = definition.nodes[token.node]
    if token.incident is not None:
        return Resolve(token_id, random.choice(["retry", "skip"]), GOOD)
    if state.timers and not happy and random.random() < 0.3:
        return TimerFired(random.choice(sorted(state.timers)))
    if node.task is not None:
        outputs = {o.name: _output(o, random, happy=happy) for o in node.task.outputs if o.required}
        return TaskCompleted(token_id, "sam", outputs)
    specs: list[MessageSpec] = [*node.messages]
    if node.command is not None:
        specs += [*node.command.replies, *(() if happy else node.command.refusals)]
    if node.id == "wait_customer" and happy:
        accepted, declined = node.messages
        specs = [declined if towards in ("release_parts", "tell_declined") else accepted]
    spec = specs[0] if happy else random.choice(specs)
    event_id = str(uuid5(NAMESPACE, f"random-{count}"))
    return Message(event_id, spec.type, answer_data(spec.type, template_of(node)), random.choice([token_id, None]))


def _output(output: TaskOutput, random: Random, *, happy: bool) -> Any:
    """An allowed value; without a list of them, sometimes an empty one that the next step cannot use."""
    if output.values:
        return random.choice(output.values)
    return GOOD[output.name] if happy or random.random() < 0.7 else {}
