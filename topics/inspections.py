"""Topics of photos and board inspection."""

from datetime import timedelta

from schemas.images import ImageJudged
from schemas.inspections import BoardInspected, BoardInspectionRefused, InspectBoard, InspectionView
from topics.topic import Compact, Delete, Topic

INSPECTION_COMMANDS = Topic(
    name="inspections.commands.v1",
    owner="vision",
    summary="Wishes to inspect a board.",
    carries=(InspectBoard,),
    key="ticket_id",
)
IMAGE_EVENTS = Topic(
    name="images.events.v1",
    owner="vision",
    summary="Which photos can be judged, what to do about the others, and codes on labels.",
    carries=(ImageJudged,),
    key="ticket_id",
    cleanup=Delete(timedelta(days=365)),
    personal_data=True,
)
INSPECTION_EVENTS = Topic(
    name="inspections.events.v1",
    owner="vision",
    summary="What the photos of a board show.",
    carries=(BoardInspected, BoardInspectionRefused),
    key="ticket_id",
    cleanup=Delete(timedelta(days=365)),
)
INSPECTION_VIEWS = Topic(
    name="inspections.views.v1",
    owner="vision",
    summary="The newest inspection of each ticket.",
    carries=(InspectionView,),
    key="ticket_id",
    cleanup=Compact(),
    personal_data=True,
)
