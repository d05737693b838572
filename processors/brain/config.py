"""Knobs of the diagnosis."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """When to answer and how much to say.

    Below ``least_probability`` of the first family the answer is an abstention: at 0.4 about nine in ten held-out
    complaints with a known fault are answered. Above ``most_unclear``, the probability that the words name no fault,
    and with nothing else to go by there is no answer either: at 0.3 a third of the texts that volunteers could not
    label get one, at 0.7 more than half do. ``bits_per_minute`` is what a minute at the bench must earn for
    a measurement to be worth it. ``vendor_weight`` (0 to 1) is the share of the language model in the pooled log
    probabilities. ``vendor_deadline_s`` bounds its answer, retries, look-ups and
    repair turn included; the flow waits two minutes for a diagnosis, so it must stay well below.
    """

    least_probability: float = 0.4
    most_unclear: float = 0.3
    shown_faults: int = 5
    shown_evidence: int = 4
    bits_per_minute: float = 0.01
    vendor_weight: float = 0.5
    vendor_deadline_s: float = 90.0
