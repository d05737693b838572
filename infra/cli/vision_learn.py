"""``noizylab vision learn``: a board's reference set from photos of sound ones."""

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.common import err, fail, out, run

if TYPE_CHECKING:
    from processors.vision.learn import Learned

_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,60}")
_ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}


def learn(
    photos_dir: Annotated[Path, typer.Argument(help="photos of sound boards, one side", exists=True, file_okay=False)],
    board: Annotated[str, typer.Option(help="the board model they show")],
    name: Annotated[str, typer.Option(help="the reference within the set: a side or a revision")] = "front",
    false_calls: Annotated[float, typer.Option(min=0, max=1, help="wanted share of sound photos that fail")] = 0.02,
    folder: Annotated[
        Path | None, typer.Option("--out", help="write here, not into the object store", file_okay=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print only the result, as JSON")] = False,
) -> None:
    """Learn a board from three or more photos of sound ones: golden picture, tolerance, calibrated threshold."""
    from connectors.images.decode import decode
    from connectors.images.header import ImageRefused
    from processors.vision.learn import CannotLearn
    from processors.vision.learn import learn as learn_board

    for what, text in (("--board", board), ("--name", name)):
        if not _NAME.fullmatch(text):
            fail(f"{what} {text!r}: give letters, digits, _ . and -, no more than 61")
    photos, refused = {}, {}
    for file in sorted(one for one in photos_dir.iterdir() if one.suffix.lower() in _ENDINGS):
        try:
            photos[file.name] = decode(file.read_bytes())
        except ImageRefused as refusal:
            refused[file.name] = str(refusal)
    import cv2

    cv2.setNumThreads(1)
    if not as_json:
        err.print(f"  learning from {len(photos)} photos", markup=False)
    try:
        learned = learn_board(photos, false_calls)
    except CannotLearn as error:
        fail(str(error))
    card = {
        "board": board, "name": name, "photos": learned.photos, "lift": learned.lift, "wanted_false_calls": false_calls,
        "false_calls": learned.false_calls, "least_provable": round(1 / learned.photos, 4),
        "suspects": list(learned.suspects), "refused": refused | learned.refused,
    }  # fmt: skip
    _write(folder, board, _files(name, learned, card))
    if as_json:
        out.print_json(json.dumps(card))
        return
    for key, value in card.items():
        out.print(f"{key}: {value}", soft_wrap=True, markup=False)


def _files(name: str, learned: "Learned", card: dict[str, object]) -> dict[str, bytes]:
    import cv2

    from processors.vision.references import CARD, PICTURE, TOLERANCE

    picture = cv2.imencode(".jpg", learned.golden, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    tolerance = cv2.imencode(".png", learned.tolerance)[1].tobytes()
    full = card | {"sha256": {PICTURE: hashlib.sha256(picture).hexdigest()}}
    return {
        name + PICTURE: picture,
        name + TOLERANCE: tolerance,
        name + CARD: json.dumps(full, indent=1).encode(),
    }


def _write(folder: Path | None, board: str, files: dict[str, bytes]) -> None:
    if folder is not None:
        place = folder / board
        place.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (place / name).write_bytes(data)
        return
    from infra.ports import Ports
    from infra.settings import read_settings
    from processors.vision.goldens import store_set

    async def store() -> None:
        async with Ports.open(read_settings()) as ports:
            await store_set(ports.stored_blobs, board, files)

    run(store())
