"""Topics of the service clocks."""

from datetime import timedelta

from schemas.sla import CheckClocks, ClocksTracked, ClocksView, SlaBreached, SlaMet, SlaWarned, TrackClocks
from topics.topic import Compact, Delete, Topic

CLOCK_COMMANDS = Topic(
    name="clocks.commands.v1",
    owner="tickets",
    summary="What the clocks of a ticket go by, and that it is time to look at them.",
    carries=(TrackClocks, CheckClocks),
    key="ticket_id",
)
CLOCK_EVENTS = Topic(
    name="clocks.events.v1",
    owner="tickets",
    summary="Clocks that started, stood still, ran out or stopped in time.",
    carries=(ClocksTracked, SlaWarned, SlaBreached, SlaMet),
    key="ticket_id",
    cleanup=Delete(timedelta(days=365)),
)
CLOCK_VIEWS = Topic(
    name="clocks.views.v1",
    owner="tickets",
    summary="The clocks of each ticket.",
    carries=(ClocksView,),
    key="ticket_id",
    cleanup=Compact(),
)
