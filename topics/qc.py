"""Topics of the quality check."""

from datetime import timedelta

from schemas.qc import (
    BeginCheck,
    CheckBegun,
    CheckFailed,
    CheckLeft,
    CheckPassed,
    CheckPlanned,
    CheckpointRecorded,
    CheckpointUndecided,
    CheckRefused,
    CheckSigned,
    CheckSkipped,
    CheckWaived,
    ConcludeCheck,
    NoteBounce,
    NoteLeftCheck,
    OpenCheck,
    QcView,
    RecordCheckpoint,
    RepairBounced,
    SignCheck,
    TakeBoardVerdict,
    WaiveCheck,
)
from topics.topic import Compact, Delete, Topic

QC_COMMANDS = Topic(
    name="qc.commands.v1",
    owner="qc",
    summary="Repairs that come to their check, what inspectors do, and what vision answers them.",
    carries=(
        OpenCheck,
        NoteLeftCheck,
        NoteBounce,
        TakeBoardVerdict,
        BeginCheck,
        RecordCheckpoint,
        SignCheck,
        ConcludeCheck,
        WaiveCheck,
    ),
    key="ticket_id",
    personal_data=True,
)
QC_EVENTS = Topic(
    name="qc.events.v1",
    owner="qc",
    summary="What was checked on a repair, by whom, and how it ended.",
    carries=(
        CheckPlanned,
        CheckSkipped,
        CheckBegun,
        CheckpointRecorded,
        CheckpointUndecided,
        CheckSigned,
        CheckPassed,
        CheckFailed,
        CheckWaived,
        CheckLeft,
        RepairBounced,
        CheckRefused,
    ),
    key="ticket_id",
    personal_data=True,
    cleanup=Delete(timedelta(days=365)),
)
QC_VIEWS = Topic(
    name="qc.views.v1",
    owner="qc",
    summary="The checks of each ticket's repair.",
    carries=(QcView,),
    key="ticket_id",
    personal_data=True,
    cleanup=Compact(),
)
