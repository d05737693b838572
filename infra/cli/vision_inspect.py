"""``noizylab vision inspect``: photos held against a golden picture, on this machine, without a shop running."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.common import complain, out, plain

if TYPE_CHECKING:
    from processors.vision.inspect import OpenGoldens, PhotoResult
    from processors.vision.slider import Slider

_ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}
_MAX_BYTES, _MAX_PIXELS = 256 * 1024 * 1024, 52_000_000
"""Files of one's own may be larger than what is taken from outside: 50 megapixels of 16 bits as PNG, or 8192 x 6144."""
_SOUND, _FOUND, _NOT_JUDGED = 0, 1, 2
_VERDICTS = {_SOUND: "sound", _FOUND: "findings", _NOT_JUDGED: "not_judged"}


def inspect(
    golden: Annotated[Path, typer.Argument(help="picture of a sound board, or a folder of references", exists=True)],
    photo: Annotated[Path, typer.Argument(help="the photo, or a folder of photos", exists=True)],
    as_json: Annotated[bool, typer.Option("--json", help="print only the result, as JSON")] = False,
    drawn_out: Annotated[
        Path | None, typer.Option("--out", help="the drawn picture (.png or .jpg); a folder for a folder of photos")
    ] = None,
    slider_out: Annotated[
        Path | None, typer.Option("--slider", help="folder for before, after and heat map of each photo")
    ] = None,
) -> None:
    """Hold a photo, or each photo of a folder, against a golden picture.

    Leaves with status 0 when every photo is sound, 1 when there are findings, 2 when a photo or the golden picture
    cannot be judged; of several photos the greatest counts.
    """
    from connectors.images.decode import DecodeLimits
    from processors.vision.config import Policy
    from processors.vision.inspect import ENGINE, inspect_photo, open_goldens
    from processors.vision.references import Reference, read_set

    photos = sorted(one for one in photo.iterdir() if one.suffix.lower() in _ENDINGS) if photo.is_dir() else [photo]
    if not photos:
        _refuse(f"{photo} holds no photo; give a folder with files ending in {', '.join(sorted(_ENDINGS))}")
    _check_out(drawn_out, photo.is_dir())
    policy = Policy(decode=DecodeLimits(_MAX_BYTES, _MAX_PIXELS), slider=slider_out is not None)
    import cv2

    cv2.setNumThreads(1)
    opened = open_goldens(
        read_set({one.name: one.read_bytes() for one in golden.iterdir() if one.is_file()})
        if golden.is_dir()
        else [Reference(golden.read_bytes(), name=golden.name)],
        policy,
    )
    if not opened.colour and not opened.bare:
        _refuse(f"the golden picture {golden} cannot be used: {opened.problem or 'the folder holds no .jpg'}")
    listed, status = [], _SOUND
    for one in photos:
        result = inspect_photo(0, _bytes_of(one), opened, policy)
        told = _told(one, result, opened)
        if drawn_out is not None and result.annotated is not None:
            told["annotated"] = str(_write_drawn(drawn_out, one, result.annotated, photo.is_dir()))
        if slider_out is not None and result.slider is not None:
            told["slider"] = str(_write_slider(slider_out / one.stem, result.slider, told["findings"]))
        status = max(status, _status(result))
        listed.append(told)
        if not as_json:
            _print(told)
    if as_json:
        whole = {"engine": ENGINE, "golden": str(golden), "verdict": _VERDICTS[status], "photos": listed}
        out.print_json(json.dumps(whole))
    raise typer.Exit(status)


def _refuse(message: str) -> None:
    complain(message)
    raise typer.Exit(_NOT_JUDGED)


def _check_out(drawn_out: Path | None, many: bool) -> None:
    if drawn_out is None:
        return
    if many and drawn_out.is_file():
        _refuse(f"--out {drawn_out} is a file; give a folder for the pictures of a folder of photos")
    if not many and drawn_out.suffix.lower() not in {".png", ".jpg", ".jpeg"}:
        _refuse(f"--out {drawn_out} does not say the kind of picture; end it in .png or .jpg")


def _bytes_of(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError as error:
        complain(f"{file} cannot be read: {error}")
        return None


def _status(result: "PhotoResult") -> int:
    if not result.compared:
        return _NOT_JUDGED
    return _FOUND if result.findings else _SOUND


def _told(file: Path, result: "PhotoResult", opened: "OpenGoldens") -> dict[str, Any]:
    told: dict[str, Any] = {
        "photo": str(file),
        "verdict": _VERDICTS[_status(result)],
        "problems": [one.model_dump(mode="json") for one in result.problems],
        "findings": [one.model_dump(mode="json") for one in result.findings],
        "condition": None if result.condition is None else result.condition.model_dump(mode="json"),
        "parts": None if result.parts is None else result.parts.model_dump(mode="json"),
        "metrics": result.metrics,
    }
    if result.usable and not result.compared:
        kind = "another kind of picture" if bool(opened.bare) != ("binarised" in result.metrics) else "another board"
        told["why"] = f"it shows {kind}, or another side, than the golden picture; photograph the same side"
    return told


def _print(told: dict[str, Any]) -> None:
    out.print(f"{plain(told['photo'])}: {told['verdict'].replace('_', ' ')}", soft_wrap=True)
    for number, one in enumerate(told["findings"], 1):
        box = one["box"]
        place = f"{box['width_px']} x {box['height_px']} px at ({box['x_px']}, {box['y_px']})"
        sure = f"{one['confidence']:.0%} sure, severity {one['severity']}"
        out.print(f"  {number} {one['kind']}: {place}, {sure}; {one['note']}", soft_wrap=True, markup=False)
    for one in (told["condition"] or {"areas": []})["areas"]:
        if one["zone"] == "board":
            out.print(f"  {one['kind']} on {one['percent']:g} % of the board ({told['condition']['verdict']})")
    for one in told["problems"]:
        out.print(f"  {one['code']}: {one['advice']}", soft_wrap=True, markup=False)
    if "why" in told:
        out.print(f"  {told['why']}", soft_wrap=True, markup=False)


def _write_drawn(place: Path, photo: Path, jpeg: bytes, many: bool) -> Path:
    """Write the drawn picture: under its photo's name into a folder, or as the file that was asked for."""
    file = place / f"{photo.name}.annotated.jpg" if many else place
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix.lower() == ".png":
        import cv2
        import numpy as np

        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None, "a picture of our own can be decoded"
        jpeg = cv2.imencode(".png", picture)[1].tobytes()
    file.write_bytes(jpeg)
    return file


def _write_slider(place: Path, made: "Slider", findings: list[dict[str, Any]]) -> Path:
    """Write before.jpg, after.jpg, heat.jpg and slider.json, which says their size and where the findings lie."""
    place.mkdir(parents=True, exist_ok=True)
    files = {"before": made.before, "after": made.after, "heat": made.heat}
    for name, data in files.items():
        (place / f"{name}.jpg").write_bytes(data)
    marks = [
        {"kind": one["kind"], "severity": one["severity"], "left_px": x0, "top_px": y0, "right_px": x1, "bottom_px": y1}
        for one, (x0, y0, x1, y1) in zip(findings, made.boxes, strict=True)
    ]
    card = {name: f"{name}.jpg" for name in files} | {
        "width_px": made.width_px,
        "height_px": made.height_px,
        "findings": marks,
    }
    (place / "slider.json").write_text(json.dumps(card, indent=1) + "\n")
    return place / "slider.json"
