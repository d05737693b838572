"""The repair plan for a fault family."""

from processors.brain.families import FAMILIES
from processors.brain.family import Risk
from processors.brain.success import SuccessModel
from schemas.devices import Device
from schemas.diagnoses import PartLine, RepairPlan

_RAISED: dict[Risk, Risk] = {"low": "medium", "medium": "high", "high": "high"}


def plan(family: str, device: Device, complaint: str, success: SuccessModel, dangerous: bool) -> RepairPlan:
    """Return what would be done about ``family``; a danger that stops the bench raises the risk by one step.

    ``success_probability`` is that of the repair if the diagnosis is right.
    """
    known = FAMILIES[family]
    chance = success.probability(family, device.category, device.brand, device.age_years, complaint)
    return RepairPlan(
        fault_family=family,
        steps=known.steps,
        parts=tuple(PartLine(sku=sku, quantity=1) for sku in known.skus(device.category)),
        labour_minutes=known.labour_minutes(device.category),
        risk=_RAISED[known.risk] if dangerous else known.risk,
        success_probability=round(chance, 4),
    )
