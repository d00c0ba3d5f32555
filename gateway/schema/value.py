"""Checks that turn one JSON value into the value of a protobuf field, or say what is wrong."""

import base64
import binascii
import math
import re
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

from gateway.schema import rules
from gateway.schema.enums import enum_of, folded, is_unknown, numbers_by_name, short_name
from gateway.schema.mismatch import Mismatch, found, type_shown
from gateway.schema.numbering import ENVIRONMENTS_ACCEPTED, TRD_ENV, Numbering, renumbering

Check = Callable[[Any], Any]
"""Takes a JSON value and returns the wire's. Raises Mismatch."""

_NAMED_IN_TEXT = 24
_INT32_MAX = 2**31 - 1
_DOUBLE_MAX = sys.float_info.max
_DIGITS = re.compile(r"0|-?[1-9][0-9]{0,19}")

_INT_RANGES = {
    FieldDescriptor.TYPE_INT32: (-(2**31), _INT32_MAX),
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT64: (0, 2**64 - 1),
}
INT64_TYPES = frozenset({FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_UINT64})


class Scalar(NamedTuple):
    """How values of a field are checked, and what is accepted, for the text of an error.

    `condition` is Python source that is true only of a `value` which `check` would return unchanged;
    it may name `plain` as `plain_` and the field's name. It spares most values the call.
    """

    check: Check
    accepted: str
    condition: str = ""
    plain: frozenset[int] = frozenset()


def scalar(field: FieldDescriptor, numbering: Numbering) -> Scalar:
    """The check for one value of a field that is no message; of a repeated field, for one element."""
    if enumeration := enum_of(field):
        return enum_value(enumeration, numbering, refuse_unknown=field.is_required)
    if field.type in _INT_RANGES:
        return _integer(*_INT_RANGES[field.type], as_text=field.type in INT64_TYPES)
    if field.type == FieldDescriptor.TYPE_STRING:
        return _string_field(field.full_name)
    if field.type == FieldDescriptor.TYPE_DOUBLE:
        return _number(rules.MINIMA.get(field.full_name))
    return _BY_TYPE[field.type]


def _integer(low: int, high: int, *, as_text: bool) -> Scalar:
    accepted = f"accepted is an integer from {low} to {high}"
    if as_text:
        accepted += ", as a number or as a string of digits"

    def check(value: Any) -> int:
        number = value
        if as_text and type(value) is str and _DIGITS.fullmatch(value):
            number = int(value)
        if type(number) is int and low <= number <= high:
            return number
        raise found(value, accepted)

    return Scalar(check, accepted, f"type(value) is int and {low} <= value <= {high}")


class Choices(NamedTuple):
    """The values of an enumeration that a caller may give, each with the protocol's number.

    `numbers` is by the number as the caller writes it, `names` by the name in its folded form.
    """

    numbers: dict[int, int]
    names: dict[str, int]


def choices(enumeration: EnumDescriptor, numbering: Numbering, *, refuse_unknown: bool) -> Choices:
    """What a caller may give; `refuse_unknown` bars the value that stands for none."""
    barred = set(rules.MEANINGLESS.get(enumeration.full_name, ()))
    if refuse_unknown:
        barred |= {value.number for value in enumeration.values if is_unknown(enumeration, value.name)}
    change = renumbering(enumeration.full_name, numbering)
    numbers = {value.number: value.number for value in enumeration.values}
    numbers.update(change.to_wire if change else {})
    return Choices(
        {number: wire for number, wire in numbers.items() if wire not in barred},
        {name: wire for name, wire in numbers_by_name(enumeration).items() if wire not in barred},
    )


def enum_value(enumeration: EnumDescriptor, numbering: Numbering, *, refuse_unknown: bool) -> Scalar:
    """The check for a number or a name; `refuse_unknown` bars the value that stands for none."""
    numbers, names = choices(enumeration, numbering, refuse_unknown=refuse_unknown)
    if enumeration.full_name == TRD_ENV:
        accepted = ENVIRONMENTS_ACCEPTED[numbering]
    else:
        accepted = _enum_text(enumeration, numbers, set(names.values()))
    is_open = enumeration.full_name in rules.OPEN_ENUMS

    def check(value: Any) -> int:
        wire = None
        if type(value) is int:
            wire = numbers.get(value)
            if wire is None and is_open and 0 <= value <= _INT32_MAX:
                wire = value
        elif type(value) is str and value.isascii():
            wire = names.get(folded(value))
        if wire is None:
            raise found(value, accepted)
        return wire

    plain = frozenset(number for number, wire in numbers.items() if number == wire)
    return Scalar(check, accepted, "type(value) is int and value in plain_{0}", plain)


