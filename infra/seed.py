"""What a shop needs once: its first API key; and, for a demo or a benchmark, parts on the shelf."""

import hashlib
import os
from uuid import uuid5

from connectors.bus.publisher import KafkaPublisher
from connectors.bus.records import command_record
from connectors.clock.clock import SystemClock
from connectors.pricelist.table import PriceTable
from infra.ports import PRICES
from infra.settings import Settings
from infra.web import open_keyring
from processors.gateway.edge.keyring import SCOPES
from schemas.core.envelope import NAMESPACE
from schemas.inventory import ReceiveStock

LOCATION = "main"


async def seed_shop(settings: Settings) -> str | None:
    """Make the first API key; returns it, or None when there is one already."""
    keyring = open_keyring(settings)
    if keyring.list():
        return None
    return keyring.create("first", frozenset(SCOPES), now=SystemClock().now()).key


def opening_stock(pieces: int) -> list[ReceiveStock]:
    """Return one receipt for each part of the shipped price list.

    One part in eight starts empty, the same ones every time, so that a demo shows a shortage too.
    """
    receipts = []
    for price in PriceTable.load(PRICES):
        chosen = hashlib.sha256(price.sku.encode()).digest()[0]
        cost = min(price.cost_cents.values())
        if chosen % 8:
            receipts.append(
                ReceiveStock(
                    location_id=LOCATION,
                    receipt_id=f"opening-{price.sku}",
                    sku=price.sku,
                    quantity=pieces,
                    unit_cost_cents=cost,
                    reorder_point=2,
                    lead_time_days=price.lead_time_days,
                )
            )
    return receipts


async def stock_the_shelf(settings: Settings, pieces: int) -> int:
    """Book the opening stock; booking it again changes nothing. Returns the number of parts."""
    receipts = opening_stock(pieces)
    now = SystemClock().now()
    publisher = KafkaPublisher(settings.cluster(), client_id=f"noizylab-seed-{os.getpid()}")
    await publisher.start()
    try:
        await publisher.publish(
            [
                command_record(
                    receipt,
                    source="seed",
                    now=now,
                    correlation_id=receipt.receipt_id,
                    message_id=uuid5(NAMESPACE, f"receipt/{receipt.receipt_id}"),
                )
                for receipt in receipts
            ]
        )
    finally:
        await publisher.stop()
    return len(receipts)
