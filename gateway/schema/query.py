"""Query parameters of GET routes, turned into the JSON values that the decoders check."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gateway.schema.mismatch import Mismatch
from gateway.schema.spelling import fields_by_spelling, unknown_field

_INTEGER = re.compile(r"-?[0-9]{1,20}")
_BOOLS = {"true": True, "false": False}


def query_body(descriptor: Descriptor, query: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The body that says the same as the query. A list is a repeated key or has commas.

    Raises Mismatch for a name that is unknown, given twice though it takes one value, or no scalar
    field. A value that cannot be read as its type stays a string, for the decoder to refuse.
    """
    accepted = {
        name: field for name, field in fields_by_spelling(descriptor).items() if field.message_type is None
    }
    body: dict[str, Any] = {}
    for name, text in query:
        if name not in accepted:
            raise unknown_field(name, accepted)
        field = accepted[name]
        read = _READERS.get(field.cpp_type, _read_text)
        if field.is_repeated:
            body.setdefault(name, []).extend(read(part) for part in text.split(","))
        elif name in body:
            raise Mismatch("given twice, it takes one value").within(name)
        else:
            body[name] = read(text)
    return body


def _read_text(text: str) -> Any:
    return text


def _read_integer(text: str) -> Any:
    """Text that is no integer may still be the name of an enumeration's value."""
    return int(text) if _INTEGER.fullmatch(text) else text


def _read_bool(text: str) -> Any:
    return _BOOLS.get(text, text)


_READERS: dict[int, Callable[[str], Any]] = {
    FieldDescriptor.CPPTYPE_INT32: _read_integer,
    FieldDescriptor.CPPTYPE_UINT32: _read_integer,
    FieldDescriptor.CPPTYPE_INT64: _read_integer,
    FieldDescriptor.CPPTYPE_UINT64: _read_integer,
    FieldDescriptor.CPPTYPE_BOOL: _read_bool,
}
