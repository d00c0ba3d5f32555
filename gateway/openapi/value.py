"""Single values as schemas: fields that are no messages, as answers carry them and requests may."""

from google.protobuf.descriptor import FieldDescriptor

from gateway.openapi.component import Components, Schema
from gateway.openapi.enumeration import INTEGER, Enumerations
from gateway.schema import rules
from gateway.schema.enums import enum_of

BOOLEAN: Schema = {"type": "boolean"}
STRING: Schema = {"type": "string"}
UNSIGNED: Schema = {**INTEGER, "minimum": 0}
BASE64: Schema = {"type": "string", "contentEncoding": "base64"}
NUMBER: Schema = {"type": "number", "format": "double"}
NUMBER_OR_NULL: Schema = {"type": ["number", "null"], "format": "double"}
"""OpenD may set a field to no number at all, and JSON has no NaN."""

_INT64 = {
    FieldDescriptor.TYPE_INT64: ("Int64", "^(0|-?[1-9][0-9]{0,18})$", {}),
    FieldDescriptor.TYPE_UINT64: ("UInt64", "^(0|[1-9][0-9]{0,19})$", {"format": "uint64", "minimum": 0}),
}
_ANSWERED: dict[int, Schema] = {
    FieldDescriptor.TYPE_BOOL: BOOLEAN,
    FieldDescriptor.TYPE_STRING: STRING,
    FieldDescriptor.TYPE_BYTES: BASE64,
    FieldDescriptor.TYPE_INT32: INTEGER,
    FieldDescriptor.TYPE_UINT32: UNSIGNED,
    FieldDescriptor.TYPE_DOUBLE: NUMBER_OR_NULL,
    FieldDescriptor.TYPE_FLOAT: NUMBER_OR_NULL,
}
_ASKED: dict[int, Schema] = {
    **_ANSWERED,
    FieldDescriptor.TYPE_DOUBLE: NUMBER,
    FieldDescriptor.TYPE_FLOAT: NUMBER,
}


class Values:
    """Schemas of the values of fields; of a repeated field, of one element."""

    def __init__(self, components: Components, enumerations: Enumerations) -> None:
        self._components = components
        self._enumerations = enumerations

    def answer(self, field: FieldDescriptor) -> Schema:
        """What an answer carries."""
        if enumeration := enum_of(field):
            return self._enumerations.answer(enumeration)
        if field.type in _INT64:
            return self.int64(field.type)
        return _ANSWERED[field.type]

    def request(self, field: FieldDescriptor) -> Schema:
        """What a request may give."""
        if enumeration := enum_of(field):
            return self._enumerations.request(enumeration, refuse_unknown=field.is_required)
        if field.type in _INT64:
            return self.int64(field.type)
        return {**_ASKED[field.type], **_limits(field)}

    def int64(self, field_type: int) -> Schema:
        """A 64-bit integer, of requests and answers alike."""
        name, pattern, bounds = _INT64[field_type]
        return self._components.refer(name, name, lambda: _number_or_digits(pattern, bounds))


def _number_or_digits(pattern: str, bounds: Schema) -> Schema:
    return {
        "description": "A 64-bit integer, as a number or as a text of digits. In answers it is what the "
        "query parameter `int64` asks for.",
        "anyOf": [{"type": "integer", "format": "int64", **bounds}, {"type": "string", "pattern": pattern}],
    }


def _limits(field: FieldDescriptor) -> Schema:
    """What the gateway asks of a field beyond its type."""
    name = field.full_name
    if minimum := rules.MINIMA.get(name):
        return {("minimum" if minimum.is_allowed else "exclusiveMinimum"): minimum.value}
    if name in rules.CODES:
        return {"minLength": 1, "pattern": r"\S"}
    if name in rules.MAX_UTF8_BYTES:
        return {"maxLength": rules.MAX_UTF8_BYTES[name]}
    return {}
