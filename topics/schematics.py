"""Topics of design files."""

from datetime import timedelta

from schemas.schematics import (
    AnalyseDesign,
    DesignAnalysed,
    DesignAnswered,
    DesignRefused,
    DesignRemoved,
    DesignView,
    LookUpDesign,
    RemoveDesign,
)
from topics.topic import Compact, Delete, Topic

DESIGN_COMMANDS = Topic(
    name="designs.commands.v1",
    owner="schematics",
    summary="Files of boards to be analysed or forgotten, and questions about boards.",
    carries=(AnalyseDesign, LookUpDesign, RemoveDesign),
    key="design_id",
)
DESIGN_EVENTS = Topic(
    name="designs.events.v1",
    owner="schematics",
    summary="What is in the files of boards, and answers about them.",
    carries=(DesignAnalysed, DesignRefused, DesignAnswered, DesignRemoved),
    key="design_id",
    cleanup=Delete(timedelta(days=365)),
)
DESIGN_VIEWS = Topic(
    name="designs.views.v1",
    owner="schematics",
    summary="The newest analysis of each board's files.",
    carries=(DesignView,),
    key="design_id",
    cleanup=Compact(),
)
