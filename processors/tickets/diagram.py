"""The life cycle as a picture and as tables, for the documentation."""

from processors.tickets.lifecycle import CLOCKS, INITIAL_STATES, STATES, TRANSITIONS, WAYS, Transition


def diagram() -> str:
    """Return the life cycle as a Mermaid state diagram; alternatives between the same states share an arrow."""
    lines = ["stateDiagram-v2"]
    lines += [f"    {state.name} : {state.name}" for state in STATES.values()]
    lines += [f"    [*] --> {name}" for name in INITIAL_STATES]
    for (source, target), ways in WAYS.items():
        label = " or ".join(filter(None, (_guards(way, ", ") for way in ways)))
        lines.append(f"    {source} --> {target}" + (f" : {label}" if label else ""))
    lines += [f"    {state.name} --> [*]" for state in STATES.values() if state.terminal]
    return "\n".join(lines) + "\n"


def table() -> str:
    """Return states, transitions and guards as three Markdown tables."""
    states = ["| state | clocks (whose time) | meaning |", "|---|---|---|"]
    for state in STATES.values():
        clocks = ", ".join(f"{clock} ({CLOCKS[clock][0]})" for clock in state.clocks) or "-"
        states.append(f"| {state.name}{' (final)' if state.terminal else ''} | {clocks} | {state.says} |")
    ways = ["| from | to | guards |", "|---|---|---|"]
    ways += [f"| {way.source} | {way.target} | {_guards(way, ', ') or '-'} |" for way in TRANSITIONS]
    named = {guard.name: guard.needs for way in TRANSITIONS for guard in way.guards}
    needs = ["| guard | needs |", "|---|---|", *(f"| {name} | {text} |" for name, text in sorted(named.items()))]
    return "\n\n".join("\n".join(part) for part in (states, ways, needs)) + "\n"


def _guards(way: Transition, separator: str) -> str:
    return separator.join(guard.name for guard in way.guards)
