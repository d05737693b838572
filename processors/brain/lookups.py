"""What a language model may look up while it thinks: the board's design file, and our own catalogue. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from connectors.boards.port import BoardFacts
from connectors.llm.port import Tool
from processors.brain.families import FAMILIES
from processors.brain.measurements import TESTS

_MOST_PINS = 60


def lookups(facts: BoardFacts | None, category: str) -> tuple[Tool, ...]:
    """Return the tools. Those of the board are there only with its design file: without it they could only say no."""
    known = _tool(
        "known_faults", "How this shop finds and repairs a fault family.", _known(category), {"family": "its code"}
    )
    if facts is None:
        return (known,)
    return (
        _tool(
            "lookup_part",
            "A part's value, package, side and the net on each pin.",
            _part(facts),
            {"name": "a reference, such as U3100"},
        ),
        _tool("lookup_net", "The parts and pins on a net.", _net(facts), {"name": "a net's name"}),
        _tool(
            "trace",
            "The way between two nets or parts, through parts in series.",
            _trace(facts),
            {"start": "a net or part", "end": "a net or part"},
        ),
        known,
    )


def _tool(name: str, description: str, call: Callable[..., str], inputs: Mapping[str, str]) -> Tool:
    """Return a tool whose inputs are all text, checked before ``call`` has them."""

    def checked(given: Mapping[str, Any]) -> str:
        values = {key: given.get(key) for key in inputs}
        wrong = [key for key, value in values.items() if not isinstance(value, str) or not value.strip()]
        if wrong:
            raise ValueError(f"{name} needs {', '.join(inputs)} as text; {', '.join(wrong)} is missing")
        return call(**{key: str(value).strip()[:80] for key, value in values.items()})

    properties = {key: {"type": "string", "description": words} for key, words in inputs.items()}
    schema = {"type": "object", "properties": properties, "required": list(inputs), "additionalProperties": False}
    return Tool(name, description, schema, checked)


def _part(facts: BoardFacts) -> Callable[..., str]:
    def lookup_part(name: str) -> str:
        part = facts.part(name)
        if part is None:
            raise ValueError(f"{facts.design} has no part {name}; ask for a reference that it names")
        about = ", ".join(word for word in (part.value, part.package, part.side and f"{part.side} side") if word)
        pins = _listed(f"{pin}={net}" for pin, net in part.pins.items())
        return f"{part.reference} ({about or 'no further facts'}): {pins}"

    return lookup_part


def _net(facts: BoardFacts) -> Callable[..., str]:
    def lookup_net(name: str) -> str:
        net = facts.net(name)
        if net is None:
            raise ValueError(f"{facts.design} has no net {name}; ask for a name that it gives")
        return f"{net.name}, {len(net.pins)} pins: {_listed(f'{part}.{pin}' for part, pin in net.pins)}"

    return lookup_net


def _trace(facts: BoardFacts) -> Callable[..., str]:
    def trace(start: str, end: str) -> str:
        way = facts.trace(start, end)
        if way is None:
            raise ValueError(f"no way through parts in series from {start} to {end}; ask for each of them alone")
        return " - ".join(way)

    return trace


def _known(category: str) -> Callable[..., str]:
    def known_faults(family: str) -> str:
        known = FAMILIES.get(family)
        if known is None:
            raise ValueError(f"there is no family {family}; there are {', '.join(FAMILIES)}")
        tests = [
            f"- {test.what}, at {test.where}: healthy is {test.expected} "
            f"(abnormal in {test.chance_abnormal(family):.0%})"
            for test in sorted(TESTS, key=lambda test: -test.chance_abnormal(family))
            if test.fits(category)
        ]
        steps = "\n".join(f"- {step}" for step in known.steps)
        return f"{known.title}\nMeasurements that show it best:\n" + "\n".join(tests[:3]) + f"\nRepair:\n{steps}"

    return known_faults


def _listed(items: Any) -> str:
    found = list(items)
    more = f", and {len(found) - _MOST_PINS} more" if len(found) > _MOST_PINS else ""
    return ", ".join(found[:_MOST_PINS]) + more
