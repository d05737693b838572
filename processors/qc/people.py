"""Who is who in a check: the same person under two spellings, and when a second one is needed. Pure."""

from collections.abc import Iterable

from schemas.qc import CheckRound


def among(name: str, others: Iterable[str]) -> bool:
    """Whether ``name`` is one of ``others``: a member is the same with and without ``user:`` before the id."""
    return plain(name) in {plain(other) for other in others}


def plain(name: str) -> str:
    """Return a name as it is compared."""
    return name.strip().removeprefix("user:").casefold()


def above(one: CheckRound, limit_cents: int) -> bool:
    """Whether the repair is worth more than ``limit_cents``; one without a quote is worth nothing."""
    return (one.repair.value_cents or 0) > limit_cents
