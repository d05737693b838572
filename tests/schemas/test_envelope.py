"""The envelope: CloudEvents attributes as record headers and as structured JSON."""

import copy
import json
import os
import pickle
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from schemas.core.envelope import (
    NAMESPACE,
    Envelope,
    EnvelopeError,
    caused_headers,
    dataschema,
    derived_id,
    derived_text,
)
from schemas.core.time import rfc3339
from tests.schemas.examples import TYPES, examples_of, stem

SAMPLES = os.environ.get("NOIZYLAB_SAMPLES", "")
CLOUDEVENTS = Path(SAMPLES, "cloudevents", "cloudevents.schema.json")
CAUSE = UUID("018f6b2e-7c41-7000-8a00-00000000000a")
TEXT = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=40)
ENVELOPES = st.builds(
    Envelope,
    id=st.uuids(),
    source=TEXT,
    type=TEXT,
    subject=TEXT,
    time=st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  # Hypothesis adds UTC
    recorded_time=st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - Hypothesis adds UTC
    correlation_id=TEXT,
    causation_id=st.none() | st.uuids(),
    traceparent=st.none() | TEXT,
    auth_type=st.none() | TEXT,
    auth_id=st.none() | TEXT,
    tracestate=st.none() | TEXT,
)
ONE = Envelope(
    id=UUID("018f6b2e-7c41-7000-8a00-00000000000b"),
    source="/noizylab/pricing",
    type="noizylab.quote.prepared.v1",
    subject="T-018f6b2e",
    time=datetime(2026, 3, 2, 9, 12, 40, tzinfo=UTC),
    recorded_time=datetime(2026, 3, 2, 9, 12, 40, 210, tzinfo=UTC),
    correlation_id="T-018f6b2e",
    causation_id=CAUSE,
)


@given(ENVELOPES)
def test_is_the_same_after_headers_and_back(envelope: Envelope) -> None:
    assert Envelope.from_headers(envelope.to_headers()) == envelope


@given(ENVELOPES, st.randoms(use_true_random=False))
def test_reads_headers_in_any_order_and_past_those_of_others(envelope: Envelope, random: Any) -> None:
    headers = [*envelope.to_headers(), ("x-proxy", b"\xff\xfe")]
    random.shuffle(headers)
    assert Envelope.from_headers(headers) == envelope


def test_writes_what_the_kafka_binding_asks_for() -> None:
    headers = dict(ONE.to_headers())

    assert headers["ce_specversion"] == b"1.0"
    assert headers["content-type"] == b"application/json"
    assert headers["ce_time"] == b"2026-03-02T09:12:40.000000Z"
    assert headers["ce_dataschema"] == b"urn:noizylab:schema:quote.prepared:1.0"
    assert all(name == name.lower() for name in headers)
    assert "ce_authtype" not in headers


def test_writes_the_bytes_that_lie_in_the_log() -> None:
    assert ONE.to_headers() == [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"018f6b2e-7c41-7000-8a00-00000000000b"),
        ("ce_source", b"/noizylab/pricing"),
        ("ce_type", b"noizylab.quote.prepared.v1"),
        ("ce_subject", b"T-018f6b2e"),
        ("ce_time", b"2026-03-02T09:12:40.000000Z"),
        ("ce_recordedtime", b"2026-03-02T09:12:40.000210Z"),
        ("ce_dataschema", b"urn:noizylab:schema:quote.prepared:1.0"),
        ("ce_correlationid", b"T-018f6b2e"),
        ("content-type", b"application/json"),
        ("ce_causationid", b"018f6b2e-7c41-7000-8a00-00000000000a"),
    ]


def test_reads_a_time_of_another_zone_as_utc() -> None:
    headers = [*ONE.to_headers(), ("ce_time", b"2026-03-02T10:12:40+01:00")]
    assert Envelope.from_headers(headers).time == ONE.time


@given(st.uuids(), TEXT, TEXT, st.integers(0, 99))
def test_derived_ids_are_uuids_of_version_five(cause: UUID, processor: str, kind: str, ordinal: int) -> None:
    expected = uuid5(NAMESPACE, f"{cause}/{processor}/{kind}/{ordinal}")
    assert derived_id(cause, processor, kind, ordinal) == expected
    assert derived_text(str(cause), processor, kind, ordinal) == str(expected)


@given(ENVELOPES, st.none() | TEXT)
def test_headers_of_what_is_caused_are_those_of_its_envelope(cause: Envelope, traceparent: str | None) -> None:
    caused = replace(
        ONE,
        correlation_id=cause.correlation_id,
        causation_id=cause.id,
        recorded_time=ONE.time,
        traceparent=traceparent,
        tracestate=None if traceparent is None else cause.tracestate,
    )
    time = rfc3339(ONE.time).encode()
    for known in (cause, Envelope.from_headers(cause.to_headers())):
        headers = caused_headers(ONE.source, ONE.type, str(ONE.id), ONE.subject.encode(), time, known, traceparent)
        assert headers == caused.to_headers()


