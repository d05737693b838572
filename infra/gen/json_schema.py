"""JSON Schema 2020-12 of every message type, one file a type and major version."""

import json
from typing import Any

from schemas.core.envelope import dataschema
from topics.registry import ALL


def schema_files() -> dict[str, str]:
    """Return file name and content for each message type."""
    files = {}
    for topic in ALL:
        for message in topic.carries:
            schema: dict[str, Any] = {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "$id": dataschema(message.TYPE),
                **message.model_json_schema(),
            }
            files[f"{message.TYPE.removeprefix('noizylab.')}.json"] = (
                json.dumps(schema, indent=1, sort_keys=False) + "\n"
            )
    return files
