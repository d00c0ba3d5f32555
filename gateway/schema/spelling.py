"""The spellings in which a caller may write a field's name (decisions D3)."""

import difflib
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gateway.schema.descriptors import WireMessage
from gateway.schema.mismatch import Mismatch
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


def respelling_decoder(
    descriptor: Descriptor, decode: Callable[[WireMessage, Any], None]
) -> Callable[[WireMessage, dict[str, Any]], None]:
    """A decoder of bodies that have other spellings: it renames to snake_case, then calls `decode`.

    It raises Mismatch, also for a name that no field has and for one field in two spellings. Errors
    name the fields as the caller wrote them.
    """
    snake_names = {name: snake_case(field.name) for name, field in fields_by_spelling(descriptor).items()}

    def decode_respelled(message: WireMessage, body: dict[str, Any]) -> None:
        try:
            renamed = {snake_names[name]: value for name, value in body.items()}
        except KeyError:
            unknown = next(name for name in body if name not in snake_names)
            raise unknown_field(unknown, snake_names) from None
        if len(renamed) != len(body):
            raise _twice(body, snake_names)
        try:
            decode(message, renamed)
        except Mismatch as mismatch:
            raise mismatch.respelled(dict(zip(renamed, body, strict=True))) from None

    return decode_respelled


def _twice(body: Mapping[str, Any], field_names: Mapping[str, str]) -> Mismatch:
    written: dict[str, str] = {}
    name = next(name for name in body if written.setdefault(field_names[name], name) != name)
    return Mismatch(f"the same field stands here as {written[field_names[name]]} too", name)


def check_single_spellings(body: Mapping[str, Any], field_names: Mapping[str, str]) -> None:
    """Raises Mismatch when two names of the body mean one field; `field_names` tells which they mean."""
    if len({field_names[name] for name in body}) != len(body):
        raise _twice(body, field_names)


def unknown_field(name: str, accepted: Mapping[str, object]) -> Mismatch:
    """The error for a name that no field has."""
    close = probable(name, accepted)
    hint = f"; did you mean {close}?" if close else ""
    return Mismatch(f"there is no such field{hint}", name)
