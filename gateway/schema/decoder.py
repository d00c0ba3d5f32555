"""Decoders for requests: Python source written for each message and compiled once.

The source of a message reads like one written by hand; `DecoderFactory.source` shows it. What is
right is put into the message at once; what is wrong leaves as a `Mismatch`, which learns its path on
the way out.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NoReturn

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gateway.schema import rules
from gateway.schema.descriptors import WireMessage, message
from gateway.schema.mismatch import Mismatch, found
from gateway.schema.names import snake_case
from gateway.schema.numbering import Numbering
from gateway.schema.security import ACCEPTED as SECURITY_ACCEPTED
from gateway.schema.security import SECURITY, security_object
from gateway.schema.spelling import respelling_decoder
from gateway.schema.trade_header import FLAT_FIELDS, TRADE_HEADER, flat_header_decoder
from gateway.schema.value import Check, Scalar, scalar

Decode = Callable[[WireMessage, Any], None]
"""Fills an empty message from a JSON object. Raises Mismatch; the message is then half filled."""

Spelling = Callable[[str], str]
"""Makes the name in JSON of the protocol's name of a field."""

_USUAL: Mapping[str, Decode] = MappingProxyType({})


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
        decode = self._compile(descriptor, rules.fields_to_give(descriptor))
        if any(_is_trade_header(field) for field in descriptor.fields):
            decode = self._with_flat_header(descriptor, decode)
        return _with_rules(decode, rules.MESSAGE_RULES.get(descriptor.full_name, ()))

    def _with_flat_header(self, descriptor: Descriptor, decode: Decode) -> Decode:
        header = message(TRADE_HEADER)
        fields = header.fields_by_name
        beside_header = [field for field in rules.fields_to_give(descriptor) if not _is_trade_header(field)]
        open_header = self._compile(header, required=[])
        return flat_header_decoder(
            descriptor,
            decode_whole=decode,
            decode_open=self._compile(descriptor, beside_header, {"header": open_header}),
            checks={name: self._scalar(fields[name]).check for name in FLAT_FIELDS},
            missing=lambda name: self._missing(fields[name]),
        )

    def _scalar(self, field: FieldDescriptor) -> Scalar:
        return scalar(field, self._numbering)

    def _missing(self, field: FieldDescriptor) -> Mismatch:
        """The error for a field that has to be given."""
        name = snake_case(field.name)
        nested = field.message_type
        if nested is None:
            return Mismatch(f"missing, {self._scalar(field).accepted}", name)
        if nested.full_name == SECURITY:
            return Mismatch(f"missing, {SECURITY_ACCEPTED}", name)
        if nested.full_name == TRADE_HEADER:
            return self._missing(nested.fields_by_name[FLAT_FIELDS[0]]).within(name)
        return Mismatch("missing, accepted is an object", name)

    def _compile(
        self,
        descriptor: Descriptor,
        required: list[FieldDescriptor],
        nested_decoders: Mapping[str, Decode] = _USUAL,
    ) -> Decode:
        """The decoder of the message's own fields, of which the caller has to give the `required`.

        `nested_decoders`, by the protocol's name of a field, stand in for the usual ones.

        There are two functions, for the names in snake_case and as the protocol has them. A body that
        is neither goes from the first to the second, and from there through a renaming to the first.
        """
        shared: dict[str, Any] = {
            "Mismatch": Mismatch,
            "as_object": security_object if descriptor.full_name == SECURITY else refuse_object,
        }
        for field in descriptor.fields:
            shared.update(self._names_of(field, nested_decoders))
        snake = self._run(descriptor, required, snake_case, shared)
        declared = self._run(descriptor, required, str, shared)
        decode: Decode = snake["decode"]
        snake["decode_other_spelling"] = declared["decode"]
        declared["decode_other_spelling"] = respelling_decoder(descriptor, decode)
        return decode

    def _run(
        self,
        descriptor: Descriptor,
        required: list[FieldDescriptor],
        spelling: Spelling,
        shared: Mapping[str, Any],
    ) -> dict[str, Any]:
        """The namespace of the compiled source, which has `decode` in it."""

        def missing(body: dict[str, Any]) -> Mismatch:
            return self._missing(next(field for field in required if spelling(field.name) not in body))

        names = frozenset(spelling(field.name) for field in descriptor.fields)
        namespace: dict[str, Any] = {**shared, "NAMES": names, "missing": missing}
        source = self.source(descriptor, frozenset(field.name for field in required), spelling)
        # The source holds nothing but names from the compiled .proto files and numbers.
        exec(compile(source, f"<decoder of {descriptor.full_name}>", "exec"), namespace)  # noqa: S102
        return namespace

    def _names_of(self, field: FieldDescriptor, nested_decoders: Mapping[str, Decode]) -> dict[str, Any]:
        """What the source uses for one field, by name."""
        nested = field.message_type
        if nested is not None:
            decode = nested_decoders.get(field.name) or self.decoder(nested)
            return {f"decode_{field.name}": _list_decoder(decode) if field.is_repeated else decode}
        check = self._scalar(field).check
        return {
            f"check_{field.name}": _list_check(check) if field.is_repeated else check,
            f"plain_{field.name}": self._scalar(field).plain,
        }

    def source(
        self, descriptor: Descriptor, required: frozenset[str], spelling: Spelling = snake_case
    ) -> str:
        """The Python source of a message's decoder; `required` are protocol names."""
        lines = [
            "def decode(message, body):",
            "    if type(body) is not dict:",
            "        body = as_object(body)",
            "    if not NAMES.issuperset(body):",
            "        return decode_other_spelling(message, body)",
            "    is_complete = True",
            "    try:",
        ]
        for field in descriptor.fields:
            name = spelling(field.name)
            lines += [
                f"        if {name!r} in body:",
                f"            value = body[name := {name!r}]",
                *(f"            {line}" for line in self._statements(field)),
            ]
            if field.name in required:
                lines += ["        else:", "            is_complete = False"]
        lines += [
            "    except Mismatch as mismatch:",
            "        raise mismatch.within(name) from None",
            "    if not is_complete:",
            "        raise missing(body)",
            "",
        ]
        return "\n".join(lines)

    def _statements(self, field: FieldDescriptor) -> list[str]:
        """Put the JSON `value` into the field, by the short way where a look shows that it is right."""
        name = field.name
        nested = field.message_type
        if nested is not None:
            put = f"decode_{name}(message.{name}, value)"
            is_empty_possible = not (field.is_repeated or rules.fields_to_give(nested))
            set_empty = [f"if {name!r} not in message:", f"    message.{name}.SetInParent()"]
            return [put, *set_empty] if is_empty_possible else [put]
        if field.is_repeated:
            return [f"message.{name}.extend(check_{name}(value))"]
        if condition := self._scalar(field).condition:
            return [f"message.{name} = value if {condition.format(name)} else check_{name}(value)"]
        return [f"message.{name} = check_{name}(value)"]


