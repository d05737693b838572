"""A sentence for each event of a quality check, for timelines. Pure and total."""

from processors.gateway.sentences import Sentences
from processors.gateway.wording import listed, percent, plural, words
from schemas.qc import (
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
    RepairBounced,
)

SENTENCES = Sentences()
_says = SENTENCES.of


@_says(CheckPlanned)
def _planned(event: CheckPlanned) -> str:
    return f"Check {event.round} is due: {plural(len(event.plan.checkpoints), 'checkpoint')} ({_why(event)})."


@_says(CheckSkipped)
def _skipped(event: CheckSkipped) -> str:
    return f"Goes on without a check: it bounces with {percent(event.sampling.bounce_probability)}, and was not drawn."


def _why(event: CheckPlanned) -> str:
    return listed(list(event.sampling.why))


@_says(CheckBegun)
def _begun(event: CheckBegun) -> str:
    return f"{event.inspector} has check {event.round} in hand."


@_says(CheckpointRecorded)
def _recorded(event: CheckpointRecorded) -> str:
    result = event.result
    if result.verdict is None:
        return f"{result.by} took a photo for {words(result.checkpoint_id)}."
    reason = f" ({result.reason})" if result.reason else ""
    return f"Checked {words(result.checkpoint_id)}: {words(result.verdict)}{reason}."


@_says(CheckpointUndecided)
def _undecided(event: CheckpointUndecided) -> str:
    advice = (event.result.advice or words(event.reason)).rstrip(".")
    return f"The photo does not settle {words(event.result.checkpoint_id)}: {advice}."


@_says(CheckSigned)
def _signed(event: CheckSigned) -> str:
    return f"{event.signer} signed check {event.round} as the second person."


@_says(CheckPassed)
def _passed(event: CheckPassed) -> str:
    return f"{event.inspector} passed the repair (check {event.round})."


@_says(CheckFailed)
def _failed(event: CheckFailed) -> str:
    failed = f": {listed([words(one) for one in event.failed])}" if event.failed else ""
    return f"{event.inspector} sent the repair to rework ({words(event.cause)}){failed}."


@_says(CheckWaived)
def _waived(event: CheckWaived) -> str:
    open_ones = plural(len(event.open_checkpoints), "open checkpoint")
    return f"{event.manager} waived check {event.round} with {open_ones}: {event.reason.rstrip('.')}."


@_says(CheckLeft)
def _left(event: CheckLeft) -> str:
    return f"{event.actor} moved the ticket to {words(event.to_state)} before check {event.round} had ended."


@_says(RepairBounced)
def _bounced(event: RepairBounced) -> str:
    return f"The repair came back ({words(event.how)})."


@_says(CheckRefused)
def _refused(event: CheckRefused) -> str:
    asked = words(event.asked.removeprefix("noizylab.qc.").rpartition(".v")[0])
    return f"Did not {asked} the check ({words(event.reason)}): {event.detail}"
