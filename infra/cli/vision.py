"""``noizylab vision``: inspect photos of boards; train and evaluate the inspection of bare ones."""

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from connectors.errors import ConnectorError
from infra.cli.common import err, fail, out
from infra.cli.vision_codes import codes
from infra.cli.vision_inspect import inspect
from infra.cli.vision_learn import learn
from infra.cli.vision_places import places

app = typer.Typer(no_args_is_help=True, help="Inspection of boards: inspect, codes, learn, places, train, evaluate.")
app.command()(inspect)
app.command()(codes)
app.command()(learn)
app.command()(places)
Pairs = Annotated[Path, typer.Argument(help="folder with the unpacked pairs", exists=True, file_okay=False)]
Listed = Annotated[Path, typer.Option("--list", help="text file: one line 'image annotation' a pair", dir_okay=False)]


@app.command()
def train(
    pairs_dir: Pairs,
    listed: Listed,
    model_out: Annotated[Path, typer.Option("--out", help="the model file; its card is written beside it, as .md")],
    corrections: Annotated[
        Path | None, typer.Option(help="folder with pairs that people corrected, and its list.txt", file_okay=False)
    ] = None,
    drawn: Annotated[int, typer.Option(min=0, help="boards to draw in addition")] = 1000,
    seed: Annotated[int, typer.Option(min=0)] = 1,
) -> None:
    """Train the classifier of bare-board defects from labelled pairs, with cross-validation over the boards."""
    from connectors.clock.clock import SystemClock
    from infra.train.bare import TrainPlan
    from infra.train.bare import train as train_model
    from infra.train.bare_card import write_model
    from processors.vision.bare.corrections import LIST
    from processors.vision.bare.pairs import read_pairs

    started = time.monotonic()

    def tell(line: str) -> None:
        err.print(f"  {time.monotonic() - started:5.1f} s: {line}", soft_wrap=True, markup=False)

    try:
        pairs = read_pairs(pairs_dir, listed)
        if corrections is not None:
            pairs += read_pairs(corrections, corrections / LIST)
        plan = TrainPlan(seed=seed, drawn=drawn)
        trained = train_model(pairs, plan, tell)
        card = write_model(model_out, trained, plan, SystemClock().now().date().isoformat())
    except (ConnectorError, OSError) as error:
        fail(str(error))
    out.print(f"model {model_out}, card {card}", soft_wrap=True)
    if trained.figures is not None:
        out.print(f"cross-validation over boards: {json.dumps(trained.figures)}", soft_wrap=True)


@app.command()
def evaluate(
    pairs_dir: Pairs,
    listed: Listed,
    model: Annotated[Path | None, typer.Option(help="a model file; the shipped one by default")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print only the result, as JSON")] = False,
) -> None:
    """Score a model on labelled pairs: precision, recall and F as DeepPCB counts them, mean average precision, time."""
    import cv2

    from infra.train.bare import inspected, summary
    from processors.vision.bare.model import DEFAULT, read_model
    from processors.vision.bare.pairs import read_pairs

    try:
        pairs, trained = read_pairs(pairs_dir, listed), read_model(model or DEFAULT)
        cv2.setNumThreads(1)
        inspected(pairs[:1], trained)  # what is slow only once is not counted
        started = time.process_time()
        decided, every = inspected(pairs, trained)
        spent_ms = 1000 * (time.process_time() - started)
    except ConnectorError as error:
        fail(str(error))
    result = summary(decided, every) | {"ms_per_image": round(spent_ms / len(pairs), 2)}
    if as_json:
        out.print_json(json.dumps(result))
        return
    for name, value in result.items():
        out.print(f"{name}: {value}")
