"""The AsyncAPI 3.0 document: a channel for each topic, an operation for each processor and topic it reads or writes."""

import json
from pathlib import Path
from typing import Any

import yaml

from infra.gen.wiring import Wiring
from schemas.core.envelope import dataschema
from schemas.core.message import Message
from topics.registry import ALL
from topics.topic import Compact, Delete, Topic

EXAMPLES = Path(__file__).resolve().parents[2] / "schemas" / "examples"
BINDING = "0.5.0"
"""Version of the Kafka bindings for AsyncAPI that this document is written in."""

_ATTRIBUTES = {
    "ce_specversion": "Always 1.0.",
    "ce_id": "UUID. Of caused messages UUIDv5 of cause, processor, type and position: a replay repeats it.",
    "ce_source": "/noizylab/<processor>",
    "ce_type": "The message type with its major version.",
    "ce_subject": "The aggregate; equal to the record key.",
    "ce_time": "When it happened, RFC 3339, UTC.",
    "ce_recordedtime": "When it was written, RFC 3339, UTC.",
    "ce_dataschema": "The schema's name.",
    "ce_correlationid": "The ticket that the whole repair runs under.",
    "content-type": "Always application/json.",
    "ce_causationid": "The id of the direct cause.",
    "traceparent": "W3C trace context of this hop.",
    "ce_authtype": "How the one who acted was authenticated.",
    "ce_authid": "Who acted, when a person or a key did.",
}
_OPTIONAL = ("ce_causationid", "traceparent", "ce_authtype", "ce_authid")


def asyncapi(wirings: list[Wiring], version: str) -> str:
    """Return the AsyncAPI 3.0 document, as YAML."""
    carrying = [topic for topic in ALL if topic.carries]
    document: dict[str, Any] = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "NoizyLab OS",
            "version": version,
            "description": "A repair shop's day as a stream of CloudEvents 1.0 in Kafka binary mode.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "embedded": {
                "host": "127.0.0.1:19092",
                "protocol": "kafka",
                "description": "The broker that comes with the house, at its default port.",
            }
        },
        "channels": {topic_id(topic): _channel(topic) for topic in carrying},
        "operations": _operations(wirings),
        "components": {
            "messages": {message.TYPE: _message(topic, message) for topic in carrying for message in topic.carries},
            "messageTraits": {"envelope": {"contentType": "application/json", "headers": _headers()}},
        },
    }
    return yaml.safe_dump(document, sort_keys=False, width=120, allow_unicode=True)


def topic_id(topic: Topic) -> str:
    """Return a topic's name without dots, as ids in documents are written."""
    return topic.name.replace(".", "_")


def _channel(topic: Topic) -> dict[str, Any]:
    return {
        "address": topic.name,
        "summary": topic.summary,
        "tags": [{"name": topic.owner}],
        "messages": {one.TYPE: {"$ref": f"#/components/messages/{one.TYPE}"} for one in topic.carries},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "replicas": topic.replicas,
                "topicConfiguration": _configuration(topic),
                "bindingVersion": BINDING,
            }
        },
        "x-owner": topic.owner,
        "x-key": topic.key,
        "x-personal-data": topic.personal_data,
    }


def _configuration(topic: Topic) -> dict[str, Any]:
    common: dict[str, Any] = {
        "cleanup.policy": ["compact" if isinstance(topic.cleanup, Compact) else "delete"],
        "max.message.bytes": topic.max_bytes,
    }
    if isinstance(topic.cleanup, Delete):
        common["retention.ms"] = int(topic.config()["retention.ms"])
    return common


def _message(topic: Topic, message: type[Message]) -> dict[str, Any]:
    stem = message.TYPE.removeprefix("noizylab.")
    payload = json.loads((EXAMPLES / stem / "full.json").read_text(encoding="utf-8"))
    return {
        "name": message.TYPE,
        "title": message.__name__,
        "summary": " ".join((message.__doc__ or "").split()),
        "traits": [{"$ref": "#/components/messageTraits/envelope"}],
        "correlationId": {"location": "$message.header#/ce_correlationid"},
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": f"../../../schemas/json/{stem}.json"},
        },
        "bindings": {"kafka": {"key": _key(topic), "bindingVersion": BINDING}},
        "examples": [{"name": "full", "payload": payload}],
        "x-dataschema": dataschema(message.TYPE),
    }


def _key(topic: Topic) -> dict[str, str]:
    if isinstance(topic.cleanup, Compact):
        return {"type": "string", "description": f"The aggregate's key; it begins with its {topic.key}."}
    return {"type": "string", "description": f"Equal to {topic.key} of the data."}


def _headers() -> dict[str, Any]:
    properties = {name: {"type": "string", "description": text} for name, text in _ATTRIBUTES.items()}
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in _ATTRIBUTES if name not in _OPTIONAL],
    }


def _operations(wirings: list[Wiring]) -> dict[str, Any]:
    operations: dict[str, Any] = {}
    for wiring in wirings:
        for topic in wiring.reads:
            operation = _operation("receive", topic, wiring.hears[topic.name])
            # The gateway folds the log in memory, from its start, in no consumer group.
            if wiring.processor != "gateway":
                group = {"type": "string", "enum": [f"noizylab.{wiring.processor}"]}
                operation["bindings"] = {"kafka": {"groupId": group, "bindingVersion": BINDING}}
            operations[f"{wiring.processor}_receive_{topic_id(topic)}"] = operation
        for topic in wiring.writes:
            operations[f"{wiring.processor}_send_{topic_id(topic)}"] = _operation("send", topic, topic.carries)
    return operations


def _operation(action: str, topic: Topic, messages: tuple[type[Message], ...]) -> dict[str, Any]:
    channel = f"#/channels/{topic_id(topic)}"
    return {
        "action": action,
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{message.TYPE}"} for message in messages],
    }
