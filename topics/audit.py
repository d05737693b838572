"""Topics of the audit trail. No processor owns them: the auditor reads the log, the operator mends it."""

from datetime import timedelta

from schemas.audit import CheckpointSealed, CheckpointView, LetterSettled
from topics.topic import Compact, Delete, Topic

AUDIT_CHECKPOINTS = Topic(
    name="audit.checkpoints.v1",
    owner="auditor",
    summary="Signed, chained digests of every record of commands, events and dead letters.",
    carries=(CheckpointSealed,),
    key="place",
    cleanup=Delete(timedelta(days=3650)),
)
AUDIT_HEADS = Topic(
    name="audit.heads.v1",
    owner="auditor",
    summary="The newest checkpoint of each partition.",
    carries=(CheckpointView,),
    key="place",
    cleanup=Compact(),
)
LETTERS_SETTLED = Topic(
    name="letters.settled.v1",
    owner="operator",
    summary="What was done with dead letters, by whom and why.",
    carries=(LetterSettled,),
    key="letter",
    cleanup=Delete(timedelta(days=365)),
)
