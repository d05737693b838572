"""Writes a trained model of bare-board defects and the card that says what it is worth."""

from pathlib import Path

from infra.train.bare import Trained, TrainPlan
from processors.vision.bare.kinds import KINDS

_NO_FIGURES = (
    "None: all pairs are of one board, and a board does not judge itself. Score other boards with `noizylab vision"
    " evaluate`."
)
_BY_BOARD = (
    "Cross-validation over boards: each is judged by a model that saw none of its pairs. The threshold was chosen on"
    " these figures."
)
_BY_HALF = "Two halves of the drawn boards, each judged by a model of the other half: figures of drawn boards only."


def write_model(path: Path, trained: Trained, plan: TrainPlan, today: str) -> Path:
    """Write the model, and its card beside it; return the card's path. ``today`` is an ISO date.

    Raises:
        OSError: the folder cannot be made or written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(trained.model.to_bytes())
    card = path.with_suffix(".md")
    card.write_text(model_card(trained, plan, today), "utf-8")
    return card


def model_card(trained: Trained, plan: TrainPlan, today: str) -> str:
    """Return the card as Markdown."""
    counts = trained.counts
    marks = ", ".join(f"{kind.replace('_', ' ')} {counts[kind]}" for kind in KINDS)
    data = [
        f"- {counts['pairs']} labelled pairs of {counts['boards']} boards ({marks})" if counts["pairs"] else "",
        f"- {counts['drawn']} pairs drawn by `infra/train/bare_boards.py`, seed {plan.seed}" if counts["drawn"] else "",
    ]
    lines = [
        "# Model card: defects of bare boards",
        "",
        f"Trained {today}. SHA-256 `{trained.model.digest}`.",
        f"A candidate is called a defect from a share of {trained.model.threshold:.2f} for all kinds together.",
        "",
        "## Data",
        *filter(None, data),
        "",
        "## Figures",
        *_figures(trained),
        "",
        "Precision, recall and F as DeepPCB counts them (boxes overlap by more than 0.33; a wrong kind costs both);",
        "map33 and map50 are means over the kinds of the average precision at overlaps of 0.33 and 0.5.",
        "",
        "## Limits",
        "Binarised pictures of bare boards with dark copper, within 48 px and about two degrees of a template of the",
        "same scale. Boards that resemble none of the trained ones may fare worse than these figures.",
        "",
    ]
    return "\n".join(lines)


def _figures(trained: Trained) -> list[str]:
    if trained.figures is None:
        return [_NO_FIGURES]
    how = _BY_BOARD if trained.boards else _BY_HALF
    names = ("images", "precision", "recall", "f", "map33", "map50")
    rows = [*trained.boards.items(), ("all", trained.figures)]
    return [
        how,
        "",
        "| boards | " + " | ".join(names) + " |",
        "|---|" + "---|" * len(names),
        *(f"| {board} | " + " | ".join(f"{values[name]:g}" for name in names) + " |" for board, values in rows),
    ]
