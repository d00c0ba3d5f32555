"""Encoders for answers and pushes: Python source written for each message and compiled once.

The source of a message reads like one written by hand; `Encoders.source` shows it.
"""

import base64
import struct
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gateway.schema.descriptors import WireMessage, message_class
from gateway.schema.enums import enum_of
from gateway.schema.names import snake_case
from gateway.schema.numbering import Numbering, renumbering
from gateway.schema.value import INT64_TYPES

Encode = Callable[[WireMessage], dict[str, Any]]


class Int64Format(StrEnum):
    """How 64-bit integers stand in answers. JavaScript cannot hold all of them as numbers."""

    NUMBER = "number"
    STRING = "string"


class Encoders(dict[type[WireMessage], Encode]):
    """The encoders of one numbering and one format by message class, each built when first asked for."""

    def __init__(self, numbering: Numbering, int64: Int64Format) -> None:
        super().__init__()
        self._numbering = numbering
        self._int64 = int64

    def __missing__(self, message_type: type[WireMessage]) -> Encode:
        encode = self[message_type] = self._compile(message_type.DESCRIPTOR)
        return encode

    def _compile(self, descriptor: Descriptor) -> Encode:
        # The source holds nothing but names from the compiled .proto files.
        namespace: dict[str, Any] = {
            "shortest": shortest_float,
            "base64_text": base64_text,
        }
        for field in descriptor.fields:
            if field.message_type is not None:
                namespace[f"encode_{field.name}"] = self[message_class(field.message_type.full_name)]
            elif shown := self._shown(field):
                namespace[f"shown_{field.name}"] = shown
        code = compile(self.source(descriptor), f"<encoder of {descriptor.full_name}>", "exec")
        exec(code, namespace)  # noqa: S102
        encode: Encode = namespace["encode"]
        return encode

    def source(self, descriptor: Descriptor) -> str:
        """The Python source of a message's encoder.

        Fields that always stand in the answer make up one literal. For an optional field that is set,
        its value is mostly not the default, so only the others are asked whether they are set. `in` asks
        as `HasField` does, and a slice makes a list of a repeated field, at half the cost each. An empty
        list needs no comprehension, and a message of a few values no call.
        """
        always = [field for field in descriptor.fields if field.is_required or field.is_repeated]
        optional = [field for field in descriptor.fields if not (field.is_required or field.is_repeated)]
        lines = ["def encode(message):", "    answer = {"]
        lines += [f"        {snake_case(field.name)!r}: {self._value(field)}," for field in always]
        lines += ["    }"]
        for field in optional:
            lines += self._optional(field)
        lines += ["    return answer", ""]
        return "\n".join(lines)

    def _optional(self, field: FieldDescriptor) -> list[str]:
        put = f"answer[{snake_case(field.name)!r}]"
        if field.message_type is not None:
            return [
                f"    if {field.name!r} in message:",
                f"        {put} = {self._value(field)}",
            ]
        return [
            f"    value = message.{field.name}",
            f"    if value or {field.name!r} in message:",
            f"        {put} = {self._expression(field, 'value')}",
        ]

    def _value(self, field: FieldDescriptor) -> str:
        source = f"message.{field.name}"
        if not field.is_repeated:
            return self._expression(field, source)
        element = self._expression(field, "each")
        if element == "each":
            return f"{source}[:]"
        return f"(values := {source}[:]) and [{element} for each in values]"

    def _expression(self, field: FieldDescriptor, value: str) -> str:
        """The source that makes JSON of the source `value`."""
        if field.message_type is not None:
            if self._is_flat(field.message_type):
                return self._literal(field.message_type, value)
            return f"encode_{field.name}({value})"
        if self._shown(field):
            return f"shown_{field.name}[{value}]"
        if field.type in INT64_TYPES and self._int64 is Int64Format.STRING:
            return f"str({value})"
        return _EXPRESSIONS.get(field.type, "{0}").format(value)

    def _is_flat(self, descriptor: Descriptor) -> bool:
        """Whether a message, such as a security, is but a few values that are always there."""
        return bool(descriptor.fields) and all(
            field.is_required and field.message_type is None and self._shown(field) is None
            for field in descriptor.fields
        )

    def _literal(self, descriptor: Descriptor, value: str) -> str:
        """The source of a flat message where it stands, which spares a call."""
        inner = value if value == "each" else "inner"
        values = [self._expression(field, f"{inner}.{field.name}") for field in descriptor.fields]
        if inner != value:
            values[0] = values[0].replace(f"{inner}.", f"({inner} := {value}).", 1)
        members = (
            f"{snake_case(field.name)!r}: {each}"
            for field, each in zip(descriptor.fields, values, strict=True)
        )
        return f"{{{', '.join(members)}}}"

    def _shown(self, field: FieldDescriptor) -> Any:
        enumeration = enum_of(field)
        change = renumbering(enumeration.full_name, self._numbering) if enumeration else None
        return change.shown if change else None


_EXPRESSIONS = {
    FieldDescriptor.TYPE_FLOAT: "shortest({0})",
    FieldDescriptor.TYPE_BYTES: "base64_text({0})",
}
_FLOAT32 = struct.Struct("<f")
_FLOAT32_FORMATS = ("%.6g", "%.7g", "%.8g", "%.9g")


def base64_text(value: bytes) -> str:
    """Bytes as JSON carries them."""
    return base64.b64encode(value).decode("ascii")


def shortest_float(value: float) -> float:
    """The number with the fewest digits that a 32-bit float stands for."""
    for digits in _FLOAT32_FORMATS:
        number = float(digits % value)
        if _FLOAT32.unpack(_FLOAT32.pack(number))[0] == value:
            return number
    return value
