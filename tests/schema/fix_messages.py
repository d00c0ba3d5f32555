"""Bodies and messages made from descriptors, for tables over all protocols."""

from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gateway.schema.descriptors import WireMessage, message_class
from gateway.schema.enums import enum_of
from gateway.schema.names import snake_case

_SAMPLES: dict[int, Any] = {
    FieldDescriptor.CPPTYPE_BOOL: True,
    FieldDescriptor.CPPTYPE_DOUBLE: 381.8,
    FieldDescriptor.CPPTYPE_FLOAT: 0.25,
    FieldDescriptor.CPPTYPE_INT32: 7,
    FieldDescriptor.CPPTYPE_UINT32: 7,
    FieldDescriptor.CPPTYPE_INT64: 281756479345015383,
    FieldDescriptor.CPPTYPE_UINT64: 281756479345015383,
    FieldDescriptor.CPPTYPE_STRING: "2021-09-13 16:45:00",
}


def sample_value(field: FieldDescriptor) -> Any:
    """A value that both a caller and OpenD could give for a field that is no message."""
    enumeration = enum_of(field)
    if enumeration is not None:
        return max(value.number for value in enumeration.values if value.number <= 2)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return b"\x00key\xff"
    return _SAMPLES[field.cpp_type]


def filled_message(descriptor: Descriptor, rows: int) -> WireMessage:
    """A message with every field set, the lists of the first level of S2C `rows` long, others 2."""
    return message_class(descriptor.full_name)(**_filled(descriptor, rows))


def _filled(descriptor: Descriptor, rows: int) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for field in descriptor.fields:
        if field.message_type is None:
            value = sample_value(field)
        else:
            value = _filled(field.message_type, rows if field.name == "s2c" else 2)
        fields[field.name] = [value] * rows if field.is_repeated else value
    return fields


def plain_body(descriptor: Descriptor) -> dict[str, Any]:
    """A valid body with every field, names in snake_case, numbers of the protocol.

    Placeholders and what contradicts itself in Trd_ModifyOrder are right for both numberings.
    """
    body: dict[str, Any] = {}
    for field in descriptor.fields:
        if field.message_type is not None:
            value = plain_body(field.message_type)
        elif field.type == FieldDescriptor.TYPE_BYTES:
            value = "AGtleQ=="
        else:
            value = sample_value(field)
        body[snake_case(field.name)] = [value, value] if field.is_repeated else value
    return body


def page_order(**changes: Any) -> dict[str, Any]:
    """The documentation page's order, with fields changed; a change to None leaves the field out."""
    order = {
        "packet_id": {"conn_id": 12345, "serial_no": 1},
        "header": {"trd_env": 1, "acc_id": 987654, "trd_market": 1},
        "trd_side": 1,
        "order_type": 1,
        "code": "00700",
        "qty": 100,
        "price": 300.0,
        "sec_market": 1,
    }
    order.update(changes)
    return {name: value for name, value in order.items() if value is not None}
