import json
from pathlib import Path
from typing import Any
from uuid import UUID

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from connectors.blobs.local import LocalBlobs
from connectors.errors import Transient
from connectors.images.strip import BareImage
from connectors.intake.form import IntakeForm
from connectors.intake.submit import (
    IntakeInvalid,
    IntakeLimits,
    clean_photos,
    intake_command_id,
    new_ticket_id,
    repeated_ticket_id,
    same_intake,
    submit,
    withdraw,
)
from connectors.vault.master_key import load_or_create_master_key
from connectors.vault.sealed import SealedVault
from schemas.core.message import Message
from schemas.tickets import SubmitIntake

FORM: dict[str, Any] = {
    "device": {"category": "laptop", "brand": "Lenovo", "model": "T480"},
    "complaint": "Does not charge.",
    "customer": {"name": "Ada Example", "mail": "ada@example.org"},
    "channel": "kiosk",
    "consent_version": "2026-01",
}


def _form(**changes: Any) -> IntakeForm:
    return IntakeForm.model_validate_json(json.dumps(FORM | changes))


def _photo(seed: int, suffix: str = ".jpg") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (33, 40, 3), np.uint8)
    done, data = cv2.imencode(suffix, cv2.resize(pixels, (400, 330)))
    assert done
    return data.tobytes()


class Shop:
    """Real stores in a directory and a log that is a list."""

    def __init__(self, path: Path) -> None:
        self.blobs = LocalBlobs(path / "blobs")
        self.vault = SealedVault(self.blobs, load_or_create_master_key(path / "master.key"))
        self.sent: list[tuple[Message, str, UUID]] = []
        self.down = False

    async def send(self, message: Message, *, correlation_id: str, id: UUID) -> UUID:
        if self.down:
            raise Transient("the log is away")
        self.sent.append((message, correlation_id, id))
        return id

    async def submit(
        self, form: IntakeForm, photos: tuple[BareImage, ...], ticket_id: str
    ) -> tuple[SubmitIntake, UUID]:
        return await submit(form, photos, ticket_id=ticket_id, blobs=self.blobs, vault=self.vault, send=self.send)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


async def test_stores_what_the_command_refers_to(shop: Shop) -> None:
    photos = await clean_photos((_photo(1), _photo(2, ".png")), IntakeLimits())
    ticket_id = new_ticket_id()
    command, command_id = await shop.submit(_form(language="en", pre_approved_cents=5000), photos, ticket_id)
    assert shop.sent == [(command, ticket_id, command_id)]
    assert command_id == intake_command_id(ticket_id)
    assert [ref.key for ref in command.photos] == [f"sha256/{ref.sha256[:2]}/{ref.sha256}" for ref in command.photos]
    assert [ref.media_type for ref in command.photos] == ["image/jpeg", "image/png"]
    assert [await shop.blobs.get(ref) for ref in command.photos] == [photo.data for photo in photos]
    contact = await shop.vault.get(command.customer_id)
    assert contact is not None
    assert (contact.name, contact.channels, contact.language) == ("Ada Example", ("mail",), "en")
    assert (command.pre_approved_cents, command.language, command.device.brand) == (5000, "en", "Lenovo")


async def test_makes_the_same_command_and_leaves_nothing_behind_when_tried_again(shop: Shop) -> None:
    photos = await clean_photos((_photo(1), _photo(2)), IntakeLimits())
    ticket_id = repeated_ticket_id("kiosk-1", "42")
    shop.down = True
    with pytest.raises(Transient):
        await shop.submit(_form(), photos, ticket_id)
    stored = [one.ref.key async for one in shop.blobs.list("images")]
    shop.down = False
    first = await shop.submit(_form(), photos, ticket_id)
    second = await shop.submit(_form(), photos, ticket_id)
    assert first == second
    assert [one.ref.key async for one in shop.blobs.list("images")] == stored
    assert len([ref async for ref in shop.blobs.list("vault", "contacts/")]) == 1