def _enum_text(enumeration: EnumDescriptor, numbers: dict[int, int], wires: set[int]) -> str:
    shorts = {
        value.number: short_name(enumeration, value.name) for value in reversed(list(enumeration.values))
    }
    parts = [f"{number} ({shorts[wire]})" for number, wire in sorted(numbers.items())]
    parts += [f'"{shorts[wire]}"' for wire in sorted(wires - set(numbers.values()))]
    if len(parts) > _NAMED_IN_TEXT:
        more = len(parts) - _NAMED_IN_TEXT
        parts = [*parts[:_NAMED_IN_TEXT], f"and {more} more of {enumeration.full_name}"]
    return f"accepted are {', '.join(parts)}; by number or name"


def _number(minimum: rules.Minimum | None) -> Scalar:
    accepted = "accepted is a finite number" + (f", {minimum.text}" if minimum else "")

    def check(value: Any) -> float:
        if type(value) is float or type(value) is int:
            number = _finite(value)
            if number is not None and (minimum is None or minimum.holds_for(number)):
                return number
        raise found(value, accepted)

    least = f"{minimum.value} {'<=' if minimum.is_allowed else '<'}" if minimum else f"{-_DOUBLE_MAX} <="
    return Scalar(check, accepted, f"type(value) is float and {least} value <= {_DOUBLE_MAX}")


def _finite(value: float) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _string_field(full_name: str) -> Scalar:
    if full_name in rules.SECRETS:
        return _secret(_string("accepted is a string"))
    if full_name in rules.CODES:
        return _string("accepted is a code that is not empty", str.strip, condition=_PLAIN_CODE)
    if full_name in rules.MAX_UTF8_BYTES:
        limit = rules.MAX_UTF8_BYTES[full_name]
        return _string(
            f"accepted is a string of at most {limit} bytes in UTF-8",
            lambda value: len(value.encode()) <= limit,
        )
    return _string("accepted is a string", condition=_PLAIN_STRING)


_PLAIN_STRING = "type(value) is str and value.isascii() and value.isprintable()"
_PLAIN_CODE = "type(value) is str and value.isascii() and value.isalnum()"


def _string(
    accepted: str, is_accepted: Callable[[str], object] = lambda value: True, condition: str = ""
) -> Scalar:
    def check(value: Any) -> str:
        if type(value) is str and "\0" not in value and _is_encodable(value) and is_accepted(value):
            return value
        raise found(value, accepted)

    return Scalar(check, accepted, condition)


def _is_encodable(value: str) -> bool:
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _secret(open_scalar: Scalar) -> Scalar:
    def check(value: Any) -> Any:
        try:
            return open_scalar.check(value)
        except Mismatch:
            raise Mismatch(f"found {type_shown(value)}, {open_scalar.accepted}") from None

    return Scalar(check, open_scalar.accepted)


_BOOL_ACCEPTED = "accepted is true or false"
_BYTES_ACCEPTED = "accepted is a string in base64"


def _bool(value: Any) -> bool:
    if type(value) is bool:
        return value
    raise found(value, _BOOL_ACCEPTED)


def _bytes(value: Any) -> bytes:
    if type(value) is str and value.isascii():
        try:
            return base64.b64decode(value, validate=True)
        except binascii.Error:
            raise found(value, _BYTES_ACCEPTED) from None
    raise found(value, _BYTES_ACCEPTED)


_BY_TYPE = {
    FieldDescriptor.TYPE_BOOL: Scalar(_bool, _BOOL_ACCEPTED, "type(value) is bool"),
    FieldDescriptor.TYPE_BYTES: Scalar(_bytes, _BYTES_ACCEPTED),
}
