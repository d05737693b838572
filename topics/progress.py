"""The topic of what is soon forgotten: how far a diagnosis has come."""

from datetime import timedelta

from schemas.progress import DiagnosisProgressed
from topics.topic import Delete, Topic

DIAGNOSIS_PROGRESS = Topic(
    name="diagnoses.progress.v1",
    owner="brain",
    summary="What a language model has said so far of a diagnosis that is under way.",
    carries=(DiagnosisProgressed,),
    key="ticket_id",
    cleanup=Delete(timedelta(days=1)),
    personal_data=True,
)
