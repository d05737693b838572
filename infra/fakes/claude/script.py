"""What the fake service answers: turns, failures, and how fast it speaks."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_FAMILY = re.compile(r"^([a-z][a-z0-9_]*): .* \(([01]\.\d+)\)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A look-up that the model asks for."""

    name: str
    input: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the service is: seconds to the first event, then tokens a second. None of it by default."""

    first_event_s: float = 0.0
    tokens_per_s: float = float("inf")


@dataclass(frozen=True, slots=True)
class Answer:
    """A turn that streams ``text``, after asking for ``tools`` when there are any (then it stops for them).

    ``break_after`` sends an error event after that many pieces of text, ``cut_after`` closes the connection,
    ``end_after`` ends the stream as if it were whole. ``cached`` and ``stored`` are tokens read from and written to the
    cache, hourly.
    """

    text: str = ""
    stop_reason: str = "end_turn"
    stop_details: dict[str, Any] | None = None
    tools: tuple[ToolCall, ...] = ()
    break_after: int | None = None
    cut_after: int | None = None
    end_after: int | None = None
    thinking: str = "Hm."
    input_tokens: int = 1_000
    output_tokens: int = 400
    cached: int = 0
    stored: int = 0
    pace: Pace = Pace()


@dataclass(frozen=True, slots=True)
class Failure:
    """A response with an error status. ``retry_after_ms`` keeps the client's back-off at a millisecond."""

    status: int
    kind: str
    message: str = "scripted"
    retry_after_ms: int | None = 1


def suggestion(**changes: Any) -> str:
    """Return a valid answer as JSON text, with ``changes`` to its fields."""
    answer = {
        "summary": "The battery is worn out.",
        "faults": [
            {"family": "battery", "probability": 0.8, "evidence": ["lasts an hour"]},
            {"family": "power", "probability": 0.1, "evidence": []},
        ],
        "measurement": {
            "what": "Cell voltage under load",
            "where": "battery terminals",
            "expected": "3.6 V",
            "why": "tells cell from charger",
            "minutes": 5,
        },
        "hazards": ["Do not puncture the cells."],
    }
    return json.dumps(answer | changes)


def opinion_on(body: Mapping[str, Any]) -> Answer:
    """Return an answer made of the request itself: the engine's two likeliest families, a little surer of the first.

    It looks a net up first when the request has tools and no look-up was made yet. This is no judgement, only something
    of the right shape and size: about 180 tokens.
    """
    asked = body["messages"][0]["content"]
    text = asked if isinstance(asked, str) else asked[-1]["text"]
    ranked = sorted(((float(share), family) for family, share in _FAMILY.findall(text)), reverse=True)
    tools = [tool["name"] for tool in body.get("tools", ())]
    if "known_faults" in tools and len(body["messages"]) == 1 and ranked:
        call = ToolCall("known_faults", {"family": ranked[0][1]})
        return Answer(tools=(call,), stop_reason="tool_use", output_tokens=60)
    faults = [
        {
            "family": family,
            "probability": round(min(0.9, share * 1.1), 3),
            "evidence": [
                f"The complaint fits {family.replace('_', ' ')} better than its neighbours.",
                "The engine finds the same from the customer's words, and nothing seen on the board speaks against it.",
            ],
        }
        for share, family in ranked[:2]
    ]
    return Answer(
        suggestion(summary=f"Most likely {faults[0]['family']}, to be confirmed by measuring.", faults=faults)
    )
