"""Topics of what the edge refused."""

from datetime import timedelta

from schemas.refusals import RequestRefused
from topics.topic import Delete, Topic

REFUSAL_EVENTS = Topic(
    name="refusals.events.v1",
    owner="gateway",
    summary="Requests that the edge refused, by caller and reason.",
    carries=(RequestRefused,),
    key="who",
    cleanup=Delete(timedelta(days=365)),
)
