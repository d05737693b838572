"""The topic of what language models were asked, and what it cost."""

from datetime import timedelta

from schemas.models import ModelAsked, ModelReserved
from topics.topic import Delete, Topic

MODEL_EVENTS = Topic(
    name="models.events.v1",
    owner="brain",
    summary="Requests to language models: what was set aside for each, and what it cost.",
    carries=(ModelReserved, ModelAsked),
    key="day",
    cleanup=Delete(timedelta(days=365)),
)
