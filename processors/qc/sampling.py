"""Which repairs are checked, and what the checks say about all of them. Pure.

**How likely a repair bounces** is a Beta posterior mean, shrunk twice: a fault's rate towards that of all repairs, a
technician's rate on the fault towards the fault's. A group of n repairs of which b bounced, with m believed of the
wider group and a strength of k repairs, has Beta(k m + b, k (1 - m) + n - b), of mean (k m + b) / (k + n) (Gelman
et al., Bayesian Data Analysis, section 2.4; the strengths are set, not fitted).

**How many bounce** is estimated from the checked repairs alone, each weighted by 1 over its chance of being checked:
the ratio estimator of Hajek (Comment on Basu, 1971), which stays honest although the likely ones are checked more
often. Its interval is Wilson's (1927) for the effective number of repairs of Kish (Survey Sampling, 1965, section
8.2), (sum of weights)^2 / sum of squared weights.
"""

import hashlib
import hmac
import math
from collections.abc import Iterable
from dataclasses import dataclass

from processors.qc.config import Policy
from schemas.core.ids import TicketId
from schemas.qc import RepairToCheck
from schemas.qc_plans import CheckPlan, History, Sampling, Tally, Why

Z95 = 1.959964
"""The 97.5 % quantile of the normal distribution."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of repairs with its 95 % interval; None where nothing is known."""

    checked: int
    effective: float
    estimate: float | None
    low: float
    high: float


def sample(
    ticket_id: TicketId,
    number: int,
    repair: RepairToCheck,
    plan: CheckPlan,
    history: History,
    policy: Policy,
    key: bytes,
) -> Sampling:
    """Say whether the check of this round takes place, and all that somebody needs to see that it was fair."""
    probability = bounce_probability(history, policy)
    draw = drawn(ticket_id, number, key)
    why: list[Why] = []
    if number > 1:
        why.append("rework")
    if (repair.value_cents or 0) > policy.always_above_cents:
        why.append("value")
    if plan.always:
        why.append("safety")
    if probability >= policy.likely_from:
        why.append("likely")
    chance = 1.0 if why else policy.random_share
    if draw < policy.random_share:
        why.append("random")
    return Sampling(
        checked=bool(why),
        why=tuple(why),
        bounce_probability=probability,
        likely_from=policy.likely_from,
        history=history,
        draw=draw,
        chance=chance,
        key_id=key_id(key),
    )


def bounce_probability(history: History, policy: Policy) -> float:
    """Return how likely a repair with this history comes back, in [0, 1]."""
    overall = _shrunk(history.everything, policy.prior_bounced / policy.prior_repairs, policy.prior_repairs)
    fault = _shrunk(history.fault, overall, policy.fault_strength)
    return _shrunk(history.pair, fault, policy.pair_strength)


def _shrunk(tally: Tally, believed: float, strength: float) -> float:
    return (strength * believed + tally.bounced) / (strength + tally.repairs)


def drawn(ticket_id: TicketId, number: int, key: bytes) -> float:
    """Return the draw of a round in [0, 1): the first 53 bits of HMAC-SHA256 over ``<ticket>/<round>``."""
    digest = hmac.digest(key, f"{ticket_id}/{number}".encode(), "sha256")
    return float(int.from_bytes(digest[:7]) >> 3) / 2**53


def key_id(key: bytes) -> str:
    """Return a name for a key that does not give it away."""
    return hashlib.sha256(b"qc-sampling/" + key).hexdigest()[:12]


def estimated(observed: Iterable[tuple[bool, float]]) -> Rate:
    """Return the share of all repairs that bounce, from (bounced, chance of being checked) of the checked ones.

    ``effective``: how many repairs checked with equal chance would say as much.
    """
    seen = [(bounced, 1.0 / chance) for bounced, chance in observed]
    total = sum(weight for _, weight in seen)
    if not seen:
        return Rate(0, 0.0, None, 0.0, 1.0)
    share = sum(weight for bounced, weight in seen if bounced) / total
    effective = total**2 / sum(weight**2 for _, weight in seen)
    low, high = wilson(share, effective)
    return Rate(len(seen), effective, share, low, high)


def wilson(share: float, repairs: float) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share seen among ``repairs``."""
    square = Z95**2 / repairs
    centre = (share + square / 2) / (1 + square)
    half = Z95 / (1 + square) * math.sqrt(share * (1 - share) / repairs + square / (4 * repairs))
    return max(0.0, centre - half), min(1.0, centre + half)
