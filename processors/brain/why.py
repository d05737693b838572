"""Why the brain thinks so: a few sentences in plain words, from the evidence that was weighed."""

from collections.abc import Sequence

from schemas.diagnoses import Evidence, Measurement, RankedFault

_STRONG, _WEAK = 1.5, 0.1
_KINDS = {
    "complaint": "the customer's words",
    "inspection": "the photos of the board",
    "history": "the device's history",
    "measurement": "what was measured",
    "model": "the language model",
    "prior": "how common it is",
}
_CERTAINTY = (
    (0.95, "almost certain"),
    (0.8, "very likely"),
    (0.6, "likely"),
    (0.4, "more likely than any other"),
    (0.0, "a guess"),
)


def why(faults: Sequence[RankedFault], measurement: Measurement | None, abstained: bool) -> str:
    """Return what speaks for the first fault, what against it, how far the second is, and what would settle it."""
    first = faults[0]
    begin = "I am not sure enough to name one fault. The likeliest is" if abstained else "I think it is"
    sentences = [f"{begin} {_lower(first.title)}: {_certainty(first.probability)}."]
    pro = [one for one in first.evidence if one.weight_nats > _WEAK]
    contra = [one for one in first.evidence if one.weight_nats < -_WEAK]
    if pro:
        sentences.append(f"For it {_speaks(pro)}: {_listed(pro)}.")
    if contra:
        sentences.append(f"Against it {_speaks(contra)}: {_listed(contra)}.")
    if not pro and not contra:
        sentences.append("Nothing that was said or seen speaks for it; it is only the commonest.")
    if len(faults) > 1:
        sentences.append(_second(first, faults[1]))
    if measurement is not None:
        bits = "" if measurement.expected_bits is None else f", {measurement.expected_bits:.1f} bits on average"
        sentences.append(f"What would tell most: {_lower(measurement.what)} ({measurement.minutes} minutes{bits}).")
    return " ".join(sentences)


def _speaks(listed: Sequence[Evidence]) -> str:
    kinds = [_KINDS[kind] for kind in dict.fromkeys(one.source for one in listed[:3])]
    strongly = " strongly" if abs(listed[0].weight_nats) >= _STRONG else ""
    return f"{'speak' if len(kinds) > 1 else 'speaks'}{strongly} {' and '.join(kinds)}"


def _listed(listed: Sequence[Evidence]) -> str:
    return "; ".join(one.text.removesuffix(" in the complaint") for one in listed[:3])


def _second(first: RankedFault, second: RankedFault) -> str:
    times = first.probability / max(second.probability, 1e-9)
    title = second.title
    if times < 1.5:
        return f"{title} is nearly as likely."
    return f"{title} comes next, {'far behind' if times > 10 else f'{times:.0f} times less likely'}."


def _certainty(share: float) -> str:
    told = next(text for least, text in _CERTAINTY if share >= least)
    return f"{told} ({round(100 * share)} in 100)"


def _lower(text: str) -> str:
    return text if text[:2].isupper() else text[:1].lower() + text[1:]
