"""Decoders for requests, built once for each message from its descriptor.

A decoder is a closure over a table of the accepted names, so that a body costs one look-up and one
check for each field that it holds. What is right is put into the message at once; what is wrong
leaves as a `Mismatch`, which learns its path on the way out.
"""

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gateway.schema import rules
from gateway.schema.descriptors import WireMessage
from gateway.schema.mismatch import Mismatch, found
from gateway.schema.names import snake_case
from gateway.schema.numbering import Numbering
from gateway.schema.security import SECURITY, security_decoder
from gateway.schema.spelling import as_written, fields_by_spelling, probable
from gateway.schema.value import Check, scalar

Decode = Callable[[WireMessage, Any], None]
"""Fills an empty message from a JSON object. Raises Mismatch; the message is then half filled."""

Put = Callable[[WireMessage, Any], None]
"""Checks a JSON value and sets one field of a message to it. Raises Mismatch."""

TRADE_HEADER = "Trd_Common.TrdHeader"
FLAT_FIELDS = ("trdEnv", "accID", "trdMarket")
"""The fields of a trade header that may stand flat beside it."""


class DecoderFactory:
    """Builds the decoders of one numbering, each when it is first asked for."""

    def __init__(self, numbering: Numbering) -> None:
        self._numbering = numbering
        self._built: dict[str, Decode] = {}

    def decoder(self, descriptor: Descriptor) -> Decode:
        """The decoder of a message, all rules of its fields and of the whole included."""
        name = descriptor.full_name
        if name not in self._built:
            self._built[name] = self._build(descriptor)
        return self._built[name]

    def _build(self, descriptor: Descriptor) -> Decode:
        header = descriptor.fields_by_name.get("header")
        header_type = header.message_type if header else None
        if header_type is not None and header_type.full_name == TRADE_HEADER:
            decode = self._trade_decoder(descriptor, header_type)
        else:
            decode = self._fields_decoder(descriptor, _required(descriptor))
        if descriptor.full_name == SECURITY:
            return security_decoder(decode)
        return _with_rules(descriptor, decode)

    def _fields_decoder(self, descriptor: Descriptor, required: frozenset[str]) -> Decode:
        """A decoder of the message's own fields; `required` have to be there."""
        bits = {field.name: 1 << index for index, field in enumerate(descriptor.fields)}
        table = {
            spelling: (bits[field.name], self._put(field))
            for spelling, field in fields_by_spelling(descriptor).items()
        }
        required_bits = sum(bits[name] for name in required)

        def decode(message: WireMessage, body: Any) -> None:
            if type(body) is not dict:
                raise found(body, "accepted is an object")
            seen = 0
            name = ""
            try:
                for name, value in body.items():
                    entry = table.get(name)
                    if entry is None:
                        raise unknown_field(name, table)
                    bit, put = entry
                    if seen & bit:
                        raise Mismatch("the same field stands here twice, in two spellings")
                    put(message, value)
                    seen |= bit
            except Mismatch as mismatch:
                raise mismatch.within(name) from None
            if seen & required_bits != required_bits:
                absent = (field for field in descriptor.fields if field.name in required)
                raise self.missing(next(field for field in absent if not seen & bits[field.name]))

        return decode

    def _put(self, field: FieldDescriptor) -> Put:
        if field.message_type is not None:
            decode = self._nested(field.message_type)
            return (
                _put_messages(field.name, decode) if field.is_repeated else _put_message(field.name, decode)
            )
        check = scalar(field, self._numbering).check
        return _put_scalars(field.name, check) if field.is_repeated else _put_scalar(field.name, check)

    def _nested(self, descriptor: Descriptor) -> Decode:
        if descriptor.full_name == TRADE_HEADER:
            # What the header lacks may stand flat beside it, so it is asked for only at the end.
            return self._fields_decoder(descriptor, frozenset())
        return self.decoder(descriptor)

    def missing(self, field: FieldDescriptor, *steps: str) -> Mismatch:
        """The error for a field that has to be given, inside the objects named by `steps`."""
        name = snake_case(field.name)
        if field.message_type is not None:
            return Mismatch("missing, it is required", *steps, name)
        return Mismatch(f"missing, {scalar(field, self._numbering).accepted}", *steps, name)

    def _trade_decoder(self, descriptor: Descriptor, header_type: Descriptor) -> Decode:
        """A decoder that takes the header's fields flat beside the header too."""
        own = self._fields_decoder(descriptor, _required(descriptor) - {"header"})
        own_names = fields_by_spelling(descriptor)
        header_names = fields_by_spelling(header_type)
        flat_names = {
            spelling: field
            for spelling, field in header_names.items()
            if field.name in FLAT_FIELDS and spelling not in own_names
        }
        checks = {
            name: scalar(header_type.fields_by_name[name], self._numbering).check for name in FLAT_FIELDS
        }
        has_own_market = "trdMarket" in descriptor.fields_by_name

        def decode(message: WireMessage, body: Any) -> None:
            flat = [name for name in body if name in flat_names] if type(body) is dict else []
            own(message, {name: body[name] for name in body if name not in flat_names} if flat else body)
            header = message.header
            fields_seen = set()
            for name in flat:
                field_name = flat_names[name].name
                if field_name in fields_seen:
                    raise Mismatch("the same field stands here twice, in two spellings", name)
                fields_seen.add(field_name)
                _put_flat(header, field_name, name, body[name], checks[field_name])
            if has_own_market and message.trdMarket and not header.HasField("trdMarket"):
                header.trdMarket = message.trdMarket
            for field_name in FLAT_FIELDS:
                if not header.HasField(field_name):
                    step = as_written(descriptor, "header", body)
                    raise self.missing(header_type.fields_by_name[field_name], step)

        return decode


