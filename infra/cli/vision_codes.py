"""``noizylab vision codes``: what the labels on photos say, on this machine, without a shop running."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from infra.cli.common import fail, out, plain

_ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}
_MAX_BYTES, _MAX_PIXELS = 256 * 1024 * 1024, 52_000_000
"""Files of one's own may be larger than what is taken from outside."""


def codes(
    photo: Annotated[Path, typer.Argument(help="the photo, or a folder of photos", exists=True)],
    as_json: Annotated[bool, typer.Option("--json", help="print only the result, as JSON")] = False,
) -> None:
    """Read barcodes and QR codes: what each is, what it says, and where it is.

    All looks are tried, which takes up to two seconds a photo. Leaves with status 0 when a code was read, 1 when none
    was.
    """
    import cv2

    from connectors.images.decode import DecodeLimits
    from processors.vision.labels import CodeLimits, codes_on

    photos = sorted(one for one in photo.iterdir() if one.suffix.lower() in _ENDINGS) if photo.is_dir() else [photo]
    if not photos:
        fail(f"{photo} holds no photo; give a folder with files ending in {', '.join(sorted(_ENDINGS))}")
    cv2.setNumThreads(1)
    limits, opening = CodeLimits(side_px=4000, most_looks=1000), DecodeLimits(_MAX_BYTES, _MAX_PIXELS)
    listed: list[dict[str, Any]] = []
    for one in photos:
        found = codes_on(one.read_bytes(), limits, opening)
        told = [
            {"kind": code.kind, "symbology": code.symbology, "text": code.text, "number": code.number}
            | dict(zip(("x_px", "y_px", "width_px", "height_px"), code.box_px, strict=True))
            for code in found
        ]
        listed.append({"photo": str(one), "codes": told})
        if not as_json:
            out.print(f"{plain(str(one))}: {len(told) or 'no'} code{'' if len(told) == 1 else 's'}", soft_wrap=True)
            for code in told:
                place = f"at ({code['x_px']}, {code['y_px']})"
                said = f"  {code['kind']} {plain(str(code['number']))} ({code['symbology']}) {place}"
                out.print(said, soft_wrap=True, markup=False)
    if as_json:
        out.print_json(json.dumps({"photos": listed}))
    raise typer.Exit(0 if any(one["codes"] for one in listed) else 1)