async def test_keeps_one_object_when_two_tickets_bring_the_same_photo(shop: Shop) -> None:
    photos = await clean_photos((_photo(1), _photo(2)), IntakeLimits())
    first, _ = await shop.submit(_form(), photos, new_ticket_id())
    second, _ = await shop.submit(_form(), photos, new_ticket_id())
    assert first.photos == second.photos
    assert len([one async for one in shop.blobs.list("images")]) == 2
    await withdraw(second, vault=shop.vault)
    assert [await shop.blobs.get(ref) for ref in first.photos] == [photo.data for photo in photos]


def test_ticket_ids_are_fresh_or_belong_to_a_producers_own_key() -> None:
    assert new_ticket_id() != new_ticket_id()
    assert repeated_ticket_id("kiosk-1", "42") == repeated_ticket_id("kiosk-1", "42")
    assert repeated_ticket_id("kiosk-1", "42") != repeated_ticket_id("kiosk-2", "42")
    assert repeated_ticket_id("kiosk-1", "42") != repeated_ticket_id("kiosk-1", "43")


@pytest.mark.parametrize(
    ("customer", "channels"),
    [
        ({"name": "A", "mail": "a@example.org", "phone": "+31612345678"}, ("mail", "sms")),
        ({"name": "A", "phone": "+31612345678"}, ("sms",)),
        ({"name": "A"}, ("in_app",)),
    ],
)
async def test_allows_the_channels_the_customer_gave_an_address_for(
    shop: Shop, customer: dict[str, str], channels: tuple[str, ...]
) -> None:
    photos = await clean_photos((_photo(1), _photo(2)), IntakeLimits())
    command, _ = await shop.submit(_form(customer=customer), photos, new_ticket_id())
    contact = await shop.vault.get(command.customer_id)
    assert contact is not None
    assert contact.channels == channels


async def test_tells_a_retry_from_another_intake(shop: Shop) -> None:
    photos = await clean_photos((_photo(1), _photo(2)), IntakeLimits())
    command, _ = await shop.submit(_form(), photos, new_ticket_id())
    words = await shop.vault.open_text(command.complaint)
    assert command.complaint != words == "Does not charge."
    command = command.model_copy(update={"complaint": words})
    assert same_intake(_form(), photos, taken=command)
    assert not same_intake(_form(complaint="Another."), photos, taken=command)
    assert not same_intake(_form(device={"category": "tablet"}), photos, taken=command)
    assert not same_intake(_form(), photos[::-1], taken=command)
    assert not same_intake(_form(), photos[:1], taken=command)


@pytest.mark.parametrize(
    ("photos", "field", "code"),
    [
        ((), "photos", "photo_count"),
        ((b"x",), "photos", "photo_count"),
        ((b"x",) * 13, "photos", "photo_count"),
        ((b"x", bytes(15_000_001)), "photos.0", "unsupported_type"),
        ((bytes(15_000_001), b"x"), "photos.0", "photo_too_large"),
    ],
)
async def test_names_the_photo_that_cannot_be_taken(photos: tuple[bytes, ...], field: str, code: str) -> None:
    with pytest.raises(IntakeInvalid) as caught:
        await clean_photos(photos, IntakeLimits())
    assert (caught.value.field, caught.value.code) == (field, code)


def test_refuses_fields_it_does_not_know_and_values_of_another_type() -> None:
    for change in (
        {"colour": 1},
        {"device": {"category": "laptop", "colour": 1}},
        {"customer": {"name": "A", "vip": True}},
        {"customer": {"name": "A", "quiet_hours": {"time_zone": "UTC", "start": "22:00", "end": "07:00", "x": 1}}},
        {"pre_approved_cents": "5"},
        {"pre_approved_cents": True},
        {"customer": {"name": ""}},
    ):
        with pytest.raises(ValidationError):
            _form(**change)
    quiet = {"time_zone": "UTC", "start": "22:00", "end": "07:00", "channels": ["sms"]}
    form = IntakeForm.model_validate(FORM | {"customer": {"name": "A", "quiet_hours": quiet}})
    assert form.customer.quiet_hours is not None
    assert form.customer.quiet_hours.channels == ("sms",)
