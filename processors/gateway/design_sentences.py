"""A sentence for each event of a board's files, for timelines. Pure and total."""

from processors.gateway.sentences import Sentences
from processors.gateway.wording import listed, plural
from schemas.schematics import DesignAnalysed, DesignAnswered, DesignRefused, DesignRemoved

SENTENCES = Sentences()
_says = SENTENCES.of


@_says(DesignAnalysed)
def _analysed(event: DesignAnalysed) -> str:
    differing = f", {plural(len(event.disagreements), 'difference')} between its files" if event.disagreements else ""
    counts = f"{plural(event.counts.parts, 'part')} and {plural(event.counts.nets, 'net')}"
    return f"Read the files of {event.board_model}: {counts}{differing}."


@_says(DesignRefused)
def _refused(event: DesignRefused) -> str:
    return f"The files of {event.board_model} cannot be read: {event.detail}"


@_says(DesignAnswered)
def _answered(event: DesignAnswered) -> str:
    about = listed([one for one in (event.question.about, event.question.to) if one])
    asked = f"{event.question.kind} {about}".strip()
    return f"Asked about {event.board_model} ({asked}): {event.detail or 'answered.'}"


@_says(DesignRemoved)
def _removed(event: DesignRemoved) -> str:
    return f"Removed the files of {event.board_model}."
