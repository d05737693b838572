"""The vendor's published schemas, by which the fake of its Messages API is held to the truth.

They lie among the samples (``NOIZYLAB_SAMPLES``); without them nothing is checked here.
"""

import json
import os
from pathlib import Path
from typing import Any

import jsonschema


def schema(name: str) -> jsonschema.Draft202012Validator | None:
    """Return the validator of one of the vendor's schemas, or None without the sample files."""
    samples = os.environ.get("NOIZYLAB_SAMPLES")
    path = Path(samples or "") / "api-slices" / "anthropic" / f"{name}.schema.json"
    if not samples or not path.exists():
        return None
    return jsonschema.Draft202012Validator(json.loads(path.read_text("utf-8")))


def request_problem(body: dict[str, Any]) -> str | None:
    """Return what the vendor's schema of streaming requests refuses in a body, or None."""
    validator = schema("messages_create_stream.request")
    if validator is None:
        return None
    error = jsonschema.exceptions.best_match(validator.iter_errors(body))
    return f"{error.json_path}: {error.message[:300]}" if error else None
