"""Reading an intake's multipart body: one JSON part ``intake``, files ``photos``, and nothing else."""

from dataclasses import dataclass

from fastapi import Request
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile

from connectors.intake.form import IntakeForm
from processors.gateway.config import Policy
from processors.gateway.edge.problems import Fault, Problem, invalid, invalid_model

_SPARE_PARTS = 4
"""A few parts more than can be right are read, so that the answer can say which are wrong."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A read form and its photos as they were sent; the photos may lie on disk and are closed by the caller."""

    form: IntakeForm
    photos: tuple[UploadFile, ...]


async def read_upload(request: Request, policy: Policy) -> tuple[FormData, Upload]:
    """Return the parts of an intake; the caller closes the form data.

    Raises:
        Problem: 400, 413, 415 or 422, naming the part.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "multipart/form-data":
        detail = "send multipart/form-data with a part 'intake' (JSON) and files 'photos'"
        raise Problem(415, "unsupported_media_type", detail)
    data = await request.form(
        max_files=policy.intake.photos_max + _SPARE_PARTS,
        max_fields=_SPARE_PARTS,
        max_part_size=policy.intake_json_max_bytes,
    )
    try:
        return data, await _upload(data, policy)
    except BaseException:
        await data.close()
        raise


async def _upload(data: FormData, policy: Policy) -> Upload:
    unknown = sorted({name for name in data if name not in {"intake", "photos"}})
    if unknown:
        faults = [Fault(name[:80], "unknown_part", "no such part; there are 'intake' and 'photos'") for name in unknown]
        raise invalid(faults)
    photos = data.getlist("photos")
    for position, photo in enumerate(photos):
        if not isinstance(photo, UploadFile):
            raise invalid([Fault(f"photos.{position}", "not_a_file", "send the photo as a file, with a file name")])
    return Upload(await _form(data, policy), tuple(photo for photo in photos if isinstance(photo, UploadFile)))


async def _form(data: FormData, policy: Policy) -> IntakeForm:
    parts = data.getlist("intake")
    if len(parts) != 1:
        raise invalid([Fault("intake", "part_count", f"{len(parts)} parts named 'intake' sent, one is needed")])
    part = parts[0]
    if isinstance(part, UploadFile):
        if (part.size or 0) > policy.intake_json_max_bytes:
            raise Problem(413, "too_large", f"the part 'intake' is larger than {policy.intake_json_max_bytes} bytes")
        text: str | bytes = await part.read()
    else:
        text = part
    try:
        return IntakeForm.model_validate_json(text)
    except ValidationError as error:
        raise invalid_model(error, under="intake") from error
