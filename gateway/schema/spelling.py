"""The spellings in which a caller may write a field's name (decisions D3)."""

import difflib
from collections.abc import Mapping
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gateway.schema.names import snake_case

_LONGEST_COMPARED = 64


@cache
def fields_by_spelling(descriptor: Descriptor) -> Mapping[str, FieldDescriptor]:
    """Each accepted spelling: snake_case, the protocol's own, and that one's camelCase.

    Raises ValueError when one spelling would mean two fields.
    """
    spelled: dict[str, FieldDescriptor] = {}
    for field in descriptor.fields:
        for name in (snake_case(field.name), field.name, field.camelcase_name):
            if spelled.setdefault(name, field) is not field:
                raise ValueError(f"{descriptor.full_name}: {name} is ambiguous")
    return spelled


def as_written(descriptor: Descriptor, field_name: str, body: Mapping[str, Any]) -> str:
    """The caller's spelling of the protocol's `field_name`; snake_case when the body lacks it."""
    spelled = fields_by_spelling(descriptor)
    written = (name for name in body if name in spelled and spelled[name].name == field_name)
    return next(written, snake_case(field_name))


def probable(name: str, accepted: Mapping[str, object]) -> str | None:
    """The snake_case field that was probably meant by an unknown name, if one is close."""
    if len(name) > _LONGEST_COMPARED:
        return None
    candidates = [spelling for spelling in accepted if spelling == snake_case(spelling)]
    close = difflib.get_close_matches(snake_case(name), candidates, n=1)
    return close[0] if close else None
