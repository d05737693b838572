"""Holds what a language model names against the board's design file: what is not there is dropped. Pure.

Names are looked for in their own fields and in the sentences, by the usual letters of references (IEEE 315 and what
boardviews use) and by the look of rail names.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from connectors.boards.port import BoardFacts
from connectors.llm.port import SuggestedFault, SuggestedMeasurement, Suggestion

_REFERENCE = re.compile(r"\b(?:R|C|L|U|Q|D|F|FB|J|P|CN|IC|T|TP|Y|X|K|SW|BT|LED|RN|FL|VR|ZD|PU|PQ|PR|PC|PL|PD)\d{1,5}\b")
_RAIL = re.compile(
    r"\b(?:PP[0-9A-Z]+V[0-9A-Z_]*|[A-Z0-9]+(?:_[A-Z0-9]+)*_(?:S0|S3|S4|S5|PWR|EN|PG|SCL|SDA|AON|SUS)|VBUS|VBAT)\b"
)
_NO_PART = frozenset({f"F{key}" for key in range(1, 13)} | {"P2", "P3", "C3", "D3"})
"""Function keys, power states and video levels look like references."""
UNCHECKED = "not checked: no design file of this board is stored"


@dataclass(frozen=True, slots=True)
class Checked:
    """What is left of a suggestion. ``trust`` (0 to 1) is the share of its names that the board has.

    ``unknown`` are the others, for the reader and for the record.
    """

    suggestion: Suggestion
    trust: float
    unknown: tuple[str, ...] = ()

    @property
    def remark(self) -> str:
        """Return what a reader is told, empty when there is nothing."""
        if not self.unknown:
            return ""
        named = ", ".join(self.unknown[:6])
        return f"The model named {named}, which this board does not have: left out, and the model counts for less"


def checked(suggestion: Suggestion, facts: BoardFacts | None) -> Checked:
    """Return the suggestion without what the design file does not know.

    Without a design file nothing can be checked: sentences stay, and those that name a part or a net say so.
    """
    if facts is None:
        return Checked(_marked(suggestion), trust=1.0)
    named = _named(suggestion)
    unknown = tuple(sorted(name for name in named if not _is_there(name, facts)))
    kept = suggestion.model_copy(
        update={
            "summary": _without(suggestion.summary, unknown)
            or f"Suspects {suggestion.faults[0].family.replace('_', ' ')}.",
            "faults": tuple(_fault(fault, unknown) for fault in suggestion.faults),
            "measurement": _measurement(suggestion.measurement, unknown),
            "hazards": tuple(hazard for hazard in suggestion.hazards if not _mentions(hazard, unknown)),
        }
    )
    return Checked(kept, 1.0 - len(unknown) / len(named) if named else 1.0, unknown)


def names_in(text: str) -> set[str]:
    """Return what looks like a reference or a rail in a sentence."""
    return {*_REFERENCE.findall(text), *_RAIL.findall(text)} - _NO_PART


def _named(suggestion: Suggestion) -> set[str]:
    own = {name for fault in suggestion.faults for name in (*fault.components, *fault.nets)}
    return own.union(*(names_in(text) for text in _sentences(suggestion)))


def _sentences(suggestion: Suggestion) -> Iterable[str]:
    yield suggestion.summary
    yield from suggestion.hazards
    for fault in suggestion.faults:
        yield from fault.evidence
    wanted = suggestion.measurement
    if wanted is not None:
        yield from (wanted.what, wanted.where, wanted.expected, wanted.why)


def _is_there(name: str, facts: BoardFacts) -> bool:
    return facts.part(name) is not None or facts.net(name) is not None


def _mentions(text: str, unknown: Iterable[str]) -> bool:
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for name in unknown)


def _without(text: str, unknown: Iterable[str]) -> str:
    """Return a text without the sentences that name something unknown."""
    sentences = re.split(r"(?<=[.!?])\s+", text)
    return " ".join(sentence for sentence in sentences if not _mentions(sentence, unknown))


def _fault(fault: SuggestedFault, unknown: tuple[str, ...]) -> SuggestedFault:
    places = [name for name in (*fault.components, *fault.nets) if name not in unknown]
    evidence = [text for text in fault.evidence if not _mentions(text, unknown)]
    if places:
        evidence.insert(0, f"Suspects {', '.join(places)} (in the design file)")
    return fault.model_copy(update={"evidence": tuple(evidence)})


def _measurement(wanted: SuggestedMeasurement | None, unknown: tuple[str, ...]) -> SuggestedMeasurement | None:
    """A measurement at a place that is not there is worse than none."""
    if wanted is None or any(_mentions(text, unknown) for text in (wanted.what, wanted.where, wanted.expected)):
        return None
    return wanted.model_copy(update={"why": _without(wanted.why, unknown) or "Tells the likeliest faults apart."})


def _marked(suggestion: Suggestion) -> Suggestion:
    def marked(text: str) -> str:
        return f"{text} ({UNCHECKED})" if names_in(text) else text

    faults = []
    for fault in suggestion.faults:
        places = ", ".join((*fault.components, *fault.nets))
        own = (f"Suspects {places} ({UNCHECKED})",) if places else ()
        faults.append(fault.model_copy(update={"evidence": (*own, *(marked(text) for text in fault.evidence))}))
    wanted = suggestion.measurement
    if wanted is not None:
        wanted = wanted.model_copy(update={"where": marked(wanted.where)})
    return suggestion.model_copy(update={"faults": tuple(faults), "measurement": wanted})
