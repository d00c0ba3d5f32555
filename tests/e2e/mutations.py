"""Wrong versions of a right body: one field missing, one of the wrong type, one unknown."""

import copy
from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gateway.schema.names import snake_case

Path = tuple[str | int, ...]


def fields(message: Descriptor, body: Any, prefix: Path = ()) -> Iterator[tuple[Path, FieldDescriptor]]:
    """Each field that `body` gives, at any depth, with its path."""
    for field in message.fields:
        name = snake_case(field.name)
        if not isinstance(body, dict) or name not in body:
            continue
        path = (*prefix, name)
        yield path, field
        if field.message_type is None:
            continue
        values = enumerate(body[name]) if field.is_repeated else [(None, body[name])]
        for index, value in values:
            yield from fields(field.message_type, value, path if index is None else (*path, index))


def written(path: Path) -> str:
    """The path as an error names it: `security_list[0].market`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _parent(body: Any, path: Path) -> Any:
    for step in path[:-1]:
        body = body[step]
    return body


def without(body: dict[str, Any], path: Path) -> dict[str, Any]:
    """The body with the field at `path` left out."""
    changed = copy.deepcopy(body)
    del _parent(changed, path)[path[-1]]
    return changed


def with_value(body: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """The body with another value at `path`."""
    changed = copy.deepcopy(body)
    _parent(changed, path)[path[-1]] = value
    return changed


def ill_typed(field: FieldDescriptor) -> Any:
    """A value that no field of this type accepts."""
    if field.is_repeated:
        return {"not": "a list"}
    if field.message_type is not None:
        return 12
    return ["not a scalar"]


def objects(message: Descriptor, body: Any) -> Iterator[Path]:
    """The path of every JSON object that stands for a message, the body itself first."""
    yield ()
    for path, field in fields(message, body):
        if field.message_type is None:
            continue
        value = _parent(body, path)[path[-1]]
        items = [(*path, index) for index in range(len(value))] if field.is_repeated else [path]
        for item in items:
            if isinstance(_parent(body, item)[item[-1]], dict):
                yield item