def _is_trade_header(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.full_name == TRADE_HEADER


def _with_rules(decode: Decode, message_rules: tuple[rules.MessageRule, ...]) -> Decode:
    if not message_rules:
        return decode

    def decode_with_rules(message: WireMessage, body: Any) -> None:
        decode(message, body)
        for rule in message_rules:
            rule(message, body)

    return decode_with_rules


def refuse_object(value: Any) -> NoReturn:
    """Raises Mismatch for a value that stands where an object is needed."""
    raise found(value, "accepted is an object")


def _list_check(check: Check) -> Check:
    return lambda values: checked_list(values, check)


def checked_list(values: Any, check: Check) -> list[Any]:
    """The checked elements of a JSON list. Raises Mismatch, with the index of the wrong element."""
    if type(values) is not list:
        raise _not_a_list(values)
    checked: list[Any] = []
    try:
        for value in values:
            checked.append(check(value))
    except Mismatch as mismatch:
        raise mismatch.within(len(checked)) from None
    return checked


def _list_decoder(decode: Decode) -> Decode:
    def decode_list(messages: Any, values: Any) -> None:
        if type(values) is not list:
            raise _not_a_list(values)
        try:
            for value in values:
                decode(messages.add(), value)
        except Mismatch as mismatch:
            raise mismatch.within(len(messages) - 1) from None

    return decode_list


def _not_a_list(value: Any) -> Mismatch:
    return found(value, "accepted is a list; put a single value in brackets: [...]")
