"""Enumerations as schemas: numbers with names and meanings, as answers carry them and requests may."""

from collections.abc import Callable, Mapping

from google.protobuf.descriptor import EnumDescriptor, EnumValueDescriptor

from gateway.openapi.component import Components, Schema, base_name
from gateway.schema.comments import Comments
from gateway.schema.enums import folded, short_name
from gateway.schema.numbering import RENUMBERED, TRD_ENV, TRD_MARKET, Numbering, renumbering
from gateway.schema.rules import OPEN_ENUMS
from gateway.schema.value import choices

INTEGER: Schema = {"type": "integer", "format": "int32"}

OTHER_NUMBER: Schema = {**INTEGER, "description": "A number that this version has no name for."}

OTHER_NAME: Schema = {
    "type": "string",
    "pattern": "^[A-Za-z0-9_/]*[A-Za-z][A-Za-z0-9_/]*$",
    "description": "A name in another spelling: with the protocol's prefix, in another case, or as the "
    "official SDK calls it.",
}

NOT_A_NUMBER: Mapping[str, Schema] = {
    TRD_ENV: {
        "type": "string",
        "pattern": "^UNKNOWN_-?[0-9]+$",
        "description": "An environment that is neither of the two, with OpenD's number.",
    },
    TRD_MARKET: {
        "type": "string",
        "const": "CRYPTO",
        "description": "The crypto market, which has no number.",
    },
}
"""What answers carry beside numbers in documented numbering (decisions D1 and D2)."""

SPELLED: Mapping[str, Mapping[str, str]] = {TRD_ENV: {"Simulate": "simulate", "Real": "real"}}
"""Names that callers know in another spelling than the protocol's."""


class Enumerations:
    """Schemas of enumerations in one numbering.

    For the enumeration `TrdSide` there are `TrdSideNumber`, the numbers that have a name; `TrdSide`,
    what an answer carries; `TrdSideName`, the names; `TrdSideInput`, what a request may give, and
    `TrdSideInputOrUnknown` where it may also be the value that stands for none.
    """

    def __init__(self, components: Components, comments: Comments, numbering: Numbering) -> None:
        self._components = components
        self._comments = comments
        self._numbering = numbering

    def answer(self, enumeration: EnumDescriptor) -> Schema:
        """What an answer carries: a number, also one that a newer OpenD knows and the contract does not."""
        others = [OTHER_NUMBER]
        if renumbering(enumeration.full_name, self._numbering):
            others = [NOT_A_NUMBER[enumeration.full_name]]
            others += [OTHER_NUMBER] if enumeration.full_name != TRD_ENV else []
        return self._refer(enumeration, "", lambda: {"anyOf": [self._number(enumeration), *others]})

    def request(self, enumeration: EnumDescriptor, *, refuse_unknown: bool) -> Schema:
        """What a request may give: a number, or a name."""
        strict = choices(enumeration, self._numbering, refuse_unknown=True).numbers
        numbers = choices(enumeration, self._numbering, refuse_unknown=refuse_unknown).numbers
        suffix = "Input" if numbers == strict else "InputOrUnknown"
        return self._refer(enumeration, suffix, lambda: self._input(enumeration, numbers))

    def _refer(self, enumeration: EnumDescriptor, suffix: str, make: Callable[[], Schema]) -> Schema:
        return self._components.refer(base_name(enumeration.full_name) + suffix, enumeration.full_name, make)

    def _input(self, enumeration: EnumDescriptor, numbers: Mapping[int, int]) -> Schema:
        shown = self._shown_numbers(enumeration)
        if set(numbers) <= set(shown):
            number = self._number(enumeration)
            barred = sorted(set(shown) - set(numbers))
            number = {**number, "not": {"enum": barred}} if barred else number
        else:
            number = self._refer(enumeration, "InputNumber", lambda: self._table(enumeration, numbers))
        others = [{**OTHER_NUMBER, "minimum": 0}] if enumeration.full_name in OPEN_ENUMS else []
        return {"anyOf": [number, self._names(enumeration), OTHER_NAME, *others]}

    def _shown_numbers(self, enumeration: EnumDescriptor) -> dict[int, int]:
        """The numbers that answers carry, each with the protocol's."""
        change = renumbering(enumeration.full_name, self._numbering)
        shown = {
            (change.shown[value.number] if change else value.number): value.number
            for value in enumeration.values
        }
        return {number: wire for number, wire in shown.items() if isinstance(number, int)}

    def _number(self, enumeration: EnumDescriptor) -> Schema:
        return self._refer(
            enumeration, "Number", lambda: self._table(enumeration, self._shown_numbers(enumeration))
        )

    def _table(self, enumeration: EnumDescriptor, numbers: Mapping[int, int]) -> Schema:
        """The schema of certain numbers, with the name and the meaning of each."""
        intro = self._comments.of(enumeration.full_name)
        if enumeration.full_name in RENUMBERED:
            intro += f"\n\nIn force here is `trd_env_numbering: {self._numbering}`:"
        rows = [
            f"- `{number}` {_name(enumeration, value)}{self._meaning(enumeration, value)}"
            for number, wire in numbers.items()
            for value in enumeration.values
            if value.number == wire
        ]
        first = [enumeration.values_by_number[wire] for wire in numbers.values()]
        return {
            **INTEGER,
            "enum": list(numbers),
            "x-enum-varnames": _identifiers(enumeration, [_name(enumeration, value) for value in first]),
            "description": "\n".join([intro, "", *rows]).strip(),
        }

    def _meaning(self, enumeration: EnumDescriptor, value: EnumValueDescriptor) -> str:
        meaning = self._comments.of(f"{enumeration.full_name}.{value.name}")
        return f": {meaning}" if meaning else ""

    def _names(self, enumeration: EnumDescriptor) -> Schema:
        accepted = choices(enumeration, self._numbering, refuse_unknown=True).names
        names = [_name(enumeration, value) for value in enumeration.values]
        named = {"type": "string", "enum": [name for name in names if folded(name) in accepted]}
        return self._refer(enumeration, "Name", lambda: named)


def _name(enumeration: EnumDescriptor, value: EnumValueDescriptor) -> str:
    short = short_name(enumeration, value.name)
    return SPELLED.get(enumeration.full_name, {}).get(short, short)


def _identifiers(enumeration: EnumDescriptor, names: list[str]) -> list[str]:
    """Names for programs: none begins with a digit, and none stands twice, though two numbers mean it."""
    words = [name if name.isidentifier() else f"{enumeration.name}_{name}" for name in names]
    return [word if words.index(word) == index else f"{word}_{index}" for index, word in enumerate(words)]