def _required(descriptor: Descriptor) -> frozenset[str]:
    """The fields that the caller has to give, by their protocol names."""
    settled = set(rules.DEFAULTS.get(descriptor.full_name, ()))
    settled.update(rules.PLACEHOLDERS.get(descriptor.full_name, ()))
    settled |= rules.OPTIONAL_HERE.get(descriptor.full_name, frozenset())
    return frozenset(field.name for field in descriptor.fields if field.is_required) - settled


def _with_rules(descriptor: Descriptor, decode: Decode) -> Decode:
    defaults = rules.DEFAULTS.get(descriptor.full_name, {})
    placeholders = rules.PLACEHOLDERS.get(descriptor.full_name, {})
    message_rules = rules.MESSAGE_RULES.get(descriptor.full_name, ())
    if not (defaults or placeholders or message_rules):
        return decode

    def decode_with_rules(message: WireMessage, body: Any) -> None:
        decode(message, body)
        given = {field.name for field, _ in message.ListFields()}
        for name in placeholders:
            message.ClearField(name)
        absent = {name: value for name, value in defaults.items() if name not in given}
        message.MergeFrom(type(message)(**absent, **placeholders))
        for rule in message_rules:
            rule(message, body)

    return decode_with_rules


def unknown_field(name: str, accepted: Mapping[str, object]) -> Mismatch:
    """The error for a name that no field has."""
    close = probable(name, accepted)
    return Mismatch(f"there is no such field; did you mean {close}?" if close else "there is no such field")


def _put_scalar(name: str, check: Check) -> Put:
    def put(message: WireMessage, value: Any) -> None:
        setattr(message, name, check(value))

    return put


def _put_scalars(name: str, check: Check) -> Put:
    def put(message: WireMessage, values: Any) -> None:
        append = getattr(message, name).append
        each_element(values, lambda value: append(check(value)))

    return put


def _put_message(name: str, decode: Decode) -> Put:
    def put(message: WireMessage, value: Any) -> None:
        nested = getattr(message, name)
        nested.SetInParent()
        decode(nested, value)

    return put


def _put_messages(name: str, decode: Decode) -> Put:
    def put(message: WireMessage, values: Any) -> None:
        add = getattr(message, name).add
        each_element(values, lambda value: decode(add(), value))

    return put


def each_element(values: Any, take: Callable[[Any], None]) -> None:
    """Call `take` with each element of a JSON list. Raises Mismatch, with the element's index."""
    if type(values) is not list:
        raise found(values, "accepted is a list; put a single value in brackets: [...]")
    for index, value in enumerate(values):
        try:
            take(value)
        except Mismatch as mismatch:
            raise mismatch.within(index) from None


def _put_flat(header: WireMessage, field_name: str, name: str, value: Any, check: Check) -> None:
    try:
        wire = check(value)
    except Mismatch as mismatch:
        raise mismatch.within(name) from None
    if header.HasField(field_name) and getattr(header, field_name) != wire:
        raise Mismatch("given here and in header, and the two differ", name)
    setattr(header, field_name, wire)
