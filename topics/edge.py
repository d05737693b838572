"""The topic by which the replicas of the edge answer a repeated request alike."""

from datetime import timedelta

from schemas.edge import RequestAnswered, RequestClaimed
from topics.topic import Delete, Topic

EDGE_ANSWERS = Topic(
    name="edge.answers.v1",
    owner="gateway",
    summary="Claims of requests that carry an idempotency key, and their sealed answers.",
    carries=(RequestClaimed, RequestAnswered),
    key="request_key",
    cleanup=Delete(timedelta(days=1)),
    personal_data=True,
)
