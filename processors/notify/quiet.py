"""Quiet hours: from one wall time to another in the customer's zone, overnight and across clock changes."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from connectors.vault.port import QuietHours


def quiet_until(hours: QuietHours, now: datetime) -> datetime | None:
    """Return the moment (UTC) at which the customer may be disturbed again, or None when that is now.

    The wall clock decides. An end that is skipped when clocks go forward is read with the offset before the change,
    so it comes up to that hour late, never early; one that happens twice when they go back counts each time.
    """
    zone = ZoneInfo(hours.time_zone)
    if not _covers(hours, now.astimezone(zone).time()):
        return None
    today = now.astimezone(zone).date()
    ends = (
        datetime.combine(today + timedelta(days=days), hours.end, zone).replace(fold=fold).astimezone(UTC)
        for days in (0, 1, 2)
        for fold in (0, 1)
    )
    return min(end for end in ends if end > now and not _covers(hours, end.astimezone(zone).time()))


def _covers(hours: QuietHours, at: time) -> bool:
    if hours.start < hours.end:
        return hours.start <= at < hours.end
    return at >= hours.start or at < hours.end
