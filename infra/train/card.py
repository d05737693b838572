"""The model card, written by training so that it cannot disagree with the model."""

from collections.abc import Mapping
from typing import Any

from infra.train.repairs import ATTRIBUTION, LABEL_FILES, LICENCE
from processors.brain.families import FAMILIES
from processors.brain.text import BUCKETS, NGRAM_SIZES


def model_card(figures: Mapping[str, Any], sha256: str, today: str) -> str:
    """Return the card as Markdown."""
    lines = [_row(file, figures[file]) for file in (*LABEL_FILES, "all")] + [
        _row("all, folds 2 to 4", figures["rotated"])
    ]
    gate = figures["abstention"]
    return f"""# Model card: fault families from complaints

| | |
|---|---|
| files | `faults.npz` (classifier), `success.json` (success rates) |
| sha256 of `faults.npz` | `{sha256}` |
| trained | {today}, on {figures["training_rows"]:,} labelled texts and the phrases of `processors/brain/cues.py` |
| method | multinomial logistic regression (L2) over hashed words, word pairs and character {NGRAM_SIZES[0]}- to \
{NGRAM_SIZES[-1]}-grams within words ({BUCKETS:,} buckets, CRC-32), device category as a feature, 8-bit weights |
| classes | {len(FAMILIES)} fault families and `unclear` |
| calibration | temperature {figures["temperature"]:.3f}, fitted on a fold that the weights had not seen |
| languages | Danish, German, English, French, Dutch (mostly English and Dutch in the data) |

## Data, attribution, licence

{ATTRIBUTION}, {LICENCE}.

Changes: labels mapped to our fault families, texts turned into hashed weights; no text is kept. Both artefact files
are derived from these records and are offered under the same licence, CC BY-SA 4.0, apart from the program's own.

Labels that name no one family (Other, Multiple, Scanner, Integrated media component) are left out. Unknown and Poor
data with a text form the class `unclear`: they teach the model what a useless text looks like. Power/battery is
split by whether the text names a battery; the figures below count the two as one, as the records do.

## Figures on held-out records

Five folds by hash of the normalised text, so equal texts never stand on both sides. Rows by file: fold 0, on which
neither weights nor temperature were fitted; but it was looked at several times while features, phrases and the
treatment of useless texts were settled, so it may flatter. Last row: folds 2 to 4, each left out by a model of its
own and looked at once, at the end. The majority column always answers the file's most frequent family.

| records | rows | accuracy | top 3 | log loss (nats) | ECE | majority |
|---|---|---|---|---|---|---|
{chr(10).join(lines)}

At the threshold of {gate["threshold"]:.2f} the brain answers {gate["answered"]:.0%} of the held-out texts that have \
a family, and is right in
{gate["accuracy_answered"]:.1%} of its answers. It answers {gate["unclear_answered"]:.0%} of the \
{gate["unclear_rows"]} texts that volunteers could not label.

## Limits

- Part of the texts were written after the repair and name the cause: figures for a customer's first words are lower.
- Seven of the thirteen device categories have no labelled records: there the prior is set by hand.
- Success rates are of community repairs without a parts store.

## Train again

`python -m infra.train.brain SAMPLES processors/brain/model --date YYYY-MM-DD`, SAMPLES holding `repairs/`.
"""


def _row(name: str, one: Mapping[str, float]) -> str:
    return (
        f"| {name} | {one['rows']} | {one['accuracy']:.3f} | {one['top_3']:.3f} | {one['log_loss_nats']:.3f} "
        f"| {one['ece']:.3f} | {one['majority']:.3f} |"
    )
