"""Enumerations as callers may write them: numbers and names, and the fields that carry them.

The protocol declares nearly all enumerations as int32. Which field carries which enumeration is
marked in `proto/` and compiled into `wire_fields.json`.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

from gateway.schema.descriptors import enum
from gateway.schema.numbering import TRD_ENV, TRD_MARKET

MARKS = "wire_fields.json"

SDK_CONSTANTS: Mapping[str, Mapping[str, int]] = {
    "Qot_Common.KLType": {
        "K_1M": 1,
        "K_3M": 10,
        "K_5M": 6,
        "K_10M": 12,
        "K_15M": 7,
        "K_30M": 8,
        "K_60M": 9,
        "K_120M": 13,
        "K_180M": 14,
        "K_240M": 15,
        "K_DAY": 2,
        "K_WEEK": 3,
        "K_MON": 4,
        "K_QUARTER": 11,
        "K_YEAR": 5,
    },
    "Qot_Common.SubType": {
        "QUOTE": 1,
        "RT_DATA": 5,
        "K_1M": 11,
        "K_3M": 17,
        "K_5M": 7,
        "K_10M": 18,
        "K_15M": 8,
        "K_30M": 9,
        "K_60M": 10,
        "K_120M": 19,
        "K_180M": 20,
        "K_240M": 21,
        "K_DAY": 6,
        "K_WEEK": 12,
        "K_MON": 13,
        "K_QUARTER": 15,
        "K_YEAR": 16,
    },
    "Qot_Common.QotMarket": {
        "HK": 1,
        "US": 11,
        "SH": 21,
        "SZ": 22,
        "SG": 31,
        "JP": 41,
        "AU": 51,
        "MY": 61,
        "CA": 71,
        "FX": 81,
        "CC": 91,
        "EC": 101,
    },
    "Qot_Common.RehabType": {"QFQ": 1, "HFQ": 2},
    "Qot_Common.OptionType": {"ALL": 0},
    "Qot_Common.OrderBookType": {"N/A": 0, "NONE": 0},
    "Qot_Common.SecurityType": {"STOCK": 3, "ETF": 4, "IDX": 6},
    "Qot_Common.WarrantType": {"CALL": 1, "PUT": 2},
    "Qot_GetOptionChain.OptionCondType": {"ALL": 0},
    "Qot_StockFilter.FinancialField": {"NET_PROFIX_GROWTH": 2, "DEBT_ASSET_RATE": 7},
    "Qot_StockFilter.PatternField": {"BOLL_BREAK_LOWER": 18},
    "Qot_StockFilter.SortDir": {"N/A": 0, "NONE": 0},
    "Trd_Common.OrderType": {"TWAP": 16, "VWAP": 18},
    "Trd_Common.TrdSecMarket": {"SH": 31, "SZ": 32},
}
"""The official SDK's constants that are not the protocol's own names in another spelling."""

UNKNOWN_SPELLINGS = frozenset({"UNKNOWN", "UNKNOW", "UNKONW"})
"""How the protocol spells the value that stands for none, where it has one."""

SDK_UNKNOWN = ("N/A", "NONE")
"""The SDK's two words for that value: the constant's text and its name."""

_NEEDED_MARKS = {
    "trdEnv": TRD_ENV,
    "trdMarket": TRD_MARKET,
    "trdMarketAuthList": TRD_MARKET,
    "filterMarket": TRD_MARKET,
}


@cache
def _marks() -> dict[str, str]:
    entries = json.loads(files(__package__).joinpath(MARKS).read_bytes())
    return {name: entry["enum"] for name, entry in entries.items() if "enum" in entry}


def enum_of(field: FieldDescriptor) -> EnumDescriptor | None:
    """The enumeration whose values the field carries, as its type or as int32; None for others.

    Raises LookupError when a field of an environment or a trade market has not the mark that
    renumbers it: without it a paper order could become a real one.
    """
    if field.enum_type is not None:
        return field.enum_type
    name = _marks().get(field.full_name)
    if name != _NEEDED_MARKS.get(field.name, name):
        raise LookupError(f"{field.full_name} is not marked as {_NEEDED_MARKS[field.name]} in proto/")
    return enum(name) if name else None


def short_name(enumeration: EnumDescriptor, value_name: str) -> str:
    """A value's name without the prefix that the protocol puts before it: `KLType_Day` -> `Day`."""
    return value_name.removeprefix(f"{enumeration.name}_")


def folded(name: str) -> str:
    """The form in which names are compared: case and underscores are ignored."""
    return name.replace("_", "").upper()


def is_unknown(enumeration: EnumDescriptor, value_name: str) -> bool:
    """Whether a value is the one that stands for none."""
    return folded(short_name(enumeration, value_name)) in UNKNOWN_SPELLINGS


@cache
def numbers_by_name(enumeration: EnumDescriptor) -> Mapping[str, int]:
    """Every accepted name, folded, with the protocol's number.

    Raises ValueError when one name would mean two numbers.
    """
    numbers: dict[str, int] = {}
    for name, number in _spellings(enumeration):
        if numbers.setdefault(folded(name), number) != number:
            raise ValueError(f"{enumeration.full_name}: {name} is ambiguous")
    return numbers


def _spellings(enumeration: EnumDescriptor) -> list[tuple[str, int]]:
    pairs = list(SDK_CONSTANTS.get(enumeration.full_name, {}).items())
    for value in enumeration.values:
        short = short_name(enumeration, value.name)
        pairs += [(value.name, value.number), (short, value.number)]
        if is_unknown(enumeration, value.name) or folded(short) == "NONE":
            pairs += [(word, value.number) for word in SDK_UNKNOWN]
    return pairs
