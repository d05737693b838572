"""What a shop may set about its quality check. Money is in cents of the shop's currency."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may check what, and which repairs are checked.

    ``prior_bounced`` of ``prior_repairs``: what is believed of a shop without a history, one repair in ten. It lies
    above ``likely_from``, so a new shop checks everything, and stops where its own repairs show that it may.
    ``fault_strength``, ``pair_strength``: how many repairs of a fault, and of a technician on it, weigh as much as what
    is known of the wider group.
    """

    second_person_above_cents: int = 30_000
    second_signature_above_cents: int = 100_000
    always_above_cents: int = 30_000
    likely_from: float = 0.05
    random_share: float = 0.05
    prior_bounced: float = 1.0
    prior_repairs: float = 10.0
    fault_strength: float = 20.0
    pair_strength: float = 10.0
    finding_confidence: float = 0.5
    findings_kept: int = 12

    def __post_init__(self) -> None:
        """Refuse settings that cannot hold together; names the setting."""
        if self.always_above_cents > self.second_person_above_cents:
            raise ValueError(
                "always_above_cents must not be above second_person_above_cents: nobody would have checked"
            )
        if not 0 < self.random_share <= 1:
            raise ValueError(f"random_share is {self.random_share}; it must be in (0, 1], or no estimate is possible")
        if not 0 < self.prior_bounced < self.prior_repairs:
            raise ValueError("prior_bounced must be above 0 and below prior_repairs")
        if min(self.fault_strength, self.pair_strength) <= 0:
            raise ValueError("fault_strength and pair_strength must be above 0")
