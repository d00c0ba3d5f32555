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


class Respelling:
    """Decodes a body that has names which are not snake_case: renames them, then decodes.

    Errors name the fields as the caller wrote them.
    """

    def __init__(
        self, accepted: Mapping[str, FieldDescriptor], decode: Callable[[WireMessage, Any], None]
    ) -> None:
        self._snake_names = {name: snake_case(field.name) for name, field in accepted.items()}
        self._decode = decode

    def __call__(self, message: WireMessage, body: Mapping[str, Any]) -> None:
        """Raises Mismatch, also for a name that no field has and for one field in two spellings."""
        names = self._snake_names
        try:
            renamed = {names[name]: value for name, value in body.items()}
        except KeyError:
            unknown = next(name for name in body if name not in names)
            raise unknown_field(unknown, names) from None
        written = {names[name]: name for name in body}
        if len(renamed) != len(body):
            twice = next(name for name in body if written[names[name]] != name)
            raise Mismatch("the same field stands here twice, in two spellings", twice)
        try:
            self._decode(message, renamed)
        except Mismatch as mismatch:
            raise mismatch.respelled(written) from None


def unknown_field(name: str, accepted: Mapping[str, object]) -> Mismatch:
    """The error for a name that no field has."""
    close = probable(name, accepted)
    hint = f"; did you mean {close}?" if close else ""
    return Mismatch(f"there is no such field{hint}", name)
