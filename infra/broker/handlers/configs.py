"""DescribeConfigs, AlterConfigs and IncrementalAlterConfigs. Topics can be changed; the broker only looked at."""

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from kio.schema.errors import ErrorCode

from infra.broker.context import NODE_ID, Context, Request
from infra.broker.errors import RequestRefusedError, StorageFailedError
from infra.broker.log import Topic
from infra.broker.store import Write
from infra.broker.topic_configs import SETTINGS, TYPE_LIST, Setting, broker_settings, check_configs

Configs = Mapping[str, str]

_TOPIC = 2
_BROKER = 4
_SOURCE_TOPIC = 1
_SOURCE_BROKER = 4
_SOURCE_DEFAULT = 5
_SET, _DELETE, _APPEND, _SUBTRACT = range(4)


def describe_configs(context: Context, request: Request) -> None:
    """Explicit values and defaults of topics; what the broker runs with, read-only."""
    request.answer({"results": [_describe(context, resource) for resource in request.body.resources]})


def _describe(context: Context, resource: Any) -> dict[str, Any]:
    error, message, configs = ErrorCode.none, None, []
    try:
        if resource.resource_type == _BROKER:
            _check_broker(resource.resource_name)
            configs = _entries(broker_settings(context.config), {}, resource.configuration_keys, _SOURCE_BROKER)
        else:
            topic = _find_topic(context, resource)
            configs = _entries(SETTINGS, topic.configs, resource.configuration_keys, _SOURCE_DEFAULT)
    except RequestRefusedError as refusal:
        error, message = refusal.code, refusal.message
    return {
        "error_code": error,
        "error_message": message,
        "resource_type": resource.resource_type,
        "resource_name": resource.resource_name,
        "configs": configs,
    }


def _entries(
    settings: Mapping[str, Setting], explicit: Mapping[str, str], wanted: Any, source: int
) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "value": explicit.get(name, setting.default),
            "read_only": source == _SOURCE_BROKER,
            "config_source": _SOURCE_TOPIC if name in explicit else source,
            "is_sensitive": False,
            "synonyms": [],
            "config_type": setting.type,
            "documentation": None,
        }
        for name, setting in settings.items()
        if wanted is None or name in wanted
    ]


def alter_configs(context: Context, request: Request) -> None:
    """Replace the whole explicit configuration of topics."""
    _alter(context, request, lambda _, entries: {entry.name: entry.value for entry in entries})


def incremental_alter_configs(context: Context, request: Request) -> None:
    """Change single settings of topics; the other explicit ones stay."""
    _alter(context, request, _changed)


def _changed(present: Configs, entries: Any) -> dict[str, str | None]:
    configs: dict[str, str | None] = dict(present)
    for entry in entries:
        setting = SETTINGS.get(entry.name)
        if entry.config_operation == _DELETE:
            configs.pop(entry.name, None)
        elif entry.config_operation == _SET or setting is None:
            configs[entry.name] = entry.value
        elif entry.config_operation in (_APPEND, _SUBTRACT) and setting.type == TYPE_LIST:
            configs[entry.name] = _list_changed(configs.get(entry.name) or setting.default, entry)
        else:
            raise RequestRefusedError(
                ErrorCode.invalid_request, f"operation {entry.config_operation} does not suit {entry.name}"
            )
    return configs


def _list_changed(present: str, entry: Any) -> str:
    kept = [part for part in present.split(",") if part]
    named = [part for part in (entry.value or "").split(",") if part]
    if entry.config_operation == _APPEND:
        return ",".join([*kept, *(part for part in named if part not in kept)])
    return ",".join(part for part in kept if part not in named)


def _alter(context: Context, request: Request, wanted: Callable[[Configs, Any], Mapping[str, str | None]]) -> None:
    """Answered after the commit.

    The writer thread works the new settings out, from those in the file: two requests at once build on each other.
    """
    answers: list[dict[str, Any]] = []
    accepted: list[tuple[dict[str, Any], Topic, Any]] = []
    changed: list[tuple[str, dict[str, str]]] = []
    for resource in request.body.resources:
        answer: dict[str, Any] = {"error_code": ErrorCode.none, "error_message": None}
        answers.append(answer | {"resource_type": resource.resource_type, "resource_name": resource.resource_name})
        try:
            accepted.append((answers[-1], _find_topic(context, resource), resource.configs))
        except RequestRefusedError as refusal:
            answers[-1].update(error_code=refusal.code, error_message=refusal.message)

    def change(writer: sqlite3.Connection) -> None:
        for answer, topic, entries in accepted:
            try:
                configs = check_configs(wanted(_read(writer, topic.topic_id), entries))
            except RequestRefusedError as refusal:
                answer.update(error_code=refusal.code, error_message=refusal.message)
                continue
            if not request.body.validate_only:
                _write(writer, topic.topic_id, configs)
                changed.append((topic.name, configs))

    def done(failure: StorageFailedError | None) -> None:
        for name, configs in changed if failure is None else ():
            if name in context.log.topics:
                context.log.configure(name, configs)
        if failure is not None:
            for answer in answers:
                answer.update(error_code=ErrorCode.kafka_storage_error, error_message=str(failure))
        request.answer({"responses": answers})

    context.store.submit(Write(done, change=change))


def _read(writer: sqlite3.Connection, topic_id: int) -> Configs:
    return dict(writer.execute("SELECT name, value FROM topic_configs WHERE topic_id = ?", (topic_id,)).fetchall())


def _write(writer: sqlite3.Connection, topic_id: int, configs: Configs) -> None:
    writer.execute("DELETE FROM topic_configs WHERE topic_id = ?", (topic_id,))
    rows = [(topic_id, name, value) for name, value in configs.items()]
    writer.executemany("INSERT INTO topic_configs VALUES (?, ?, ?)", rows)


def _find_topic(context: Context, resource: Any) -> Topic:
    if resource.resource_type != _TOPIC:
        raise RequestRefusedError(
            ErrorCode.invalid_request,
            f"resources of type {resource.resource_type} have no settings to change here; start the broker with others",
        )
    topic = context.log.topics.get(resource.resource_name)
    if topic is None:
        raise RequestRefusedError(ErrorCode.unknown_topic_or_partition, f"there is no topic {resource.resource_name!r}")
    return topic


def _check_broker(name: str) -> None:
    if name not in ("", str(NODE_ID)):
        raise RequestRefusedError(ErrorCode.invalid_request, f"there is no broker {name!r}, only {NODE_ID}")
