"""What a shop sets for its messages."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """Who signs the messages, and how often the outbox is looked through."""

    shop_name: str = "NoizyLab"
    shop_phone: str | None = None
    time_zone: str = "UTC"
    """IANA zone in which dates in messages are written."""
    fallback_language: str = "en"
    look_every_s: float = 5.0
    """How often deferred messages are looked at; a message leaves quiet hours at most this much late."""
