"""The fault families the shop knows: what they are called, where they occur, how they are repaired."""

from collections.abc import Mapping
from types import MappingProxyType

from processors.brain.catalogue import CATALOGUE
from processors.brain.family import Family
from schemas.devices import DEVICE_CATEGORIES

FAMILIES: Mapping[str, Family] = MappingProxyType({family.code: family for family in CATALOGUE})
"""All families by code, in the catalogue's order."""


def generic_skus() -> tuple[str, ...]:
    """Return every generic SKU that a plan can name, sorted: what a price list and a stock must know."""
    skus = {sku for family in CATALOGUE for category in DEVICE_CATEGORIES for sku in family.skus(category)}
    return tuple(sorted(skus))