@pytest.mark.parametrize("form", ["{}", "urn:uuid:{}", "{{{}}}"])
@pytest.mark.parametrize("letters", [str.lower, str.upper])
def test_an_id_in_another_form_is_the_same_id(form: str, letters: Any) -> None:
    raw = form.format(letters(str(ONE.id))).encode()
    read = Envelope.from_headers([*ONE.to_headers(), ("ce_id", raw)])
    assert (read.id, read.id_text) == (ONE.id, str(ONE.id))


def test_an_envelope_that_was_read_can_be_copied_before_its_ids_were_asked_for() -> None:
    for copied in (copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one)), lambda one: replace(one)):
        assert copied(Envelope.from_headers(ONE.to_headers())) == ONE
    with pytest.raises(AttributeError, match="no subjekt"):
        ONE.subjekt  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize(
    "name",
    ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_subject", "ce_time", "ce_recordedtime", "ce_correlationid"],
)
@pytest.mark.parametrize("value", [None, b"", b"\xff\xfe"])
def test_refuses_a_record_whose_attribute_is_missing_or_no_text(name: str, value: bytes | None) -> None:
    headers = [header for header in ONE.to_headers() if header[0] != name]
    if value is not None:
        headers.append((name, value))
    with pytest.raises(EnvelopeError, match=name):
        Envelope.from_headers(headers)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ce_specversion", b"0.3", "expected 1.0"),
        ("ce_id", b"42", "is not a UUID: '42'"),
        ("ce_causationid", b"none", "is not a UUID: 'none'"),
        ("ce_time", b"yesterday", "is not RFC 3339: 'yesterday'"),
        ("ce_recordedtime", b"2026-03-02T09:12:40", "has no time zone"),
        ("traceparent", b"", "is missing"),
    ],
)
def test_refuses_a_malformed_attribute_and_names_it(name: str, value: bytes, said: str) -> None:
    with pytest.raises(EnvelopeError) as refused:
        Envelope.from_headers([*ONE.to_headers(), (name, value)])
    assert name in str(refused.value)
    assert said in str(refused.value)


@given(st.lists(st.tuples(st.sampled_from([*dict(ONE.to_headers()), "x"]), st.binary(max_size=30)), max_size=12))
def test_reads_or_refuses_whatever_the_headers_are(headers: list[tuple[str, bytes]]) -> None:
    try:
        envelope = Envelope.from_headers([*ONE.to_headers(), *headers])
    except EnvelopeError:
        return
    assert Envelope.from_headers(envelope.to_headers()) == envelope


@pytest.mark.skipif(not CLOUDEVENTS.is_file(), reason="NOIZYLAB_SAMPLES with cloudevents.schema.json is not here")
@pytest.mark.parametrize("kind", TYPES, ids=stem)
def test_structured_form_is_a_cloud_event_by_the_specification(kind: Any) -> None:
    validator = Draft7Validator(json.loads(CLOUDEVENTS.read_bytes()), format_checker=Draft7Validator.FORMAT_CHECKER)
    example = examples_of(kind)["full"]
    envelope = Envelope(CAUSE, "/noizylab/x", kind.TYPE, "T-018f6b2e", ONE.time, ONE.time, "T-018f6b2e", CAUSE)

    attributes = envelope.to_json_attributes()

    assert [
        error.message for error in validator.iter_errors({**attributes, "data": json.loads(example.to_json())})
    ] == []
    assert all(name.isalnum() and name.islower() and len(name) <= 20 for name in attributes)
    assert not validator.is_valid({**attributes, "id": ""})


@pytest.mark.parametrize(
    ("message_type", "name"),
    [
        ("noizylab.quote.prepared.v1", "urn:noizylab:schema:quote.prepared:1.0"),
        ("noizylab.fault.diagnosis_view.v12", "urn:noizylab:schema:fault.diagnosis_view:12.0"),
    ],
)
def test_names_the_schema_by_type_and_version(message_type: str, name: str) -> None:
    assert dataschema(message_type) == name


def test_derived_ids_are_the_ones_that_lie_in_the_log() -> None:
    """A changed value would make every replay produce new facts."""
    assert derived_id(CAUSE, "pricing", "noizylab.quote.prepared.v1", 0) == UUID("d6ca311f-a1a1-5878-b4be-371870222c84")
    assert derived_id(CAUSE, "pricing", "noizylab.quote.prepared.v1", 1) == UUID("9246b25e-53ad-50cc-92da-53a97789fb60")


@given(st.lists(st.tuples(st.uuids(), TEXT, TEXT, st.integers(0, 50)), unique=True, max_size=8))
def test_derived_ids_differ_when_anything_about_the_cause_differs(causes: list[tuple[UUID, str, str, int]]) -> None:
    causes = [cause for cause in causes if "/" not in cause[1] + cause[2]]
    assert len({derived_id(*cause) for cause in causes}) == len(causes)
